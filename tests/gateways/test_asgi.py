"""The ASGI gateway with a scripted server and real applications."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.app import App, AppSettings
from costrel.errors import Conflict
from costrel.gateways import ASGIGateway
from costrel.messages import Request, Response, StreamResponse, WebSocket


def make_app(**settings: Any) -> App:
    """Make an application without extensions."""
    return App("tested", extensions=(), settings=AppSettings(**settings))


def serve(app: App, server: Any, scope: Mapping[str, Any]) -> None:
    """Serve one connection in a loop of its own."""

    async def main() -> None:
        await ASGIGateway(app)(dict(scope), server.receive, server.send)

    asyncio.run(main())


def add_index(app: App, result: Any = "hello") -> None:
    """Register a GET handler for the root that returns `result`."""

    @app.get("/")
    async def index():
        return result


@pytest.mark.parametrize(
    ("result", "method", "status_code", "fields", "body"),
    [
        pytest.param(
            "hello",
            "GET",
            200,
            [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"5"),
            ],
            b"hello",
            id="a-plain-response",
        ),
        pytest.param(
            Response(b"hello", headers={"x-a": "1", "Content-Length": "5", "Date": "now", "Transfer-Encoding": "x"}),
            "GET",
            200,
            [(b"content-type", b"application/octet-stream"), (b"x-a", b"1"), (b"content-length", b"5")],
            b"hello",
            id="the-transports-own-fields-are-left-out",
        ),
        pytest.param(
            Response(b"hello", media_type="a/b"),
            "HEAD",
            200,
            [(b"content-type", b"a/b"), (b"content-length", b"5")],
            b"",
            id="a-head-request",
        ),
        pytest.param(Response(None, 204), "GET", 204, [], b"", id="no-content"),
        pytest.param(
            Response(None, 304, {"content-length": "7"}), "GET", 304, [(b"content-length", b"7")], b"", id="304"
        ),
        pytest.param(Response(b"x", 205), "GET", 205, None, b"", id="reset-content"),
    ],
)
def test_a_response_with_a_body_of_bytes(
    asgi: SimpleNamespace,
    result: Any,
    method: str,
    status_code: int,
    fields: list[tuple[bytes, bytes]] | None,
    body: bytes,
) -> None:
    """One head and one body, with the length that is true and no body where there is none."""
    app = make_app()
    add_index(app, result)
    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http(method=method))

    assert ["http.response.start", "http.response.body"] == server.types
    assert (status_code, body, False) == (
        server.sent[0]["status"],
        server.body,
        server.sent[-1].get("more_body", False),
    )
    if fields is not None:
        assert fields == server.sent[0]["headers"]


def test_a_stream_is_sent_piece_by_piece(asgi: SimpleNamespace) -> None:
    """Each piece is a message, and the last one says so."""
    app = make_app()

    async def pieces() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    add_index(app, StreamResponse(pieces(), media_type="text/plain"))
    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http())

    assert [(b"content-type", b"text/plain")] == server.sent[0]["headers"]
    assert [(b"a", True), (b"b", True), (b"", False)] == [
        (message["body"], message["more_body"]) for message in server.sent[1:]
    ]


@pytest.mark.capability("X15")
@pytest.mark.parametrize("supported", [True, False])
def test_trailers_are_sent_where_the_server_knows_them(asgi: SimpleNamespace, supported: bool) -> None:
    """They are announced with the head and follow the last piece."""
    app = make_app()

    async def pieces() -> AsyncIterator[str]:
        yield "a"

    response = StreamResponse(pieces())
    response.trailers = lambda: {"x-sum": "1"}
    add_index(app, response)
    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http(extensions={"http.response.trailers": {}} if supported else {}))

    assert supported == server.sent[0].get("trailers", False)
    if supported:
        assert {
            "type": "http.response.trailers",
            "headers": [(b"x-sum", b"1")],
            "more_trailers": False,
        } == server.sent[-1]
    else:
        assert "http.response.body" == server.types[-1]


@pytest.mark.pain("P22")
def test_a_stream_that_breaks_off_is_raised_to_the_server(asgi: SimpleNamespace) -> None:
    """Nothing that looks like an end is sent, and the request is torn down."""
    app = make_app()
    log: list[str] = []
    app.teardown_request(lambda: log.append("teardown"))

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "half"
            raise LookupError("the other half")
        finally:
            log.append("closed")

    add_index(app, StreamResponse(pieces()))
    server = asgi.Server(asgi.body())
    with pytest.raises(LookupError):
        serve(app, server, asgi.http())

    assert [True] == [message["more_body"] for message in server.sent[1:]]
    assert ["closed", "teardown"] == log


def test_an_exchange_that_the_application_cuts_off(asgi: SimpleNamespace) -> None:
    """`abort` ends in an exception for the server, whatever was sent."""
    app = make_app()

    @app.get("/")
    async def cut(request: Request) -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "half"
            request.exchange.abort()
            yield "more"

        return StreamResponse(pieces())

    server = asgi.Server(asgi.body())
    with pytest.raises(ConnectionAbortedError):
        serve(app, server, asgi.http())

    assert b"half" == server.body


@pytest.mark.parametrize("length", ["9", "4"])
def test_a_wrong_content_length_never_frames_a_response(
    asgi: SimpleNamespace, length: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that is too long is cut, one that is too short is an error."""
    app = make_app()
    add_index(app, Response(b"hello", headers={"content-length": length}))
    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http())
    expected = (200, b"hell") if length == "4" else (500, b"Something went wrong on our side.")

    assert expected == (server.sent[0]["status"], server.body)
    assert "response_length_wrong" in caplog.text or "response_failed" in caplog.text


def test_an_exit_in_a_handler_is_a_500(asgi: SimpleNamespace) -> None:
    """The process belongs to the server."""
    app = make_app()

    @app.get("/")
    async def leave() -> str:
        raise SystemExit(3)

    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http())

    assert 500 == server.sent[0]["status"]


@pytest.mark.pain("P10")
def test_a_client_that_left_is_a_line_and_an_event(asgi: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off is no error of the application: status 499, INFO, no traceback."""
    app = make_app()
    told: list[tuple[str, object]] = []
    app.on("client_disconnected", lambda fields: told.append(("left", fields["request"])))
    app.on("request_finished", lambda fields: told.append(("finished", fields["status_code"])))

    @app.post("/")
    async def take(request: Request) -> str:
        return request.text

    server = asgi.Server(asgi.body(b"a", more=True), {"type": "http.disconnect"})
    with caplog.at_level(logging.INFO):
        serve(app, server, asgi.http(method="POST"))

    assert [] == server.sent
    assert ["left", "finished"] == [event for event, _ in told]
    assert 499 == told[1][1]
    assert ["client_disconnected method=POST path='/' status_code=499"] == [
        record.getMessage() for record in caplog.records if record.name == "costrel.gateway"
    ]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.pain("P16")
@pytest.mark.parametrize(
    ("root_path", "path", "expected"),
    [
        pytest.param("", "/auth/x", ["/auth/x", "/auth/x", "/auth/x"], id="none"),
        pytest.param("/auth", "/auth/x", ["/auth/x", "/auth/x", "/x"], id="a-prefix-of-the-path"),
        pytest.param("/auth/", "/auth/x", ["/auth/x", "/auth/x", "/x"], id="with-a-slash-at-its-end"),
        pytest.param("/auth", "/auth/auth/x", ["/auth/auth/x", "/auth/auth/x", "/auth/x"], id="a-route-of-its-name"),
        pytest.param("/auth", "/auth", ["/auth", "/auth", "/"], id="the-root-itself"),
        pytest.param("/auth", "/authors", ["/auth/authors", "/auth/authors", "/authors"], id="a-route-that-begins-so"),
        pytest.param("/auth", "/x", ["/auth/x", "/auth/x", "/x"], id="cut-off-by-the-server"),
        pytest.param("/ü", "/x", ["/ü/x", "/%C3%BC/x", "/x"], id="beyond-ascii"),
    ],
)
def test_the_root_path_is_in_the_path_once(
    asgi: SimpleNamespace, root_path: str, path: str, expected: list[str]
) -> None:
    """`path` is whole, `route_path` is what the routes see, and one is the other with the prefix."""
    app = make_app()

    @app.get("/", name="root")
    @app.get("/{rest:path}")
    async def show(request: Request) -> list[str]:
        return [request.path, request.raw_path.decode(), request.route_path]

    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http(path, root_path=root_path))

    assert expected == json.loads(server.body)


@pytest.mark.parametrize(
    ("fields", "raw_path"),
    [
        pytest.param({"path": "/é x", "raw_path": b"/%C3%A9%20x"}, "/%C3%A9%20x", id="as-sent"),
        pytest.param({"path": "/é x", "raw_path": None}, "/%C3%A9%20x", id="made-when-there-is-none"),
        pytest.param({"path": "/a", "raw_path": b"/prefix/a"}, "/a", id="made-when-the-path-was-changed"),
        pytest.param({"path": "/a b", "raw_path": b"/p/a%20b"}, "/a%20b", id="made-when-an-escaped-path-was-changed"),
        pytest.param({"path": "", "raw_path": b""}, "/", id="an-empty-path-is-the-root"),
    ],
)
def test_the_raw_path_is_that_of_the_path(asgi: SimpleNamespace, fields: dict[str, Any], raw_path: str) -> None:
    """The path of the scope counts; its raw form is used when it is the same one."""
    app = make_app()

    @app.get("/{rest:path}")
    async def show(request: Request) -> str:
        return request.raw_path.decode()

    @app.get("/", name="root")
    async def root(request: Request) -> str:
        return request.raw_path.decode()

    server = asgi.Server(asgi.body())
    serve(app, server, {**asgi.http(), **fields})

    assert raw_path == server.body.decode()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"path": "/%zz", "raw_path": b"/%zz"}, id="a-broken-escape"),
        pytest.param({"path": "/a\\b", "raw_path": b"/a\\b"}, id="a-backslash"),
        pytest.param({"headers": [(b"host", b"a/?")]}, id="a-host-that-is-none"),
    ],
)
def test_a_malformed_request_is_refused(asgi: SimpleNamespace, fields: dict[str, Any]) -> None:
    """What our own server refuses is refused under others too."""
    server = asgi.Server(asgi.body())
    serve(make_app(), server, asgi.http(**fields))

    assert 400 == server.sent[0]["status"]


def test_names_with_an_underscore_are_not_let_in(asgi: SimpleNamespace) -> None:
    """``X_User`` and ``X-User`` would be one name in an environment of CGI's shape."""
    app = make_app()

    @app.get("/")
    async def show(request: Request) -> list[str]:
        return list(request.headers)

    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http(headers=[(b"host", b"a"), (b"x_user", b"root"), (b"x-user", b"ann")]))

    assert b'["host","x-user"]' == server.body


def test_trusted_proxies_are_believed(asgi: SimpleNamespace) -> None:
    """Scheme, host and client come from a proxy that is trusted."""
    app = make_app(trusted_proxies=("192.0.2.0/24",))

    @app.get("/")
    async def show(request: Request) -> list[str]:
        return [request.scheme, request.host, request.client[0] if request.client else ""]

    fields = [
        (b"host", b"inner"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"),
    ]
    server = asgi.Server(asgi.body())
    serve(app, server, asgi.http(headers=fields))

    assert b'["https","shop.example","203.0.113.9"]' == server.body


@pytest.mark.capability("C108")
def test_a_websocket_is_accepted_with_its_headers(asgi: SimpleNamespace) -> None:
    """The subprotocol has a key of its own, and a cookie that a hook sets goes with the handshake."""
    app = make_app()

    @app.after_request
    async def mark(response: Response) -> Response:
        response.headers["x-mark"] = "1"
        return response

    @app.websocket("/{room}", subprotocols=("v1",))
    async def chat(socket: WebSocket, room: str) -> None:
        await socket.send(f"{room} {await socket.receive_text()} {socket.url.scheme}")

    server = asgi.Server({"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hi"})
    scope = asgi.websocket("/r", headers=[(b"host", b"a"), (b"sec-websocket-protocol", b"v1")])
    serve(app, server, scope)

    assert ["websocket.accept", "websocket.send", "websocket.close"] == server.types
    assert ("v1", [(b"x-mark", b"1")]) == (server.sent[0]["subprotocol"], server.sent[0]["headers"])
    assert ("r hi http", 1000) == (server.sent[1]["text"], server.sent[2]["code"])


@pytest.mark.capability("C109")
@pytest.mark.parametrize("supported", [True, False])
def test_a_websocket_is_refused(asgi: SimpleNamespace, supported: bool) -> None:
    """With the response where the server knows how, else by closing before it is accepted."""
    app = make_app()
    finished: list[object] = []
    app.on("request_finished", lambda fields: finished.append(fields["status_code"]))
    server = asgi.Server({"type": "websocket.connect"})
    serve(app, server, asgi.websocket("/nowhere", extensions={"websocket.http.response": {}} if supported else {}))

    assert [404] == finished
    if supported:
        assert ["websocket.http.response.start", "websocket.http.response.body"] == server.types
        assert 404 == server.sent[0]["status"]
    else:
        assert ["websocket.close"] == server.types


def test_a_client_that_leaves_before_the_handshake(asgi: SimpleNamespace) -> None:
    """Nothing is sent, and nothing is an error."""
    app = make_app()

    @app.websocket("/")
    async def chat(socket: WebSocket) -> None:
        await socket.receive()

    server = asgi.Server({"type": "websocket.connect"})
    server.send_error = BrokenPipeError()
    serve(app, server, asgi.websocket())
    other = asgi.Server({"type": "websocket.disconnect"})
    serve(app, other, asgi.websocket())

    assert ([], []) == (server.sent, other.sent)


def test_a_response_before_the_end_of_the_body_is_an_event(asgi: SimpleNamespace) -> None:
    """An early answer is never silent; one to a request without a body is not early."""
    app = make_app()
    early: list[object] = []
    app.on("early_response", lambda fields: early.append(fields["status_code"]))
    add_index(app)
    serve(app, asgi.Server(), asgi.http(method="POST", headers=[(b"host", b"a"), (b"content-length", b"9")]))
    serve(app, asgi.Server(), asgi.http())

    assert [405] == early


def test_the_app_is_an_asgi_callable(asgi: SimpleNamespace) -> None:
    """Servers call the application itself, which keeps one gateway for all loops."""
    app = make_app()
    add_index(app)

    async def main() -> bytes:
        server = asgi.Server(asgi.body())
        await app(asgi.http(), server.receive, server.send)
        await app(asgi.http(), server.receive, server.send)
        return bytes(server.body)

    assert b"hellohello" == asyncio.run(main())


def test_other_scopes_are_refused(asgi: SimpleNamespace) -> None:
    """A protocol that nobody knows here is named."""
    with pytest.raises(ValueError, match="'mqtt'"):
        serve(make_app(), asgi.Server(), {"type": "mqtt"})


@pytest.mark.pain("P47")
def test_a_request_leaves_no_garbage(asgi: SimpleNamespace) -> None:
    """No reference cycle is made by a request, so memory is given back at once."""
    app = make_app()
    add_index(app)

    @app.get("/stream")
    async def stream(request: Request) -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "a"

        return StreamResponse(pieces())

    async def main() -> int:
        gateway = ASGIGateway(app)

        async def request(path: str) -> None:
            server = asgi.Server(asgi.body())
            await gateway(asgi.http(path), server.receive, server.send)

        for path in ("/", "/stream"):
            await request(path)
        gc.collect()
        for path in ("/", "/stream") * 10:
            await request(path)
        return gc.collect()

    assert 0 == asyncio.run(main())


def test_a_disconnect_while_a_stream_is_sent_closes_it(asgi: SimpleNamespace) -> None:
    """Under a server whose `send` does not tell, the gateway listens while it streams."""
    app = make_app()
    log: list[str] = []

    @app.get("/")
    async def endless() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            try:
                while True:
                    yield "tick"
                    await asyncio.sleep(0)
            except BaseException as error:
                log.append(type(error).__name__)
                raise

        return StreamResponse(pieces())

    async def main() -> None:
        server = asgi.Server(asgi.body())
        gateway = ASGIGateway(app)
        scope = asgi.http(asgi={"version": "3.0", "spec_version": "2.3"})
        serving = asyncio.create_task(gateway(scope, server.receive, server.send))
        while len(server.sent) < 3:
            await asyncio.sleep(0)
        server.incoming.put_nowait({"type": "http.disconnect"})
        await serving

    asyncio.run(main())

    assert ["GeneratorExit"] == log


@pytest.mark.parametrize("fails", [False, True])
def test_a_socket_is_no_garbage(asgi: SimpleNamespace, fails: bool) -> None:
    """When a socket is over, nothing of it waits for the garbage collector."""
    app = make_app()

    @app.websocket("/")
    async def talk(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)
        if fails:
            raise Conflict

    def run() -> None:
        messages = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "a"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
        serve(app, asgi.Server(*messages), asgi.websocket())

    run()
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        run()
        gc.collect()
        found = [thing for thing in gc.garbage if isinstance(thing, Request | WebSocket | Response)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert [] == found
