"""The same WebSocket application behaves the same on every transport: ours, two foreign servers and the test client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvicorn
import websockets
from hypercorn.asyncio import serve as serve_hypercorn
from hypercorn.config import Config
from websockets.sync.client import connect

from costrel import App, Disconnect, Forbidden, Request, Response, WebSocket, session
from costrel.app import AppSettings
from costrel.messages import Dispatch
from costrel.server import Server, ServerSettings
from costrel.testing import TestClient, WebSocketRefused

pytestmark = pytest.mark.integration
LIMIT_SECONDS = 5.0
SHOWN_FIELDS = {"x-layer", "set-cookie", "x-refused", "content-type"}


@dataclass
class Talk:
    """What one client does: the path, what it offers and sends; and how it ends."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ()
    sends: tuple[str | bytes, ...] = ()
    receives: int = 0
    closes: tuple[int, str] | None = None


@dataclass
class Got:
    """What the client got, and what the handler saw."""

    status_code: int = 101
    subprotocol: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    messages: list[str | bytes] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    seen: list[Any] = field(default_factory=list)


TALKS = {
    "echo": Talk("/echo", sends=("text", b"bytes", "", "é" * 70_000), receives=4, closes=(1000, "")),
    "a-subprotocol": Talk("/echo", subprotocols=("other", "v1", "v2"), closes=(1000, "")),
    "no-common-subprotocol": Talk("/echo", subprotocols=("other",), closes=(1000, "")),
    "cookies-and-fields": Talk("/cookie", headers={"cookie": "a=1"}, receives=1, closes=(1000, "")),
    "the-client-closes": Talk("/echo", closes=(4001, "enough")),
    "the-client-goes-away": Talk("/echo", closes=(1001, "")),
    "the-handler-returns": Talk("/returns", receives=1),
    "the-handler-closes": Talk("/closes", receives=1),
    "the-handler-forbids": Talk("/forbids", receives=1),
    "the-handler-fails": Talk("/fails", receives=1),
    "json": Talk("/json", sends=('{"a": [1, 2]}', "{"), receives=1),
    "typed": Talk("/typed", sends=("1", '"x"'), receives=1),
    "the-wrong-kind": Talk("/text", sends=("a", b"b"), receives=1),
    "refused-by-a-guard": Talk("/echo", headers={"x-stranger": "1"}),
    "refused-by-a-layer": Talk("/layered"),
    "refused-by-an-exception": Talk("/refuses"),
    "refused-for-its-origin": Talk("/echo", headers={"origin": "http://evil.example"}),
    "no-route": Talk("/nowhere"),
}


def make_app(seen: list[Any]) -> App:
    app = App("everywhere", settings=AppSettings(secret_key="a key for tests of sockets"))

    async def marks(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = "1"
        return response

    async def refuses(request: Request, call_next: Dispatch) -> Response:
        return Response("not this way", 429, {"x-refused": "1"}, media_type="text/plain")

    @app.before_request
    def guard(request: Request) -> Response | None:
        return Response("not you", 403, media_type="text/plain") if "x-stranger" in request.headers else None

    @app.websocket("/echo", subprotocols=["v2", "v1"], use=[marks])
    async def echo(socket: WebSocket) -> None:
        try:
            while True:
                await socket.send(await socket.receive())
        except Disconnect as error:
            seen.append((error.code, error.reason, socket.request.is_disconnected))

    @app.websocket("/cookie", use=[marks])
    async def cookie(socket: WebSocket) -> None:
        await socket.send(f"{socket.cookies['a']} {socket.url.path} {socket.request.method}")
        await socket.receive()

    @app.websocket("/returns")
    async def returns(socket: WebSocket) -> None:
        await socket.send("open")

    @app.websocket("/closes")
    async def closes(socket: WebSocket) -> None:
        await socket.send("open")
        await socket.close(3333, "own")
        with contextlib.suppress(Disconnect):
            await socket.send("late")
            seen.append("sent")
        seen.append(socket.closed.code if socket.closed is not None else None)

    @app.websocket("/forbids")
    async def forbids(socket: WebSocket) -> None:
        await socket.send("open")
        raise Forbidden("Not here.")

    @app.websocket("/fails")
    async def fails(socket: WebSocket) -> None:
        await socket.send("open")
        raise ValueError("broken")

    @app.websocket("/json")
    async def json(socket: WebSocket) -> None:
        while True:
            await socket.send_json(await socket.receive_json())

    @app.websocket("/typed")
    async def typed(socket: WebSocket) -> None:
        async for number in socket.messages(int):
            await socket.send_json(number + 1)
        seen.append("end")

    @app.websocket("/text")
    async def text(socket: WebSocket) -> None:
        while True:
            await socket.send(await socket.receive_text())

    @app.websocket("/layered", use=[refuses])
    async def layered(socket: WebSocket) -> None:
        seen.append("never")

    def deny(request: Request) -> None:
        raise Forbidden("Not you either.")

    @app.websocket("/refuses", before=[deny])
    async def never(socket: WebSocket) -> None:
        seen.append(session)

    return app


def by_client(port: int, talk: Talk, seen: list[Any]) -> Got:
    """Talk over a real socket."""
    got = Got()
    origin = talk.headers.get("origin")
    headers = {name: value for name, value in talk.headers.items() if name != "origin"}
    try:
        client = connect(
            f"ws://127.0.0.1:{port}{talk.path}",
            additional_headers=headers,
            subprotocols=list(talk.subprotocols) or None,
            origin=origin,
            open_timeout=LIMIT_SECONDS,
            close_timeout=LIMIT_SECONDS,
        )
    except websockets.InvalidStatus as refused:
        response = refused.response
        got.status_code, got.body = response.status_code, response.body.decode()
        got.headers = shown(list(response.headers.raw_items()))
        return got
    with client:
        got.subprotocol = client.subprotocol or ""
        got.headers = shown(list(client.response.headers.raw_items()))
        for message in talk.sends:
            client.send(message)
        for _ in range(talk.receives):
            got.messages.append(client.recv(timeout=LIMIT_SECONDS))
        if talk.closes is not None:
            client.close(*talk.closes)
        else:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                client.recv(timeout=LIMIT_SECONDS)
            frame = closed.value.rcvd
            got.closed = (frame.code, frame.reason) if frame is not None else None
    wait_for_handler(talk, seen)
    return got


def by_test_client(client: TestClient, talk: Talk, seen: list[Any]) -> Got:
    """Talk in memory."""
    got = Got()
    try:
        with client.websocket(talk.path, headers=talk.headers, subprotocols=talk.subprotocols) as opened:
            got.subprotocol = opened.subprotocol
            got.headers = shown(list(opened.headers.items(multi=True)))
            for message in talk.sends:
                opened.send_text(message) if isinstance(message, str) else opened.send_bytes(message)
            for _ in range(talk.receives):
                got.messages.append(opened.receive())
            if talk.closes is not None:
                opened.close(*talk.closes)
            else:
                with pytest.raises(Disconnect) as closed:
                    opened.receive()
                got.closed = (closed.value.code, closed.value.reason)
    except WebSocketRefused as refused:
        response = refused.response
        got.status_code, got.body = response.status_code, response.text
        got.headers = shown(list(response.headers.items(multi=True)))
    return got


def wait_for_handler(talk: Talk, seen: list[Any]) -> None:
    """Let a handler that notes something do so."""
    end = time.monotonic() + LIMIT_SECONDS
    while talk.path in ("/echo", "/closes", "/typed") and not seen and time.monotonic() < end:
        time.sleep(0.005)


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers if name.lower() in SHOWN_FIELDS)


@contextlib.contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


@contextlib.contextmanager
def native(app: App, seen: list[Any]) -> Iterator[Callable[[Talk], Got]]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    server = Server(app, ServerSettings(graceful_timeout_seconds=0.2))

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await server.start([listener])
        ready.set()
        try:
            await server.serve_forever()
        finally:
            await server.stop()

    with in_thread(lambda: asyncio.run(main())):
        assert ready.wait(5)
        yield lambda talk: by_client(port, talk, seen)
        loops[0].call_soon_threadsafe(server.request_stop)


@contextlib.contextmanager
def under_uvicorn(app: App, seen: list[Any]) -> Iterator[Callable[[Talk], Got]]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, ws="websockets-sansio", proxy_headers=False)
    )
    with in_thread(lambda: asyncio.run(server.serve(sockets=[listener]))):
        yield lambda talk: by_client(port, talk, seen)
        server.should_exit = True
    listener.close()


@contextlib.contextmanager
def under_hypercorn(app: App, seen: list[Any]) -> Iterator[Callable[[Talk], Got]]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.2
    config.errorlog = logging.getLogger("hypercorn.error")
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await serve_hypercorn(app, config, shutdown_trigger=stop.wait)

    with in_thread(lambda: asyncio.run(main())):
        assert ready.wait(5)
        yield lambda talk: by_client(port, talk, seen)
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)


@contextlib.contextmanager
def with_test_client(app: App, seen: list[Any]) -> Iterator[Callable[[Talk], Got]]:
    with TestClient(app, raise_app_exceptions=False) as client:
        yield lambda talk: by_test_client(client, talk, seen)


TRANSPORTS: dict[str, Any] = {
    "native": native,
    "uvicorn": under_uvicorn,
    "hypercorn": under_hypercorn,
    "test-client": with_test_client,
}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Got]]:
    """What comes of each talk on each transport."""
    found: dict[str, dict[str, Got]] = {}
    for name, transport in TRANSPORTS.items():
        seen: list[Any] = []
        found[name] = {}
        with transport(make_app(seen), seen) as run:
            for case, talk in TALKS.items():
                seen.clear()
                got = run(talk)
                got.seen = list(seen)
                found[name][case] = got
    return found


@pytest.mark.capability("C108")
@pytest.mark.capability("C109")
@pytest.mark.parametrize("case", TALKS)
def test_every_transport_has_the_same_sockets(case: str, answers: dict[str, dict[str, Got]]) -> None:
    """Acceptance, refusal, subprotocol, fields, messages, close codes and what handlers see are those of our server."""
    for transport in TRANSPORTS:
        expected = answers["native"][case]
        if transport == "hypercorn" and TALKS[case].closes is not None:
            # It tells no application with which code its client has closed.
            expected = replace(expected, seen=[(1006, "", True) for _ in expected.seen])
        assert (transport, expected) == (transport, answers[transport][case])


def test_the_talks_are_what_they_say(answers: dict[str, dict[str, Got]]) -> None:
    """The comparison would pass if nothing worked, so the ends are written down."""
    native = answers["native"]

    assert {
        "the-handler-returns": (1000, ""),
        "the-handler-closes": (3333, "own"),
        "the-handler-forbids": (4403, "Not here."),
        "the-handler-fails": (1011, ""),
        "typed": (1007, "$: Expected `int`, got `str`"),
        "the-wrong-kind": (1003, "Text was expected, not bytes."),
    } == {name: native[name].closed for name, got in native.items() if got.closed and name != "json"}
    assert 4400 == (native["json"].closed or (0,))[0]
    assert {"no-route": 404, "refused-by-a-layer": 429} == {
        name: native[name].status_code for name in ("no-route", "refused-by-a-layer")
    }
    assert [403] * 3 == [got.status_code for name, got in native.items() if got.status_code == 403]
    assert [(4001, "enough", True)] == native["the-client-closes"].seen
