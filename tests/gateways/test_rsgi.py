"""The RSGI gateway with a scripted server and real applications."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.app import App, AppSettings
from costrel.errors import Forbidden
from costrel.gateways import RSGIGateway
from costrel.messages import FileResponse, Request, Response, StreamResponse, WebSocket

tenant: ContextVar[str] = ContextVar("tenant", default="none")


def make_app(**settings: Any) -> App:
    """Make an application without extensions."""
    return App("tested", extensions=(), settings=AppSettings(**settings))


def serve(app: App, scope: Any, protocol: Any) -> None:
    """Serve one request or socket in a loop of its own."""

    async def main() -> None:
        await RSGIGateway(app)(scope, protocol)

    asyncio.run(main())


def shown_by(app: App) -> App:
    """Register a handler that shows the head of its request."""

    @app.get("/")
    @app.get("/{rest}", name="other")
    async def show(request: Request) -> dict[str, Any]:
        return {
            "path": request.path,
            "raw_path": request.raw_path.decode(),
            "query_string": request.query_string.decode(),
            "headers": [(name.decode(), value.decode()) for name, value in request.raw_headers],
            "http_version": request.http_version,
            "client": request.client,
            "scheme": request.scheme,
            "root_path": request.root_path,
        }

    return app


@pytest.mark.parametrize(
    ("result", "method", "kind", "status_code", "fields", "body"),
    [
        pytest.param(
            "hello",
            "GET",
            "bytes",
            200,
            [("content-type", "text/html; charset=utf-8"), ("x-content-type-options", "nosniff")],
            b"hello",
            id="the-usual-answer",
        ),
        pytest.param(
            Response(b"hello", headers={"x-a": "1", "Date": "now", "Transfer-Encoding": "x"}),
            "GET",
            "bytes",
            200,
            [("content-type", "application/octet-stream"), ("x-a", "1"), ("content-length", "5")],
            b"hello",
            id="the-transports-own-fields-are-left-out",
        ),
        pytest.param(
            Response(b"hello", media_type="a/b"),
            "HEAD",
            "empty",
            200,
            [("content-type", "a/b"), ("content-length", "5")],
            b"",
            id="a-head-request",
        ),
        pytest.param(None, "GET", "empty", 204, [], b"", id="no-content"),
    ],
)
def test_a_response_with_a_body_of_bytes(
    rsgi: SimpleNamespace, result: Any, method: str, kind: str, status_code: int, fields: Any, body: bytes
) -> None:
    """Status, fields and body reach the server in one call."""
    app = make_app()
    protocol = rsgi.Protocol()

    @app.get("/")
    async def index():
        return result

    serve(app, rsgi.scope(method=method), protocol)

    assert (kind, status_code, fields, body) == (protocol.kind, protocol.status_code, protocol.fields, protocol.body)


def test_a_body_reaches_its_handler(rsgi: SimpleNamespace) -> None:
    """It is read in the pieces in which it comes."""
    app = make_app()
    protocol = rsgi.Protocol(b'{"a":', b" 1}", b"")

    @app.post("/")
    async def take(request: Request) -> dict[str, Any]:
        return {"got": request.json()}

    headers = (("content-type", "application/json"), ("content-length", "8"))
    serve(app, rsgi.scope(method="POST", headers=headers), protocol)

    assert b'{"got":{"a":1}}' == protocol.body


def test_a_file_is_handed_over_by_its_path(rsgi: SimpleNamespace, tmp_path: Path) -> None:
    """A plain file, whole, is the server's to send."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 1_000_000)
    app = make_app()
    protocol = rsgi.Protocol()

    @app.get("/")
    async def file() -> Response:
        return FileResponse(path)

    serve(app, rsgi.scope(), protocol)

    assert ("file", str(path).encode()) == (protocol.kind, protocol.body)


@pytest.mark.pain("P22")
@pytest.mark.parametrize(
    ("result", "kind", "status_code"),
    [pytest.param("late", "stream", 200, id="after-the-head"), pytest.param("at once", "bytes", 500, id="before-it")],
)
def test_a_stream_that_breaks_off(
    rsgi: SimpleNamespace, caplog: pytest.LogCaptureFixture, result: str, kind: str, status_code: int
) -> None:
    """After the head the connection is cut and the server is told; before it there is still a response."""
    app = make_app()
    protocol = rsgi.Protocol()

    @app.get("/")
    async def broken() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            if result == "late":
                yield b"half"
            raise ValueError("the other half is missing")

        return StreamResponse(pieces())

    if result == "late":
        with pytest.raises(ValueError, match="the other half"):
            serve(app, rsgi.scope(server="", client=""), protocol)
    else:
        serve(app, rsgi.scope(), protocol)

    assert (kind, status_code) == (protocol.kind, protocol.status_code)
    assert (result == "late") == ("response_not_cut" in caplog.text)


def test_what_cannot_be_sent_is_a_500(rsgi: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was sent when that is known."""
    app = make_app()
    protocol = rsgi.Protocol()

    @app.get("/")
    async def split() -> Response:
        response = Response("a")
        response.headers.raw.append((b"x-a", b"1\r\nx-b: 2"))
        return response

    with caplog.at_level(logging.CRITICAL):
        serve(app, rsgi.scope(), protocol)

    assert (500, b"Something went wrong on our side.") == (protocol.status_code, protocol.body)


def test_an_application_may_cut_its_response_off(rsgi: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    """It is a line in the log and no error."""
    app = make_app()

    @app.get("/")
    async def cut(request: Request) -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            request.exchange.abort()
            yield b"other half"

        return StreamResponse(pieces())

    with caplog.at_level(logging.INFO):
        serve(app, rsgi.scope(server="", client=""), rsgi.Protocol())

    assert "response_aborted method=GET path='/'" in caplog.text


def test_a_client_that_left_is_a_line_and_events(rsgi: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    """The status is 499, and nobody calls it an error."""
    app = make_app()
    told: list[str] = []
    finished: list[Mapping[str, Any]] = []
    app.on("client_disconnected", lambda fields: told.append(fields["request"].path))
    app.on("request_finished", finished.append)
    protocol = rsgi.Protocol()

    @app.get("/")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            protocol.is_lost = True
            yield b"two"

        return StreamResponse(pieces())

    with caplog.at_level(logging.INFO):
        serve(app, rsgi.scope(), protocol)

    assert (["/"], [499]) == (told, [fields["status_code"] for fields in finished])
    assert "client_disconnected method=GET path='/' status_code=499" in caplog.text


def test_a_request_that_nobody_waits_for_to_the_end_is_an_event(rsgi: SimpleNamespace) -> None:
    """A response before the end of the body is told."""
    app = make_app()
    told: list[object] = []
    app.on("early_response", lambda fields: told.append(fields["status_code"]))
    headers = (("content-length", "8"),)

    serve(app, rsgi.scope(method="POST", headers=headers), rsgi.Protocol(b"abc"))

    assert [404] == told


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        pytest.param({"path": "/a b"}, {"path": "/a b", "raw_path": "/a%20b"}, id="the-raw-path-is-made-again"),
        pytest.param({"path": ""}, {"path": "/", "raw_path": "/"}, id="no-path"),
        pytest.param({"query_string": "x=%C3%BC"}, {"query_string": "x=%C3%BC"}, id="the-query-as-it-came"),
        pytest.param({"http_version": "1"}, {"http_version": "1.0"}, id="http-1-0"),
        pytest.param({"http_version": "2"}, {"http_version": "2"}, id="http-2"),
        pytest.param({"client": "[::1]:7"}, {"client": ["::1", 7]}, id="the-client"),
        pytest.param({"scheme": "https"}, {"scheme": "https"}, id="the-scheme"),
        pytest.param(
            {"authority": "b.example"},
            {"headers": [["host", "b.example"]]},
            id="the-authority-of-the-target-stands-above-the-host-field",
        ),
        pytest.param(
            {"headers": (("x_a", "1"), ("x-a", "2"))},
            {"headers": [["host", "a.example"], ["x-a", "2"]]},
            id="no-underscore-in-a-name",
        ),
    ],
)
def test_the_head_of_a_request_is_read(rsgi: SimpleNamespace, fields: dict[str, Any], shown: dict[str, Any]) -> None:
    """The scope becomes a request like any other."""
    protocol = rsgi.Protocol(b"")

    serve(shown_by(make_app()), rsgi.scope(**fields), protocol)

    seen = json.loads(protocol.body)
    assert shown == {name: seen[name] for name in shown}


def test_trusted_proxies_are_believed(rsgi: SimpleNamespace) -> None:
    """What the proxy says of client, scheme and prefix counts."""
    protocol = rsgi.Protocol()
    headers = (("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/shop"))

    serve(shown_by(make_app(trusted_proxies=("192.0.2.0/24",))), rsgi.scope(headers=headers), protocol)

    seen = json.loads(protocol.body)
    assert ("198.51.100.7", "https", "/shop") == (seen["client"][0], seen["scheme"], seen["root_path"])


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"path": "/a\0b"}, id="nul"),
        pytest.param({"authority": "user@a.example"}, id="an-authority-that-is-no-host"),
    ],
)
def test_a_malformed_request_is_refused(rsgi: SimpleNamespace, fields: dict[str, Any]) -> None:
    """No handler sees it."""
    protocol = rsgi.Protocol()

    serve(make_app(), rsgi.scope(**fields), protocol)

    assert 400 == protocol.status_code


def test_a_socket_talks_and_closes(rsgi: SimpleNamespace) -> None:
    """A subprotocol cannot be answered, so none is agreed on, whatever the client offers."""
    app = make_app()
    socket = rsgi.Socket("hi")
    agreed: list[str] = []

    @app.websocket("/chat", subprotocols=("v1",))
    async def chat(socket: WebSocket) -> None:
        agreed.append(socket.subprotocol)
        await socket.send(f"you said {await socket.receive()}")

    headers = (("sec-websocket-protocol", "v1"),)
    serve(app, rsgi.scope("/chat", proto="ws", headers=headers), socket)

    assert ([""], ["you said hi"], [1000]) == (agreed, socket.sent, socket.closed_with)


@pytest.mark.parametrize(
    ("path", "status_code"),
    [
        pytest.param("/forbidden", 403, id="by-an-exception"),
        pytest.param("/missing", 404, id="no-route"),
        pytest.param("/stream", 429, id="by-a-response-with-a-stream"),
        pytest.param("/a\0b", 400, id="malformed"),
        pytest.param("/broken", 500, id="by-what-breaks-at-the-end"),
    ],
)
def test_a_socket_is_refused_with_a_status(rsgi: SimpleNamespace, path: str, status_code: int) -> None:
    """That is all the protocol takes of a refusal; a stream in it is closed."""
    app = make_app()
    socket = rsgi.Socket()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"never"

    @app.before_request
    def refuse(request: Request) -> Response | None:
        if request.path == "/forbidden":
            raise Forbidden
        if request.path == "/broken":
            request.on_response(lambda request, response: 1 / 0)
            request.app = None
        return StreamResponse(pieces(), 429) if request.path == "/stream" else None

    @app.websocket("/{rest}")
    async def never(socket: WebSocket, rest: str) -> None:
        raise AssertionError("the handler of a refused socket ran")

    if path == "/missing":
        path = "/missing/too"
    serve(app, rsgi.scope(path, proto="ws"), socket)

    assert ([status_code], False) == (socket.closed_with, socket.is_accepted)


def test_a_client_that_leaves_before_the_handshake(rsgi: SimpleNamespace) -> None:
    """Its handler does not run."""
    app = make_app()
    told: list[object] = []
    app.on("client_disconnected", lambda fields: told.append(fields["request"].path))
    socket = rsgi.Socket()
    socket.is_lost = True

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("the handler ran")

    serve(app, rsgi.scope(proto="ws"), socket)

    assert ["/"] == told


@pytest.mark.pain("P13")
def test_the_server_starts_and_stops_the_application(rsgi: SimpleNamespace) -> None:
    """Start-up is over before the first request, the stop is waited for, and variables of the start are seen."""
    app = make_app()
    log: list[str] = []

    @app.on_start
    async def start() -> None:
        tenant.set("acme")
        log.append("start")

    @app.on_stop
    async def stop() -> None:
        await asyncio.sleep(0)
        log.append("stop")

    @app.get("/")
    async def who() -> str:
        log.append(tenant.get())
        return ""

    loop = asyncio.new_event_loop()
    app.__rsgi_init__(loop)
    log.append("started")
    loop.run_until_complete(app.__rsgi__(rsgi.scope(), rsgi.Protocol()))
    app.__rsgi_del__(loop)
    log.append("stopped")
    app.__rsgi_del__(loop)
    loop.close()

    assert ["start", "started", "acme", "stop", "stopped"] == log


def test_a_start_that_fails_is_the_servers_to_see() -> None:
    """It ends the worker then."""
    app = make_app()

    @app.on_start
    async def start() -> None:
        raise ValueError("no database")

    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="no database"):
        app.__rsgi_init__(loop)
    loop.close()


def test_in_a_loop_that_runs_the_first_request_starts_the_application(rsgi: SimpleNamespace) -> None:
    """A server inside somebody else's loop cannot wait for it."""
    app = make_app()
    log: list[str] = []
    app.on_start(lambda: log.append("start"))
    app.on_stop(lambda: log.append("stop"))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        app.__rsgi_init__(loop)
        assert [] == log
        await app.__rsgi__(rsgi.scope(), rsgi.Protocol())
        assert ["start"] == log
        app.__rsgi_del__(loop)

    asyncio.run(main())

    assert ["start", "stop"] == log


@pytest.mark.parametrize("proto", ["http", "ws"])
def test_a_request_leaves_no_garbage(rsgi: SimpleNamespace, proto: str) -> None:
    """What belongs to it goes with it: granian keeps a socket open as long as somebody holds it."""
    app = make_app()

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.websocket("/socket")
    async def talk(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    def count() -> int:
        return sum(isinstance(each, rsgi.Socket | rsgi.Protocol) for each in gc.get_objects())

    async def main() -> int:
        gateway = RSGIGateway(app)
        path = "/socket" if proto == "ws" else "/"

        async def once() -> None:
            await gateway(rsgi.scope(path, proto=proto), rsgi.Socket("a", None) if proto == "ws" else rsgi.Protocol())

        await once()
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        try:
            before = count()
            for _ in range(10):
                await once()
                await asyncio.sleep(0)
            return count() - before
        finally:
            gc.enable()

    assert asyncio.run(main()) == 0
