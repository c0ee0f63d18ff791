"""The ASGI gateway under real servers, on sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from costrel.app import App
from costrel.errors import Forbidden
from costrel.messages import BodyStream, Request, StreamResponse, WebSocket

pytestmark = pytest.mark.integration

tenant: ContextVar[str] = ContextVar("tenant")
PIECE = b"x" * 65_536


def read_all(port: int, request: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        received = bytearray()
        while piece := connection.recv(65_536):
            received += piece
        return bytes(received)


def test_a_request_reaches_its_handler_and_the_answer_its_client(run_server: Callable[..., Iterator[int]]) -> None:
    """Path, query, header fields, body and status pass the gateway unchanged."""
    app = App(extensions=())

    @app.post("/items/{item}", status_code=201)
    async def create(request: Request, item: int, note: str) -> dict[str, Any]:
        return {"item": item, "note": note, "body": request.json(), "x": request.headers["x-test"]}

    with run_server(app) as port:
        response = httpx.post(
            f"http://127.0.0.1:{port}/items/7", params={"note": "a b"}, json={"k": "ü"}, headers={"X-Test": "1"}
        )

    assert (201, {"item": 7, "note": "a b", "body": {"k": "ü"}, "x": "1"}) == (response.status_code, response.json())


def test_a_def_handler_and_a_head_request(run_server: Callable[..., Iterator[int]]) -> None:
    """A HEAD response has the fields of GET and no content."""
    app = App(extensions=())

    @app.get("/")
    def index() -> str:
        return "hello"

    with run_server(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        got, head = client.get("/"), client.head("/")

    assert ("hello", "5", b"") == (got.text, head.headers["content-length"], head.content)


def test_streams_pass_both_ways(run_server: Callable[..., Iterator[int]]) -> None:
    """A body that is sent in pieces is read in pieces, and so is the answer."""
    app = App(extensions=())

    @app.post("/")
    async def echo(body: BodyStream) -> StreamResponse:
        async def answer() -> AsyncIterator[bytes]:
            size = 0
            async for piece in body:
                size += len(piece)
            yield str(size).encode()
            for _ in range(20):
                yield PIECE

        return StreamResponse(answer())

    with run_server(app) as port:
        response = httpx.post(f"http://127.0.0.1:{port}/", content=iter([PIECE] * 10))

    assert b"655360" + 20 * PIECE == response.content


@pytest.mark.capability("C035")
@pytest.mark.pain("P10")
def test_a_handler_is_told_that_its_client_left(run_server: Callable[..., Iterator[int]]) -> None:
    """Whoever waits for the disconnect is woken within 100 ms of it."""
    app = App(extensions=())
    waiting, gone = threading.Event(), threading.Event()

    @app.get("/")
    async def wait(request: Request) -> str:
        waiting.set()
        await request.wait_disconnected()
        gone.set()
        return ""

    with run_server(app) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert waiting.wait(5)
        started_at = time.monotonic()
        assert gone.wait(5)

    assert time.monotonic() - started_at < 1


@pytest.mark.pain("P10")
def test_a_handler_can_ask_whether_its_client_left(run_server: Callable[..., Iterator[int]]) -> None:
    """The bool tells it too, in a thread as well."""
    app = App(extensions=())
    asking, gone = threading.Event(), threading.Event()

    @app.get("/")
    def ask(request: Request) -> str:
        while not request.is_disconnected:
            asking.set()
            time.sleep(0.01)
        gone.set()
        return ""

    with run_server(app) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert asking.wait(5)

        assert gone.wait(5)


@pytest.mark.pain("P22")
def test_a_stream_is_closed_when_its_client_left(run_server: Callable[..., Iterator[int]]) -> None:
    """An endless stream ends with its client, and its generator is closed."""
    app = App(extensions=())
    closed = threading.Event()

    @app.get("/")
    async def endless() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
                    await asyncio.sleep(0.005)
            finally:
                closed.set()

        return StreamResponse(pieces())

    with run_server(app) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.recv(1000)

        assert closed.wait(5)


@pytest.mark.pain("P22")
def test_a_stream_that_breaks_off_has_no_clean_end(run_server: Callable[..., Iterator[int]]) -> None:
    """The last chunk is missing, so the client does not take the half for the whole."""
    app = App(extensions=())

    @app.get("/")
    async def broken() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("the other half is missing")

        return StreamResponse(pieces())

    with run_server(app) as port:
        received = read_all(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"4\r\nhalf\r\n")


@pytest.mark.capability("C108")
@pytest.mark.pain("P21")
def test_a_websocket_talks(run_server: Callable[..., Iterator[int]]) -> None:
    """Text and bytes go both ways, the subprotocol is agreed on, and the end of the handler closes with 1000."""
    app = App(extensions=())

    @app.websocket("/chat/{room}", subprotocols=("chat.v2", "chat.v1"))
    async def chat(socket: WebSocket, room: str) -> None:
        await socket.send(f"{room}: {await socket.receive_text()}")
        await socket.send(await socket.receive_bytes())

    with run_server(app) as port, connect(f"ws://127.0.0.1:{port}/chat/a", subprotocols=["chat.v1"]) as client:
        client.send("hi")
        text = client.recv()
        client.send(b"\0\1")
        content = client.recv()
        with pytest.raises(ConnectionClosed) as closing:
            client.recv()

    assert ("a: hi", b"\0\1", "chat.v1") == (text, content, client.subprotocol)
    assert closing.value.rcvd is not None
    assert 1000 == closing.value.rcvd.code


@pytest.mark.capability("C109")
def test_a_websocket_is_refused_with_a_response(run_server: Callable[..., Iterator[int]]) -> None:
    """The client sees status and body of the refusal."""
    app = App(extensions=())

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("the handler of a refused socket ran")

    @app.before_request
    async def refuse() -> None:
        raise Forbidden("Not you.")

    with run_server(app) as port, pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{port}/")

    response = refusal.value.response
    assert 403 == response.status_code
    assert b"Not you." in (response.body or b"")


@pytest.mark.pain("P21")
def test_the_peers_close_code_reaches_the_handler(run_server: Callable[..., Iterator[int]]) -> None:
    """A handler that looks sees code and reason; one that iterates just ends."""
    app = App(extensions=())
    seen: list[object] = []
    ended = threading.Event()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        async for message in socket:
            seen.append(message)
        seen.append(socket.closed.code if socket.closed is not None else None)
        ended.set()

    with run_server(app) as port:
        with connect(f"ws://127.0.0.1:{port}/") as client:
            client.send("one")
            client.close(4001, "bye")
        assert ended.wait(5)

    # Hypercorn keeps the code to itself.
    assert ["one", 1006 if "hypercorn" in run_server.__name__ else 4001] == seen


@pytest.mark.pain("P13")
def test_the_lifespan_runs_once_and_its_variables_are_seen(run_server: Callable[..., Iterator[int]]) -> None:
    """Start-up comes before the first request, the stop after the last, and context variables reach the handlers."""
    app = App(extensions=())
    log: list[str] = []

    @app.lifespan
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        log.append("start")
        tenant.set("acme")
        yield
        log.append("stop")

    @app.get("/")
    async def who() -> str:
        log.append("request")
        return tenant.get()

    with run_server(app) as port:
        text = httpx.get(f"http://127.0.0.1:{port}/").text

    assert ("acme", ["start", "request", "stop"]) == (text, log)


def test_an_application_starts_without_a_lifespan(run_server: Callable[..., Iterator[int]]) -> None:
    """With the server's lifespan off the first requests start it, once, and the end of the loop stops it."""
    if "hypercorn" in run_server.__name__:
        pytest.skip("hypercorn cannot switch its lifespan off")
    app = App(extensions=())
    log: list[str] = []

    @app.lifespan
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        log.append("start")
        tenant.set("acme")
        yield
        log.append("stop")

    @app.get("/")
    async def who() -> str:
        return tenant.get()

    with run_server(app, lifespan="off") as port:
        texts = [httpx.get(f"http://127.0.0.1:{port}/").text for _ in range(2)]

    assert (["acme", "acme"], ["start", "stop"]) == (texts, log)


@pytest.mark.pain("P16")
@pytest.mark.parametrize("target", ["/auth/users/3", "/users/3"])
def test_urls_have_the_root_path_once(run_server: Callable[..., Iterator[int]], target: str) -> None:
    """Behind a proxy that cuts the prefix off the routes match without it and every URL has it."""
    app = App(extensions=())

    @app.get("/users/{id}", name="show")
    @app.get("/auth/users/{id}", name="nested")
    async def show(request: Request, id: int) -> dict[str, str]:
        return {
            "path": request.path,
            "url": request.url_for("show", id=id),
            "nested": request.url_for("nested", id=id),
            "base": str(request.base_url.path),
        }

    with run_server(app, root_path="/api") as port:
        seen = httpx.get(f"http://127.0.0.1:{port}{target}").json()

    assert {
        "path": f"/api{target}",
        "url": "/api/users/3",
        "nested": "/api/auth/users/3",
        "base": "/api/",
    } == seen


def test_listeners_are_told_what_became_of_a_request(run_server: Callable[..., Iterator[int]]) -> None:
    """`request_finished` has the template of the route, status and size."""
    app = App(extensions=())
    told: list[Mapping[str, object]] = []
    app.on("request_finished", told.append)

    @app.get("/users/{id}")
    async def show(id: int) -> str:
        return "hello"

    with run_server(app) as port:
        httpx.get(f"http://127.0.0.1:{port}/users/3")

    wanted = {"method": "GET", "path": "/users/3", "route": "/users/{id}", "status_code": 200, "bytes_sent": 5}
    assert [wanted] == [{name: fields[name] for name in wanted} for fields in told]
