# after.py
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta
from pydantic import BaseModel, Field

from costrel import App, Blueprint, Depends, Header, NotFound, Unauthorized, WebSocket, after_response

SENT: list[int] = []


class NewItem(BaseModel):
    name: str = Field(min_length=1)
    price: float = Field(gt=0)


class Item(NewItem):
    id: int


class Items:
    def __init__(self) -> None:
        self.rows: dict[int, Item] = {}
        self.is_open = False


app = App(text_as="json")
items = Blueprint("items", prefix="/items")


@app.on_start
async def start():
    app.state.items = Items()


def open_items() -> Iterator[Items]:
    items = app.state.items
    items.is_open = True
    try:
        yield items
    finally:
        items.is_open = False


app.provide(Items, open_items)


def read_token(authorization: Annotated[str, Header()] = "") -> str:
    if not authorization.startswith("Bearer "):
        raise Unauthorized("Log in first.", headers={"WWW-Authenticate": "Bearer"})
    return authorization.removeprefix("Bearer ")


@items.get("/")
def index(items: Items, limit: Annotated[int, Meta(ge=1, le=100)] = 10) -> list[Item]:
    return list(items.rows.values())[:limit]


@items.get("/{id}")
def show(id: int, items: Items) -> Item:
    if id not in items.rows:
        raise NotFound("There is no such item.")
    return items.rows[id]


@items.post("/", status_code=201)
def create(new: NewItem, token: Annotated[str, Depends(read_token)], items: Items) -> Item:
    item = Item(id=len(items.rows) + 1, **new.model_dump())
    items.rows[item.id] = item
    after_response(SENT.append, item.id)
    return item


@app.get("/version")
def version() -> str:
    return "1.0"


@app.websocket("/prices/{id}")
async def prices(socket: WebSocket, id: int):
    await socket.send_json({"id": id, "price": app.state.items.rows[id].price})


app.register(items)
