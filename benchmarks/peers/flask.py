"""Flask on gunicorn with threads; it leaves the model to the user."""

from __future__ import annotations

import msgspec
from flask import Flask, Response, request

from peers.struct_order import Order

decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode
app = Flask(__name__)


@app.get("/")
@app.get("/sync", endpoint="sync")
def text() -> Response:
    """Answer with text."""
    return Response("Hello, World!", mimetype="text/plain")


@app.get("/user/<int:id>")
def user(id: int) -> dict[str, int]:
    """Answer with JSON."""
    return {"id": id}


@app.post("/order")
def order() -> Response:
    """Decode, validate and echo."""
    return Response(encode(decode(request.get_data())), mimetype="application/json")


@app.errorhandler(msgspec.ValidationError)
def refuse(error: msgspec.ValidationError) -> tuple[dict[str, str], int]:
    """Answer an order that is none."""
    return {"error": str(error)}, 422
