"""Errors are made into answers innermost, and go out through the same layers as every answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from costrel import App, Blueprint, Request, Response, abort
from costrel.layers import CORS, RequestID
from costrel.messages import Dispatch

pytestmark = pytest.mark.pain("P18")

ORIGIN = "https://shop.example"


@dataclass
class Order:
    """What a client may send."""

    count: int


async def crashing(request: Request, call_next: Dispatch) -> Response:
    """Be a layer with a mistake, between the others and the handler."""
    if request.path.endswith("/layer"):
        raise RuntimeError("the layer is broken")
    return await call_next(request)


def provide_nothing() -> str:
    raise ExceptionGroup("in a task", [LookupError("no row")])


def app_with_errors(scope: str) -> tuple[App, str]:
    """Make an application whose layers stand on the app or on a blueprint; return it with the prefix."""
    layers: list[Any] = [RequestID(), CORS([ORIGIN], credentials=True), crashing]
    app = App("test", extensions=(), use=layers if scope == "app" else ())
    part = Blueprint("part", prefix="/part", use=layers if scope == "blueprint" else ())

    @part.get("/crash")
    async def crash() -> str:
        raise RuntimeError("the handler is broken")

    @part.get("/thread")
    def crash_in_thread() -> str:
        raise RuntimeError("the handler is broken")

    @part.get("/abort")
    async def refuse() -> str:
        abort(409, "taken")

    @part.get("/layer")
    async def layer() -> str:
        return "never"

    @part.get("/group")
    async def group() -> str:
        return provide_nothing()

    @part.post("/order")
    async def order(order: Order) -> str:
        return str(order.count)

    app.register(part)
    return app, "/part"


@pytest.mark.parametrize("scope", ["app", "blueprint"])
@pytest.mark.parametrize(
    ("method", "path", "body", "status_code"),
    [
        pytest.param("GET", "/crash", b"", 500, id="500-handler"),
        pytest.param("GET", "/thread", b"", 500, id="500-thread"),
        pytest.param("GET", "/layer", b"", 500, id="500-layer"),
        pytest.param("GET", "/group", b"", 500, id="500-group"),
        pytest.param("GET", "/nothing", b"", 404, id="404"),
        pytest.param("PUT", "/order", b"", 405, id="405"),
        pytest.param("GET", "/abort", b"", 409, id="409"),
        pytest.param("POST", "/order", b'{"count": 1' + b" " * 2_000_000 + b"}", 413, id="413"),
        pytest.param("POST", "/order", b'{"count": "x"}', 422, id="422"),
    ],
)
def test_every_error_has_cors_and_a_request_id(
    scope: str, method: str, path: str, body: bytes, status_code: int
) -> None:
    """The page that asked may read what went wrong, and its user can say which request it was."""
    app, prefix = app_with_errors(scope)
    headers = {"origin": ORIGIN, "content-type": "application/json"}

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.request(method, prefix + path, content=body, headers=headers)

    assert status_code == response.status_code
    assert (ORIGIN, "true") == (
        response.headers["access-control-allow-origin"],
        response.headers["access-control-allow-credentials"],
    )
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param((Exception, LookupError, KeyError), "KeyError", id="general-first"),
        pytest.param((KeyError, LookupError, Exception), "KeyError", id="special-first"),
    ],
)
def test_the_most_special_handler_wins_in_any_order(order: tuple[type[Exception], ...], expected: str) -> None:
    """Where a handler of errors was registered says nothing about which is asked."""
    app = App("test", extensions=())
    for kind in order:
        app.errorhandler(kind)(lambda error, kind=kind: (kind.__name__, 418))

    @app.get("/")
    async def index() -> str:
        raise KeyError("row")

    with app.test_client() as client:
        response = client.get("/")

    assert (418, expected) == (response.status_code, response.text)


def test_a_group_of_one_error_is_that_error() -> None:
    """A task group around a lookup does not hide what went wrong from the handler for it."""
    app = App("test", extensions=())
    app.errorhandler(LookupError)(lambda error: (str(error), 404))

    @app.get("/")
    async def index() -> str:
        return provide_nothing()

    with app.test_client() as client:
        response = client.get("/")

    assert (404, "no row") == (response.status_code, response.text)
