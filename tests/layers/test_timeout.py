from __future__ import annotations

import asyncio
import math
import threading

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import Timeout
from costrel.messages import Request, WebSocket
from costrel.testing import TestClient, WebSocketRefused

SOON = Timeout(0.01)
LATER = Timeout(60)


async def wait_for_ever() -> str:
    await asyncio.Event().wait()
    return "never"


def test_a_handler_that_takes_too_long_is_answered_for() -> None:
    """The client gets 503 and is told to come back (RFC 9110 §15.6.4)."""
    app = App("test", use=[SOON])
    app.add_route("/", wait_for_ever)

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (503, "1") == (response.status_code, response.headers["retry-after"])


def test_a_handler_in_a_thread_is_answered_for_too() -> None:
    """A thread cannot be stopped, but nobody has to wait for it."""
    app, released = App("test", use=[SOON]), threading.Event()

    @app.get("/")
    def index() -> str:
        released.wait(5)
        return "late"

    with app.test_client(raise_app_exceptions=False) as client:
        status_code = client.get("/").status_code
        released.set()

    assert 503 == status_code


def test_a_handler_in_time_is_not_disturbed() -> None:
    """The deadline is a moment, and passes unnoticed."""
    app = App("test", use=[LATER])

    @app.get("/")
    async def index(request: Request) -> str:
        assert request.deadline_seconds is not None
        return str(50 < request.deadline_seconds <= 60)

    with app.test_client() as client:
        assert "True" == client.get("/").text
        assert 404 == client.get("/nothing").status_code


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        pytest.param(SOON, LATER, True, id="more-time"),
        pytest.param(LATER, Timeout(30), True, id="less-time"),
        pytest.param(SOON, Timeout(None), False, id="no-limit"),
    ],
)
def test_the_innermost_counts(outer: Timeout, inner: Timeout, expected: bool) -> None:
    """A route knows better than its application how long it takes."""
    app = App("test", use=[outer])

    @app.get("/", use=[inner])
    async def index(request: Request) -> str:
        return str(request.deadline_seconds is not None and request.deadline_seconds > 20)

    with app.test_client() as client:
        assert str(expected) == client.get("/").text


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around has a deadline."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[LATER] if scope == "blueprint" else [])

    @part.get("/", use=[LATER] if scope == "route" else [])
    async def inside(request: Request) -> str:
        return str(request.deadline_seconds is None)

    @app.get("/")
    async def outside(request: Request) -> str:
        return str(request.deadline_seconds is None)

    app.register(part)
    with app.test_client() as client:
        assert ["True", "False"] == [client.get(path).text for path in ("/", "/part/")]


def test_a_handshake_has_a_deadline_and_its_socket_has_none() -> None:
    """What comes before the socket is bounded; how long people talk is not."""
    app = App("test", use=[Timeout(0.05)])

    async def slow(request: Request) -> None:
        if request.path == "/slow":
            await wait_for_ever()

    app.before_request(slow)

    @app.websocket("/slow")
    async def never(socket: WebSocket) -> None:
        await socket.send("never")

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await asyncio.sleep(0.1)  # twice the deadline
        await socket.send("hello")

    with TestClient(app, raise_app_exceptions=False) as client:
        with pytest.raises(WebSocketRefused) as caught, client.websocket("/slow"):
            pass
        with client.websocket("/") as socket:
            assert "hello" == socket.receive()

    assert 503 == caught.value.response.status_code


@pytest.mark.parametrize(
    "seconds", [0, -1, math.nan, math.inf, "2", True], ids=["zero", "negative", "nan", "infinite", "text", "bool"]
)
def test_a_time_that_is_none_is_refused(seconds: object) -> None:
    """A limit that never ends must not come from a slip."""
    with pytest.raises(ConfigurationError) as caught:
        Timeout(seconds)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""

    assert ([503], []) == (list(SOON.describe().status_codes), list(Timeout(None).describe().status_codes))
    assert "Timeout(0.01)" == repr(SOON)
