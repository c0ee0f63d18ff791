"""Costrel on its own server: ``costrel run peers.costrel:app --no-access-log``."""

from __future__ import annotations

from costrel import App, TextResponse
from peers.struct_order import Order

app = App("costrel")


@app.get("/")
async def text() -> TextResponse:
    """Answer with text."""
    return TextResponse("Hello, World!")


@app.get("/user/{id}")
async def user(id: int) -> dict[str, int]:
    """Answer with JSON."""
    return {"id": id}


@app.post("/order")
async def order(order: Order) -> Order:
    """Decode, validate and echo."""
    return order


@app.get("/sync")
def sync() -> TextResponse:
    """Answer from a thread."""
    return TextResponse("Hello, World!")
