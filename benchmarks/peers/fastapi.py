"""FastAPI on uvicorn, with pydantic and with return types, from which it writes JSON fastest."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from peers.pydantic_order import Order

app = FastAPI()


class User(BaseModel):
    """What the JSON route answers."""

    id: int


@app.get("/", response_class=PlainTextResponse)
async def text():
    """Answer with text."""
    return "Hello, World!"


@app.get("/user/{id}")
async def user(id: int) -> User:
    """Answer with JSON."""
    return User(id=id)


@app.post("/order")
async def order(order: Order) -> Order:
    """Decode, validate and echo."""
    return order


@app.get("/sync", response_class=PlainTextResponse)
def sync():
    """Answer from a thread."""
    return "Hello, World!"
