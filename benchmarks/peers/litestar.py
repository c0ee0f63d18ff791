"""Litestar on uvicorn, with msgspec, which it builds on."""

from __future__ import annotations

from litestar import Litestar, MediaType, get, post
from litestar.status_codes import HTTP_200_OK

from peers.struct_order import Order


@get("/", media_type=MediaType.TEXT)
async def text() -> str:
    """Answer with text."""
    return "Hello, World!"


@get("/user/{id:int}")
async def user(id: int) -> dict[str, int]:
    """Answer with JSON."""
    return {"id": id}


@post("/order", status_code=HTTP_200_OK)
async def order(data: Order) -> Order:
    """Decode, validate and echo."""
    return data


@get("/sync", media_type=MediaType.TEXT, sync_to_thread=True)
def sync() -> str:
    """Answer from a thread."""
    return "Hello, World!"


app = Litestar([text, user, order, sync])
