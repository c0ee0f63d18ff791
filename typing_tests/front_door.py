"""Code that must type-check: what a user writes, with the types that a checker infers for it."""

from __future__ import annotations

from typing import Annotated, Any, assert_type

import msgspec

from costrel import (
    App,
    Blueprint,
    Depends,
    Query,
    Request,
    Response,
    current_app,
    g,
    redirect,
    request,
    session,
    url_for,
)
from costrel.app import Globals
from costrel.messages import AppView, Dispatch, SessionView

app = App(__name__)
shop = Blueprint("shop", prefix="/shop")


class Order(msgspec.Struct):
    """A typed body."""

    item: str
    count: int = 1


@app.get("/orders/{id}")
async def show(id: int, verbose: bool = False) -> Order:
    """Show an order."""
    return Order("tea", id if verbose else 1)


@shop.post("/orders", status_code=201)
def create(order: Order, page: Annotated[int, Query()] = 1, size: int = Query(20)) -> Order:
    """Create an order."""
    assert_type(request, Request)
    assert_type(session, SessionView)
    assert_type(g, Globals)
    assert_type(current_app, AppView)
    assert_type(request.method, str)
    assert_type(request.query["q"], str)
    assert_type(request.json(type=Order), Order)
    return order


def connection() -> str:
    """Provide something."""
    return "connection"


@app.delete("/orders/{id}", meta={"audit": True})
def delete(id: int, db: str = Depends(connection)) -> None:
    """Delete an order."""


async def timing(request: Request, call_next: Dispatch) -> Response:
    """Stand around every route."""
    response = await call_next(request)
    response.headers["server-timing"] = "app;dur=1"
    return response


app.register(shop)
assert_type(url_for("show", id=3), str)
assert_type(redirect("/").status_code, int)
state: Any = app.state
