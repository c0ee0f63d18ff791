"""ASGI middleware around an application, behind the sockets of our server and of uvicorn, and below a WSGI server."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import socket
import threading
from contextvars import ContextVar
from typing import Any

import pytest
import websockets.sync.client
from served import Serve, on_our_server, on_uvicorn
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from costrel import App, Request, StreamResponse, WebSocket
from costrel.mounts import ASGIApplication, Message, Receive, Scope, Send

pytestmark = pytest.mark.integration

variable: ContextVar[str] = ContextVar("variable", default="unset")
LARGE_BYTES = 2 * 1024 * 1024


class Watch:
    """Middleware that notes what it sees when the application has returned."""

    def __init__(self, app: ASGIApplication, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receiving() -> Message:
            return await receive()

        try:
            await self.app(scope, receiving, send)
        except LookupError as error:
            self.seen.append(str(error))
            raise
        finally:
            self.seen.append(f"{scope['type']} {scope['path']} {variable.get()}")


async def pass_through(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def make_app(seen: list[str]) -> App:
    app = App("wrapped", extensions=())
    app.wrap_asgi(GZipMiddleware, minimum_size=1000)
    app.wrap_asgi(Watch, seen=seen)

    @app.get("/large")
    async def large() -> StreamResponse:
        variable.set("set by a handler")

        async def pieces() -> Any:
            for _ in range(LARGE_BYTES // 65536):
                yield bytes(65536)

        return StreamResponse(pieces(), media_type="application/octet-stream")

    @app.post("/length")
    def length(request: Request) -> dict[str, int]:
        variable.set("set by a thread")
        return {"length": len(request.body)}

    @app.get("/crash")
    async def crash() -> str:
        variable.set("set before the crash")
        raise LookupError("crash")

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            variable.set(f"after {message!r}")
            await socket.send(message)

    return app


SERVERS = pytest.mark.parametrize(
    "serve", [pytest.param(on_our_server, id="our-server"), pytest.param(on_uvicorn, id="uvicorn")]
)


@SERVERS
def test_requests_go_through_middleware_on_a_real_server(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Streams are compressed on their way, bodies are read through it, exceptions reach it, on one connection."""
    seen: list[str] = []
    with serve(make_app(seen)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/large", headers={"accept-encoding": "gzip"})
        large = connection.getresponse()
        assert bytes(LARGE_BYTES) == gzip.decompress(large.read())
        connection.request("POST", "/length", bytes(LARGE_BYTES // 4))
        assert {"length": LARGE_BYTES // 4} == json.loads(connection.getresponse().read())
        connection.request("GET", "/crash")
        crashed = connection.getresponse()
        assert (500, True) == (crashed.status, bool(crashed.read()))
        connection.request("HEAD", "/large")
        head = connection.getresponse()
        assert (200, b"", None) == (head.status, head.read(), head.headers["content-length"])
        connection.close()

    assert "gzip" == large.headers["content-encoding"]
    assert [
        "http /large set by a handler",
        "http /length set by a thread",
        "crash",
        "http /crash set before the crash",
        "http /large set by a handler",
    ] == seen
    assert 1 == sum(record.getMessage().startswith("request_failed") for record in caplog.records)


@SERVERS
def test_sockets_go_through_middleware_on_a_real_server(serve: Serve) -> None:
    """Text and bytes go both ways, and the middleware sees the end."""
    seen: list[str] = []
    with (
        serve(make_app(seen)) as port,
        websockets.sync.client.connect(f"ws://127.0.0.1:{port}/echo", open_timeout=5) as client,
    ):
        client.send("text")
        assert "text" == client.recv(5)
        client.send(b"bytes")
        assert b"bytes" == client.recv(5)

    assert ["websocket /echo after b'bytes'"] == seen


@SERVERS
def test_a_client_that_leaves_ends_the_stream_behind_middleware(serve: Serve) -> None:
    """The generator is closed soon, also behind middleware that runs it in another task."""
    closed = threading.Event()
    app = App("wrapped", extensions=())
    app.wrap_asgi(Watch, seen=[])
    app.wrap_asgi(BaseHTTPMiddleware, dispatch=pass_through)

    @app.get("/endless")
    async def endless() -> StreamResponse:
        async def pieces() -> Any:
            try:
                while True:
                    yield bytes(65536)
            finally:
                closed.set()

        return StreamResponse(pieces())

    with serve(app) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200" in client.recv(4096)
        assert closed.wait(5)


def test_requests_go_through_middleware_below_a_wsgi_server() -> None:
    """Called as WSGI, the application is the same within."""
    seen: list[str] = []
    app = make_app(seen)
    heads: list[tuple[str, dict[str, str]]] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/length",
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": "5",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"12345"),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    answer = app(environ, lambda status, fields, *_: heads.append((status, dict(fields))))
    content = b"".join(answer)
    close = getattr(answer, "close", None)
    if close is not None:
        close()

    assert ("200 OK", {"length": 5}) == (heads[0][0], json.loads(content))
    assert ["http /length set by a thread"] == seen
