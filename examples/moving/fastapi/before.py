# before.py
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Header, HTTPException, Query, WebSocket
from pydantic import BaseModel, Field

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


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.items = Items()
    yield


app = FastAPI(lifespan=lifespan)
router = APIRouter(prefix="/items")


def open_items() -> Iterator[Items]:
    items = app.state.items
    items.is_open = True
    try:
        yield items
    finally:
        items.is_open = False


def read_token(authorization: Annotated[str, Header()] = "") -> str:
    if not authorization.startswith("Bearer "):
        raise HTTPException(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
    return authorization.removeprefix("Bearer ")


@router.get("/", response_model=list[Item])
def index(items: Annotated[Items, Depends(open_items)], limit: Annotated[int, Query(ge=1, le=100)] = 10):
    return list(items.rows.values())[:limit]


@router.get("/{id}", response_model=Item)
def show(id: int, items: Annotated[Items, Depends(open_items)]):
    if id not in items.rows:
        raise HTTPException(404, "There is no such item.")
    return items.rows[id]


@router.post("/", status_code=201)
def create(
    new: NewItem,
    token: Annotated[str, Depends(read_token)],
    items: Annotated[Items, Depends(open_items)],
    tasks: BackgroundTasks,
) -> Item:
    item = Item(id=len(items.rows) + 1, **new.model_dump())
    items.rows[item.id] = item
    tasks.add_task(SENT.append, item.id)
    return item


@app.get("/version")
def version() -> str:
    return "1.0"


@app.websocket("/prices/{id}")
async def prices(websocket: WebSocket, id: int):
    await websocket.accept()
    await websocket.send_json({"id": id, "price": app.state.items.rows[id].price})
    await websocket.close()


app.include_router(router)
