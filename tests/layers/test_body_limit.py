from __future__ import annotations

import math

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import BodyLimit
from costrel.messages import BodyStream, Request, WebSocket
from costrel.testing import TestClient

TEN = BodyLimit(10)


def app_with(*layers: BodyLimit) -> App:
    app = App("test", use=layers)

    @app.post("/")
    async def index(request: Request) -> str:
        return str(len(request.body))

    @app.post("/stream")
    async def stream(body: BodyStream) -> str:
        return str(sum([len(piece) async for piece in body]))

    @app.post("/larger", use=[BodyLimit(2_000_000)])
    async def larger(request: Request) -> str:
        return str(len(request.body))

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("x" * 20)

    return app


def pieces(size_bytes: int) -> list[bytes]:
    return [b"x"] * size_bytes


@pytest.mark.parametrize("path", ["/", "/stream"])
@pytest.mark.parametrize(
    ("content", "status_code"),
    [
        pytest.param(b"x" * 10, 200, id="at-the-limit"),
        pytest.param(b"x" * 11, 413, id="over-it"),
        pytest.param(pieces(10), 200, id="chunked-at-the-limit"),
        pytest.param(pieces(11), 413, id="chunked-over-it"),
        pytest.param(b"", 200, id="nothing"),
    ],
)
def test_a_body_over_the_limit_is_refused(path: str, content: object, status_code: int) -> None:
    """It is counted while it is read, whether its length was declared or not."""
    with app_with(TEN).test_client(raise_app_exceptions=False) as client:
        assert status_code == client.post(path, content=content).status_code


def test_it_holds_for_forms_with_files_too() -> None:
    """One limit, every media type."""
    with app_with(TEN).test_client() as client:
        assert 413 == client.post("/", files={"file": ("a.txt", b"x" * 5)}).status_code


def test_the_innermost_counts() -> None:
    """A route for uploads takes more than its application, and more than the settings say."""
    with app_with(TEN).test_client() as client:
        assert "1500000" == client.post("/larger", content=b"x" * 1_500_000).text


def test_without_it_the_settings_count() -> None:
    """The limit of `AppSettings` is there anyway."""
    with app_with().test_client() as client:
        assert 413 == client.post("/", content=b"x" * 1_500_000).status_code


def test_zero_is_no_body_at_all() -> None:
    """A limit of nothing is a limit."""
    with app_with(BodyLimit(0)).test_client() as client:
        assert [200, 413] == [client.post("/", content=content).status_code for content in (b"", b"x")]


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around is limited."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[TEN] if scope == "blueprint" else [])

    @part.post("/", use=[TEN] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.post("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [200, 413] == [client.post(path, content=b"x" * 20).status_code for path in ("/", "/part/")]


def test_messages_of_a_socket_are_no_body() -> None:
    """A handshake passes; its messages have a limit of their own."""
    with TestClient(app_with(TEN)) as client, client.websocket("/ws") as socket:
        assert "x" * 20 == socket.receive()


@pytest.mark.parametrize("max_bytes", [-1, 1.5, math.nan, math.inf, "10", None, True], ids=repr)
def test_a_limit_that_limits_nothing_is_refused(max_bytes: object) -> None:
    """A value that nothing is greater than would switch the limit off unnoticed."""
    with pytest.raises(ConfigurationError) as caught:
        BodyLimit(max_bytes)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""

    assert [413] == list(TEN.describe().status_codes)
    assert "BodyLimit(10)" == repr(TEN)
