"""Sanic on its own server; it leaves the model to the user, and runs plain functions on the loop."""

from __future__ import annotations

import msgspec
from sanic import HTTPResponse, Request, Sanic, json, raw, text

from peers.struct_order import Order

decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode
app = Sanic("peer")


@app.get("/")
async def hello(request: Request) -> HTTPResponse:
    """Answer with text."""
    return text("Hello, World!")


@app.get("/user/<id:int>")
async def user(request: Request, id: int) -> HTTPResponse:
    """Answer with JSON."""
    return json({"id": id})


@app.post("/order")
async def order(request: Request) -> HTTPResponse:
    """Decode, validate and echo."""
    return raw(encode(decode(request.body)), content_type="application/json")


@app.exception(msgspec.ValidationError)
async def refuse(request: Request, error: msgspec.ValidationError) -> HTTPResponse:
    """Answer an order that is none."""
    return text(str(error), 422)
