"""Starlette on uvicorn; it leaves the model to the user."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from peers.struct_order import Order

decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode


async def text(request: Request) -> Response:
    """Answer with text."""
    return PlainTextResponse("Hello, World!")


async def user(request: Request) -> Response:
    """Answer with JSON."""
    return JSONResponse({"id": request.path_params["id"]})


async def order(request: Request) -> Response:
    """Decode, validate and echo."""
    try:
        order = decode(await request.body())
    except msgspec.ValidationError as error:
        return PlainTextResponse(str(error), 422)
    return Response(encode(order), media_type="application/json")


def sync(request: Request) -> Response:
    """Answer from a thread."""
    return PlainTextResponse("Hello, World!")


app = Starlette(
    routes=[
        Route("/", text),
        Route("/user/{id:int}", user),
        Route("/order", order, methods=["POST"]),
        Route("/sync", sync),
    ]
)
