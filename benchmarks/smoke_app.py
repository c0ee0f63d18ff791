"""The application that `smoke.py` measures: a text, a JSON answer with a path parameter, a ``def`` handler, a body."""

from __future__ import annotations

import msgspec

from costrel import App, TextResponse

app = App("smoke")


class Item(msgspec.Struct):
    """A typed body."""

    name: str
    price: float
    tags: list[str]


@app.get("/")
async def text() -> TextResponse:
    """Answer with text."""
    return TextResponse("Hello, World!")


@app.get("/user/{id}")
async def user(id: int) -> dict[str, object]:
    """Answer with JSON."""
    return {"id": id, "name": "ann"}


@app.get("/sync")
def sync() -> TextResponse:
    """Answer from a worker thread."""
    return TextResponse("Hello, World!")


@app.post("/item")
async def item(item: Item) -> Item:
    """Decode, validate and encode again."""
    return item
