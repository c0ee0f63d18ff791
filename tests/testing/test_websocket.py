"""The client's end of a WebSocket."""

from __future__ import annotations

import pytest

from costrel.app import App
from costrel.errors import Disconnect
from costrel.messages import Response, WebSocket
from costrel.testing import WebSocketRefused


def make_app() -> App:
    """Make an application without extensions."""
    return App("tested", extensions=())


@pytest.mark.capability("C161")
@pytest.mark.capability("C108")
def test_a_websocket_talks() -> None:
    """Text, bytes and JSON go both ways; subprotocol and headers of the handshake are there."""
    app = make_app()

    @app.websocket("/{room}", subprotocols=("v2", "v1"))
    async def talk(socket: WebSocket, room: str) -> None:
        await socket.send(room + socket.headers["x-a"])
        await socket.send(await socket.receive_bytes())
        await socket.send_json({"got": await socket.receive_json()})

    with app.test_client() as client, client.websocket("/r", subprotocols=["v1"], headers={"X-A": "!"}) as socket:
        text = socket.receive_text()
        socket.send_bytes(b"\0")
        content = socket.receive_bytes()
        socket.send_json([1])
        value = socket.receive_json(dict[str, list[int]])
        with pytest.raises(Disconnect) as end:
            socket.receive()

    assert ("r!", b"\0", {"got": [1]}, "v1", 1000) == (text, content, value, socket.subprotocol, end.value.code)


@pytest.mark.pain("P15")
def test_a_websocket_that_says_nothing_is_named() -> None:
    """A receive has a limit, and its error names the line of the handler."""
    app = make_app()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.receive()

    with app.test_client() as client, client.websocket("/chat") as socket:
        with pytest.raises(TimeoutError) as error:
            socket.receive(timeout_seconds=0.01)
        socket.send_text("go on")

    assert "has sent no message on /chat within 0.01 seconds. It is waiting in" in str(error.value)
    assert f"{__file__}:" in str(error.value)
    assert "await socket.receive()" in str(error.value)


def test_leaving_the_block_closes_the_socket_and_waits_for_the_handler() -> None:
    """A handler that iterates ends, and has ended when the block is over."""
    app = make_app()
    log: list[object] = []

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        async for message in socket:
            log.append(message)
        log.append("end")

    with app.test_client() as client:
        with client.websocket("/") as socket:
            socket.send_text("a")

        assert ["a", "end"] == log


def test_the_wrong_kind_of_message_is_an_error_of_the_test() -> None:
    """Text where bytes were expected is shown."""
    app = make_app()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        await socket.send("text")
        await socket.send(b"bytes")

    with app.test_client() as client, client.websocket("/") as socket:
        with pytest.raises(TypeError, match="'text'"):
            socket.receive_bytes()
        with pytest.raises(TypeError, match="b'bytes'"):
            socket.receive_text()


@pytest.mark.capability("C109")
def test_a_refused_websocket_has_the_response() -> None:
    """The refusal is an exception with the answer of the application."""
    app = make_app()

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("the handler of a refused socket ran")

    @app.before_request
    def refuse() -> Response:
        return Response("not you", 403)

    refused = pytest.raises(WebSocketRefused, match="refused with 403: not you")
    with app.test_client() as client, refused as refusal, client.websocket("/"):
        pass

    assert (403, "not you") == (refusal.value.response.status_code, refusal.value.response.text)


def test_a_handler_of_a_socket_that_fails_closes_it() -> None:
    """The client sees 1011, or in the test the exception itself where the socket's body tells it."""
    app = make_app()

    @app.websocket("/")
    async def fail(socket: WebSocket) -> None:
        raise LookupError("the bug")

    client = app.test_client(raise_app_exceptions=False)
    with client, client.websocket("/") as socket, pytest.raises(Disconnect) as end:
        socket.receive()

    assert 1011 == end.value.code
