"""One application, five transports: what a client gets and what listeners hear is the same on all of them.

Each request below is sent to the native server, to uvicorn and hypercorn through the ASGI gateway, and to both test
clients. Fields that belong to the transport (`date`, `server`, `connection`, how a body without a length is framed)
are left out; everything else must agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
import pytest
import uvicorn
from hypercorn.asyncio import serve as serve_hypercorn
from hypercorn.config import Config

from costrel import App, Blueprint, BodyStream, EventStream, FileResponse, Request, Response, StreamResponse
from costrel.app import AppSettings
from costrel.errors import Conflict, Forbidden
from costrel.messages import Dispatch, RedirectResponse
from costrel.server import Server, ServerSettings
from costrel.testing import AsyncTestClient, TestClient

pytestmark = pytest.mark.integration

TRANSPORT_FIELDS = {"connection", "date", "keep-alive", "server", "transfer-encoding"}
EVENTS = ("request_started", "request_matched", "response_ready", "request_failed", "early_response")
NATIVE = "native"
REQUEST_ID = re.compile(rb'"request_id":"[0-9a-f]{16}"')
BASE_URL = "http://testserver"


class Transaction:
    """What a provider whose exit fails gives."""


@dataclass(frozen=True)
class Sent:
    """A request of the table."""

    method: str
    target: str
    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_chunked: bool = False
    is_cut: bool = False
    is_read: bool = True  # what is left unread is seen as soon as it is there, and not every server says when


@dataclass
class Got:
    """What came of it."""

    status_code: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_cut: bool = False
    events: list[object] = field(default_factory=list)


FORM = b"a=1&a=2&b=%C3%BC"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="t"\r\n\r\ntext\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n'
    b"--x--\r\n"
)
JSON = (("content-type", "application/json"),)
URLENCODED = (("content-type", "application/x-www-form-urlencoded"),)
PARTS = (("content-type", "multipart/form-data; boundary=x"),)
FORWARDED = (
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-prefix", "/shop"),
)
FORGED = (("x-forwarded-for", "198.51.100.66, 192.0.2.7"), ("x-forwarded-proto", "http, https"))

TABLE: dict[str, Sent] = {
    "text-is-html": Sent("GET", "/text", 200),
    "a-dict-is-json": Sent("GET", "/json?id=7", 200),
    "bytes": Sent("GET", "/bytes", 200),
    "none-is-204": Sent("GET", "/none", 204),
    "status-and-fields": Sent("GET", "/tuple", 201),
    "a-def-handler": Sent("GET", "/def", 200),
    "a-body-of-300-kilobytes": Sent("GET", "/large", 200),
    "one-response-for-all-requests": Sent("GET", "/constant", 200),
    "a-response-that-is-changed-before-it-is-sent": Sent("GET", "/on-response", 202),
    "two-cookies": Sent("GET", "/cookies", 200),
    "a-redirect": Sent("GET", "/redirect", 303),
    "fields-of-the-transport-set-by-the-application": Sent("GET", "/transport-fields", 200),
    "head-of-text": Sent("HEAD", "/text", 200),
    "head-of-a-stream": Sent("HEAD", "/stream", 200),
    "head-of-a-file": Sent("HEAD", "/file", 200),
    "head-of-what-is-not-there": Sent("HEAD", "/nothing", 404),
    "automatic-options": Sent("OPTIONS", "/text", 204),
    "not-found": Sent("GET", "/nothing", 404),
    "not-found-as-a-page": Sent("GET", "/nothing", 404, (("accept", "text/html"),)),
    "method-not-allowed": Sent("DELETE", "/text", 405),
    "not-valid": Sent("GET", "/json?id=x", 422),
    "an-http-error-with-fields": Sent("GET", "/forbidden", 403),
    "an-error-handler": Sent("GET", "/conflict", 409),
    "an-unexpected-exception": Sent("GET", "/broken", 500),
    "an-unexpected-exception-in-a-thread": Sent("GET", "/broken-def", 500),
    "a-layer-that-raises": Sent("GET", "/layer/raises", 500),
    "an-after-hook-that-raises": Sent("GET", "/hooks/after", 500),
    "a-204-with-a-body": Sent("GET", "/status/204", 204),
    "a-205-with-a-body": Sent("GET", "/status/205", 205),
    "a-304-with-a-body": Sent("GET", "/status/304", 304),
    "a-status-that-nobody-knows": Sent("GET", "/status/599", 599),
    "a-status-that-is-not-final": Sent("GET", "/status/150", 500),
    "a-101-that-is-no-handshake": Sent("GET", "/status/101", 500),
    "a-field-with-a-line-break": Sent("GET", "/split", 500),
    "a-field-with-a-line-break-set-behind-its-back": Sent("GET", "/split-raw", 500),
    "a-body-longer-than-its-length": Sent("GET", "/length/3", 200),
    "a-body-shorter-than-its-length": Sent("GET", "/length/7", 500),
    "a-stream": Sent("GET", "/stream", 200),
    "a-stream-of-a-generator": Sent("GET", "/generator", 200),
    "an-empty-stream": Sent("GET", "/stream/empty", 200),
    "a-stream-with-a-length": Sent("GET", "/stream/length", 200),
    "a-stream-that-is-too-short": Sent("GET", "/stream/short", 200, is_cut=True),
    "a-stream-that-is-too-long": Sent("GET", "/stream/long", 200),
    "a-stream-that-fails-at-once": Sent("GET", "/stream/fails-first", 500),
    "a-stream-that-fails-later": Sent("GET", "/stream/fails-later", 200, is_cut=True),
    "a-stream-whose-commit-fails": Sent("GET", "/stream/commit", 200, is_cut=True),
    "a-commit-that-fails": Sent("GET", "/commit", 500),
    "server-sent-events": Sent("GET", "/events", 200),
    "a-deadline": Sent("GET", "/layer/deadline", 503),
    "a-file": Sent("GET", "/file", 200),
    "a-range-of-a-file": Sent("GET", "/file", 206, (("range", "bytes=1-3"),)),
    "two-ranges-past-the-end": Sent("GET", "/file", 416, (("range", "bytes=9000000-"),)),
    "a-file-that-has-not-changed": Sent("GET", "/file", 304, (("if-none-match", "*"),)),
    "a-long-file": Sent("GET", "/file/long", 200),
    "a-file-of-a-layer": Sent("GET", "/layer/file", 200),
    "head-of-a-file-of-a-layer": Sent("HEAD", "/layer/file", 200),
    "a-file-of-a-layer-that-is-not-there": Sent("GET", "/layer/no-file", 404),
    "a-file-of-a-before-hook": Sent("GET", "/hooks/file", 200),
    "a-file-of-an-error-handler": Sent("GET", "/errors/file", 200),
    "a-stream-of-a-layer": Sent("GET", "/layer/generator", 200),
    "a-stream-of-an-error-handler": Sent("GET", "/errors/generator", 200),
    "json": Sent("POST", "/echo/json", 200, JSON, b'{"a": [1, 2]}'),
    "json-in-chunks": Sent("POST", "/echo/json", 200, JSON, b'{"a": [1, 2]}', is_chunked=True),
    "malformed-json": Sent("POST", "/echo/json", 400, JSON, b'{"a":'),
    "no-json": Sent("POST", "/echo/json", 415, (), b"a"),
    "a-form": Sent("POST", "/echo/form", 200, URLENCODED, FORM),
    "a-form-with-a-file": Sent("POST", "/echo/form", 200, PARTS, MULTIPART),
    "a-broken-form": Sent("POST", "/echo/form", 400, PARTS, b"--x\r\nbroken"),
    "a-body-as-a-stream": Sent("POST", "/echo/stream", 200, (), b"x" * 100_000),
    "a-body-that-is-too-large": Sent("POST", "/echo/small", 413, (), b"x" * 11, is_read=False),
    "a-body-in-chunks-that-is-too-large": Sent(
        "POST", "/echo/small", 413, (), b"x" * 11, is_chunked=True, is_read=False
    ),
    "a-compressed-body": Sent("POST", "/echo/small", 415, (("content-encoding", "gzip"),), b"x", is_read=False),
    "a-body-that-nobody-reads": Sent("POST", "/ignore", 200, (), b"x" * 1000, is_read=False),
    "an-empty-body": Sent("POST", "/echo/small", 200),
    "a-body-of-a-get": Sent("GET", "/echo/get", 200, (), b"body"),
    "the-head-as-it-came": Sent("GET", "/head/a%20b?x=1&x=%C3%BC&y", 200, (("x-a", "1"), ("x_b", "2"), ("x-a", "3"))),
    "what-a-trusted-proxy-says": Sent("GET", "/origin", 200, FORWARDED),
    "what-a-client-says-before-the-proxy": Sent("GET", "/origin", 200, FORGED),
    "a-double-slash": Sent("GET", "/head//a", 404),
    "a-path-that-is-not-ascii": Sent("GET", "/head/%C3%BC", 200),
}


def make_app(folder: Path) -> App:
    """The application that answers the table."""
    (folder / "small.txt").write_bytes(b"0123456789")
    (folder / "long.bin").write_bytes(b"x" * 1_000_000)
    for name in ("small.txt", "long.bin"):
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    app = App("same", settings=AppSettings(trusted_proxies=("127.0.0.1",)))
    constant = Response("constant", headers={"x-a": "1"})

    @app.get("/text")
    async def text() -> str:
        return "<p>text</p>"

    @app.get("/on-response")
    async def on_response(request: Request) -> str:
        def change(request: Request, response: Response) -> None:
            response.status_code = 202
            response.headers["x-changed"] = "1"

        request.on_response(change)
        return "text"

    @app.get("/json")
    async def json(id: int) -> dict[str, int]:
        return {"id": id}

    @app.get("/bytes")
    async def some_bytes() -> bytes:
        return b"\0\1"

    @app.get("/none")
    async def none() -> None:
        return None

    @app.get("/tuple")
    async def made_of_a_tuple():
        return {"a": 1}, 201, {"x-a": "1"}

    @app.get("/def")
    def def_handler() -> str:
        return "def"

    @app.get("/large")
    async def large() -> bytes:
        return b"x" * 300_000

    @app.get("/constant")
    async def always_the_same() -> Response:
        return constant

    @app.get("/cookies")
    async def cookies() -> Response:
        response = Response("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", path="/b", secure=False)
        return response

    @app.get("/redirect")
    async def elsewhere() -> Response:
        return RedirectResponse("/a b")

    @app.get("/transport-fields")
    async def transport_fields() -> Response:
        fields = {"transfer-encoding": "chunked", "keep-alive": "timeout=1", "x-a": "1"}
        return Response("abc", headers=fields)

    @app.get("/forbidden")
    async def forbidden() -> str:
        raise Forbidden("No.", headers={"x-a": "1"})

    @app.get("/conflict")
    async def conflict() -> str:
        raise Conflict

    @app.errorhandler(Conflict)
    def on_conflict(error: Conflict) -> dict[str, str]:
        return {"handled": "yes"}

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("broken")

    @app.get("/broken-def")
    def broken_def() -> str:
        raise ValueError("broken")

    @app.get("/status/{code}")
    async def status(code: int) -> Response:
        return Response("body", code)

    @app.get("/split")
    async def split() -> Response:
        return Response("a", headers={"x-a": "1\r\nx-b: 2"})

    @app.get("/split-raw")
    async def split_raw() -> Response:
        response = Response("a")
        response.headers.raw.append((b"x-a", b"1\r\nx-b: 2"))
        return response

    @app.get("/length/{length}")
    async def length(length: int) -> Response:
        return Response(b"12345", headers={"content-length": str(length)})

    async def pieces() -> AsyncIterator[str]:
        yield "one "
        yield ""
        yield "two"

    def plain_pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    async def failing(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"piece"
            await asyncio.sleep(0)
        raise ValueError("the stream failed")

    async def nothing() -> AsyncIterator[str]:
        return
        yield ""

    @app.get("/stream")
    async def stream() -> Response:
        return StreamResponse(pieces())

    @app.get("/generator")
    def generator() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    @app.get("/stream/empty")
    async def empty() -> Response:
        return StreamResponse(nothing())

    @app.get("/stream/length")
    async def with_length() -> Response:
        return StreamResponse(pieces(), content_length=7)

    @app.get("/stream/short")
    async def too_short() -> Response:
        return StreamResponse(pieces(), content_length=8)

    @app.get("/stream/long")
    async def too_long() -> Response:
        return StreamResponse(pieces(), content_length=5)

    @app.get("/stream/fails-first")
    async def fails_first() -> Response:
        return StreamResponse(failing(0))

    @app.get("/stream/fails-later")
    async def fails_later() -> Response:
        return StreamResponse(failing(2))

    async def transaction() -> AsyncIterator[Transaction]:
        yield Transaction()
        raise ValueError("the commit failed")

    app.provide(Transaction, transaction)

    @app.get("/stream/commit")
    async def stream_commit(transaction: Transaction) -> Response:
        return StreamResponse(pieces())

    @app.get("/commit")
    async def commit(transaction: Transaction) -> str:
        return "never"

    @app.get("/events")
    async def events() -> Response:
        return EventStream(pieces())

    @app.get("/file")
    async def file() -> Response:
        return FileResponse(folder / "small.txt")

    @app.get("/file/long")
    async def long_file() -> Response:
        return FileResponse(folder / "long.bin")

    async def raising_layer(request: Request, call_next: Dispatch) -> Response:
        await call_next(request)
        raise ValueError("the layer failed")

    async def deadline_layer(request: Request, call_next: Dispatch) -> Response:
        request.deadline_seconds = 0.02
        return await call_next(request)

    async def file_layer(request: Request, call_next: Dispatch) -> Response:
        return FileResponse(folder / "small.txt")

    async def no_file_layer(request: Request, call_next: Dispatch) -> Response:
        return FileResponse(folder / "missing.txt")

    async def generator_layer(request: Request, call_next: Dispatch) -> Response:
        return StreamResponse(plain_pieces())

    async def small_body_layer(request: Request, call_next: Dispatch) -> Response:
        request.max_body_bytes = 10
        return await call_next(request)

    async def never() -> str:
        await asyncio.sleep(5)
        return "never"

    for name, layer in {
        "raises": raising_layer,
        "deadline": deadline_layer,
        "file": file_layer,
        "no-file": no_file_layer,
        "generator": generator_layer,
    }.items():
        handler = never if name == "deadline" else text
        app.add_route(f"/layer/{name}", handler, name=f"layer-{name}", use=[layer])

    hooks = Blueprint("hooks")

    @hooks.before_request
    def before(request: Request) -> Response | None:
        return FileResponse(folder / "small.txt") if request.path == "/hooks/file" else None

    @hooks.after_request
    async def after(request: Request) -> None:
        if request.path == "/hooks/after":
            raise ValueError("the hook failed")

    hooks.add_route("/file", text, name="file")
    hooks.add_route("/after", text, name="after")
    app.register(hooks, prefix="/hooks")

    errors = Blueprint("errors")

    @errors.errorhandler(LookupError)
    async def file_of_an_error(error: LookupError) -> Response:
        return FileResponse(folder / "small.txt")

    @errors.errorhandler(ArithmeticError)
    async def stream_of_an_error(error: ArithmeticError) -> Response:
        return StreamResponse(plain_pieces())

    @errors.get("/file")
    async def look_up() -> str:
        raise LookupError

    @errors.get("/generator")
    async def calculate() -> str:
        raise ArithmeticError

    app.register(errors, prefix="/errors")

    @app.post("/echo/json")
    async def echo_json(request: Request) -> Response:
        return Response(repr(request.json()).encode())

    @app.post("/echo/form")
    async def echo_form(request: Request) -> dict[str, Any]:
        files = [(name, file.filename, file.read().decode()) for name, file in request.files.items(multi=True)]
        return {"fields": list(request.form.items(multi=True)), "files": files}

    @app.post("/echo/stream")
    async def echo_stream(body: BodyStream) -> Response:
        return StreamResponse(body)

    @app.post("/echo/small", use=[small_body_layer])
    async def echo_small(request: Request) -> dict[str, str]:
        return {"body": request.text}

    @app.post("/ignore", use=[file_layer])
    async def ignore() -> str:
        return "never"

    @app.get("/echo/get")
    async def echo_get(request: Request) -> dict[str, str]:
        await request.read()
        return {"body": request.text}

    @app.get("/origin")
    async def origin(request: Request) -> dict[str, Any]:
        return {
            "client": request.client[0] if request.client is not None else None,
            "scheme": request.scheme,
            "host": request.host,
            "root_path": request.root_path,
            "url": request.url_for("origin", external=True),
        }

    @app.get("/head/{rest}")
    async def head(request: Request, rest: str) -> dict[str, Any]:
        seen = [(name.decode(), value.decode()) for name, value in request.raw_headers if name.startswith(b"x")]
        return {
            "rest": rest,
            "method": request.method,
            "path": request.path,
            "raw_path": request.raw_path.decode(),
            "query": list(request.query.items(multi=True)),
            "query_string": request.query_string.decode(),
            "headers": seen,
            "url": str(request.url),
            "http_version": request.http_version,
            "content_length": request.content_length,
        }

    return app


class Ears:
    """What the listeners of one application have heard."""

    def __init__(self, app: App) -> None:
        self.heard: list[object] = []
        self.finished_count = 0
        for event in EVENTS:
            app.on(event, self._listener(event))
        app.on("request_finished", self._on_finished)

    def _listener(self, event: str) -> Callable[[Mapping[str, Any]], None]:
        def listen(fields: Mapping[str, Any]) -> None:
            self.heard.append((event, sorted(fields), fields["request"].path))

        return listen

    def _on_finished(self, fields: Mapping[str, Any]) -> None:
        told = ("method", "path", "route", "handler", "mount", "status_code", "bytes_sent", "http_version")
        self.heard.append(("request_finished", *(fields[name] for name in told)))
        self.finished_count += 1

    def wait(self, count: int) -> list[object]:
        """Wait until so many requests have ended, and return what was heard since the last time."""
        end = time.monotonic() + 5
        while self.finished_count < count and time.monotonic() < end:
            time.sleep(0.002)
        heard, self.heard = self.heard, []
        return heard


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in headers if name not in TRANSPORT_FIELDS)


def send_raw(port: int, sent: Sent) -> Got:
    """Send a request on a connection of its own and read the answer as h11 understands it."""
    lines = [f"{sent.method} {sent.target} HTTP/1.1", "host: testserver"]
    lines += [f"{name}: {value}" for name, value in sent.headers]
    body = sent.body
    if sent.is_chunked:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    elif body or sent.method == "POST":
        lines.append(f"content-length: {len(body)}")
    got = Got()
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=sent.method, target=sent.target, headers=[("host", "testserver")]))
    client.send(h11.EndOfMessage())
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA:
                try:
                    data = connection.recv(65_536)
                except ConnectionResetError:
                    got.is_cut = True
                    return got
                try:
                    client.receive_data(data)
                    if not data:
                        event = client.next_event()
                except h11.RemoteProtocolError:
                    got.is_cut = True
                    return got
            if isinstance(event, h11.Response):
                got.status_code = event.status_code
                got.headers = shown([(name.decode(), value.decode("latin-1")) for name, value in event.headers])
            elif isinstance(event, h11.Data):
                got.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return got
            elif isinstance(event, h11.ConnectionClosed):
                got.is_cut = True
                return got


@contextlib.contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


@contextlib.contextmanager
def native(app: App) -> Iterator[Callable[[Sent], Got]]:
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
        yield lambda sent: send_raw(port, sent)
        loops[0].call_soon_threadsafe(server.request_stop)


@contextlib.contextmanager
def under_uvicorn(app: App) -> Iterator[Callable[[Sent], Got]]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, proxy_headers=False))
    with in_thread(lambda: asyncio.run(server.serve(sockets=[listener]))):
        yield lambda sent: send_raw(port, sent)
        server.should_exit = True
    listener.close()


@contextlib.contextmanager
def under_hypercorn(app: App) -> Iterator[Callable[[Sent], Got]]:
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
        yield lambda sent: send_raw(port, sent)
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)


def options_of(sent: Sent) -> dict[str, Any]:
    options: dict[str, Any] = {"headers": list(sent.headers)}
    if sent.is_chunked:
        options["content"] = iter([sent.body])
    elif sent.body or sent.method == "POST":
        options["content"] = sent.body
    return options


@contextlib.contextmanager
def with_test_client(app: App) -> Iterator[Callable[[Sent], Got]]:
    with TestClient(app, base_url=BASE_URL, raise_app_exceptions=False) as client:

        def send(sent: Sent) -> Got:
            client.cookies.clear()
            got = Got()
            try:
                with client.stream(sent.method, sent.target, **options_of(sent)) as response:
                    got.status_code, got.headers = response.status_code, shown(decoded(response.headers.raw))
                    for piece in response.iter_bytes():
                        got.body += piece
            except RuntimeError:
                got.is_cut = True
            return got

        yield send


@contextlib.contextmanager
def with_async_test_client(app: App) -> Iterator[Callable[[Sent], Got]]:
    with asyncio.Runner() as runner:
        client = AsyncTestClient(app, base_url=BASE_URL, raise_app_exceptions=False)
        runner.run(client.start())

        async def send(sent: Sent) -> Got:
            client.cookies.clear()
            got = Got()
            try:
                async with client.stream(sent.method, sent.target, **options_of(sent)) as response:
                    got.status_code, got.headers = response.status_code, shown(decoded(response.headers.raw))
                    async for piece in response.aiter_bytes():
                        got.body += piece
            except RuntimeError:
                got.is_cut = True
            return got

        yield lambda sent: runner.run(send(sent))
        runner.run(client.aclose())


def decoded(lines: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in lines]


TRANSPORTS = {
    NATIVE: native,
    "uvicorn": under_uvicorn,
    "hypercorn": under_hypercorn,
    "test-client": with_test_client,
    "async-test-client": with_async_test_client,
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Got]]:
    """What each transport makes of each request."""
    found: dict[str, dict[str, Got]] = {}
    folder = tmp_path_factory.mktemp("files")
    for transport, run in TRANSPORTS.items():
        app = make_app(folder)
        ears = Ears(app)
        found[transport] = {}
        with run(app) as send:
            for count, (name, sent) in enumerate(TABLE.items(), 1):
                got = send(sent)
                got.body = REQUEST_ID.sub(b"", got.body)
                got.events = [event for event in ears.wait(count) if sent.is_read or "early_response" not in event]
                found[transport][name] = got
    return found


@pytest.mark.parametrize("name", TABLE)
def test_every_transport_gives_the_same_answer(name: str, answers: dict[str, dict[str, Got]]) -> None:
    """Status, header fields, body, where it breaks off, and what listeners hear do not depend on the transport."""
    expected = answers[NATIVE][name]
    sent = TABLE[name]

    assert (sent.status_code, sent.is_cut) == (expected.status_code, expected.is_cut)
    for transport in TRANSPORTS:
        assert (transport, expected) == (transport, answers[transport][name])
