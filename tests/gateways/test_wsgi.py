"""The WSGI gateway with real applications, called as a server calls and checked by `wsgiref.validate`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from io import BytesIO
from typing import Annotated, Any, cast

import pytest

from costrel.app import App, AppSettings, session
from costrel.errors import Conflict
from costrel.gateways import WSGIGateway
from costrel.handling import Form
from costrel.messages import (
    BodyStream,
    JSONResponse,
    Request,
    Response,
    UploadFile,
    WebSocket,
)

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def make_app(**settings: Any) -> App:
    """Make an application without extensions."""
    return App("tested", extensions=(), settings=AppSettings(**settings))


class Service:
    """What the providers of these tests make."""


class ForResponse:
    """Lives as long as the response."""


class OfLoop:
    """Is made by ``async def`` code."""


@pytest.mark.capability("C177")
@pytest.mark.parametrize(
    ("path", "method", "status", "fields", "body"),
    [
        pytest.param(
            "/text",
            "GET",
            "200 OK",
            [
                ("content-type", "text/html; charset=utf-8"),
                ("x-content-type-options", "nosniff"),
                ("content-length", "5"),
            ],
            b"hello",
            id="text",
        ),
        pytest.param(
            "/json/7",
            "GET",
            "201 Created",
            [("content-type", "application/json"), ("content-length", "8")],
            b'{"id":7}',
            id="json",
        ),
        pytest.param(
            "/own",
            "GET",
            "299 Successful",
            [("content-type", "a/b"), ("x-a", "1"), ("content-length", "1")],
            b"x",
            id="the-servers-own-fields-are-left-out",
        ),
        pytest.param("/none", "GET", "204 No Content", [], b"", id="no-content"),
        pytest.param("/text", "HEAD", "200 OK", None, b"", id="head"),
        pytest.param("/text", "POST", "405 Method Not Allowed", None, None, id="wrong-method"),
        pytest.param("/nowhere", "GET", "404 Not Found", None, None, id="no-route"),
        pytest.param("/conflict", "GET", "409 Conflict", None, None, id="an-error"),
        pytest.param("/fails", "GET", "500 Internal Server Error", None, None, id="an-unexpected-error"),
    ],
)
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_whole_response(
    wsgi: Callable[..., Any],
    colour: str,
    path: str,
    method: str,
    status: str,
    fields: list[tuple[str, str]] | None,
    body: bytes | None,
) -> None:
    """Status, fields and body are those of every other transport, for handlers of both colours."""
    app = make_app()

    def add(route: str, handler: Callable[..., object], **options: Any) -> None:
        async def wrapped(request: Request) -> object:
            return handler(request)

        app.get(route, **options)(handler if colour == "def" else wrapped)

    def fail(request: Request) -> str:
        raise ValueError("on purpose")

    def conflict(request: Request) -> str:
        raise Conflict

    own = {"X-A": "1", "Connection": "close", "Transfer-Encoding": "x", "Upgrade": "x", "TE": "x", "Trailer": "x"}
    add("/text", lambda request: "hello", name="text")
    add("/json/{id:int}", lambda request: {"id": request.path_params["id"]}, name="json", status_code=201)
    add("/own", lambda request: Response(b"x", 299, own, media_type="a/b"), name="own")
    add("/none", lambda request: None, name="none")
    add("/conflict", conflict, name="conflict")
    add("/fails", fail, name="fails")

    answer = wsgi(app).ask(path, method)

    assert status == answer.status
    if fields is not None:
        assert fields == answer.fields
    if body is None:
        assert int(status[:3]) == json.loads(answer.body)["status"]
    else:
        assert body == answer.body
    if method == "HEAD":
        assert "5" == answer.headers["content-length"]


@pytest.mark.capability("C177")
def test_an_app_tells_the_protocols_apart(wsgi: Callable[..., Any]) -> None:
    """Two arguments are WSGI, three are ASGI, and for who asks the application is a coroutine function."""
    app = make_app()

    @app.get("/")
    def index() -> str:
        return "hello"

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
    }
    asyncio.run(_await(app(scope, receive, send)))
    calls = wsgi(app)
    calls.app = app
    try:
        answer = calls.ask()
    finally:
        cast("WSGIGateway", app._wsgi_gateway).stop()

    assert (b"hello", b"hello") == (sent[-1]["body"], answer.body)
    assert asyncio.iscoroutinefunction(app.__call__)


async def _await(coroutine: Any) -> None:
    await coroutine


@pytest.mark.pain("P27")
def test_def_code_runs_in_the_calling_thread_and_async_code_on_the_loop(wsgi: Callable[..., Any]) -> None:
    """Handlers, hooks, providers of every kind and their exits, generators: each where its colour says."""
    app = make_app()
    seen: dict[str, int] = {}

    def note(name: str) -> None:
        seen[name] = threading.get_ident()

    def service() -> Iterator[Service]:
        note("provider")
        yield Service()
        note("exit")

    def for_response() -> Iterator[ForResponse]:
        note("response provider")
        yield ForResponse()
        note("response exit")

    async def of_loop() -> AsyncIterator[OfLoop]:
        note("async provider")
        yield OfLoop()
        note("async exit")

    app.provide(Service, service)
    app.provide(ForResponse, for_response, lifetime="response")
    app.provide(OfLoop, of_loop)

    @app.before_request
    def before() -> None:
        note("before")

    @app.after_request
    def after(response: Response) -> None:
        note("after")

    @app.teardown_request
    def teardown() -> None:
        note("teardown")

    @app.get("/")
    def index(one: Service, two: ForResponse, three: OfLoop) -> Iterator[str]:
        note("handler")
        yield "a"
        note("stream")
        yield "b"

    @app.get("/async")
    async def on_loop(one: Service) -> str:
        note("async handler")
        return ""

    calls = wsgi(app)
    here = threading.get_ident()

    assert b"ab" == calls.ask("/").body
    on_the_loop = {seen.pop("async provider"), seen.pop("async exit")}
    assert dict.fromkeys(seen, here) == seen
    assert {
        "before",
        "provider",
        "response provider",
        "handler",
        "stream",
        "exit",
        "after",
        "response exit",
        "teardown",
    } == set(seen)
    seen.clear()
    calls.ask("/async")
    on_the_loop.add(seen.pop("async handler"))
    assert dict.fromkeys(seen, here) == seen
    assert 1 == len(on_the_loop)
    assert here not in on_the_loop


@pytest.mark.pain("P27")
def test_decorators_of_both_colours_work_on_handlers_of_both(wsgi: Callable[..., Any]) -> None:
    """A plain decorator around an async handler gives an awaitable, and that is awaited."""
    from functools import wraps

    app = make_app()

    def plain(handler: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(handler)
        def wrapped() -> Any:
            return handler()

        return wrapped

    @app.get("/def")
    @plain
    def sync() -> str:
        return "def"

    @app.get("/async")
    @plain
    async def not_sync() -> str:
        await asyncio.sleep(0)
        return "async"

    calls = wsgi(app)

    assert (b"def", b"async") == (calls.ask("/def").body, calls.ask("/async").body)


def test_the_body_is_read_by_the_calling_thread(wsgi: Callable[..., Any]) -> None:
    """Whether it is kept as a whole or taken as a stream, and never further than it is long."""
    app = make_app()
    threads = set()

    class Input:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def read(self, size: int) -> bytes:
            threads.add(threading.get_ident())
            piece, self.content = self.content[:size], self.content[size:]
            return piece

        readline = readlines = __iter__ = None

    @app.post("/kept")
    def kept(request: Request) -> str:
        return str(len(request.body))

    @app.post("/streamed")
    async def streamed(body: BodyStream) -> str:
        return str(sum([len(piece) async for piece in body]))

    calls = wsgi(app)
    content = b"x" * 400_000
    for path in ("/kept", "/streamed"):
        source = Input(content + b"of the next request")
        answer = calls.ask(path, "POST", **{"wsgi.input": source, "CONTENT_LENGTH": str(len(content))})

        assert (b"400000", b"of the next request") == (answer.body, source.content)
    assert {threading.get_ident()} == threads


@pytest.mark.parametrize(
    ("more", "length"),
    [
        pytest.param({}, b"0", id="without-a-length-there-is-no-body"),
        pytest.param({"CONTENT_LENGTH": ""}, b"0", id="an-empty-length-is-none"),
        pytest.param({"wsgi.input_terminated": True}, b"0", id="nor-without-a-field-that-announces-it"),
        pytest.param(
            {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
            b"3",
            id="an-input-that-ends-is-read-to-its-end",
        ),
        pytest.param({"CONTENT_LENGTH": "2", "wsgi.input_terminated": True}, b"2", id="a-length-holds-anyway"),
    ],
)
def test_how_long_a_body_is(wsgi: Callable[..., Any], more: dict[str, Any], length: bytes) -> None:
    """By its length, or up to the end of an input of which the server says that it has one."""
    app = make_app()

    @app.post("/")
    def index(request: Request) -> str:
        return str(len(request.body))

    environ = {"wsgi.input": BytesIO(b"abc"), **more}

    assert length == wsgi(app).ask("/", "POST", **environ).body


def test_json_forms_and_files_are_read(wsgi: Callable[..., Any]) -> None:
    """They are read by the one reader, so they are what they are everywhere."""
    app = make_app()

    @app.post("/json")
    async def take_json(request: Request) -> dict[str, Any]:
        return {"got": request.json()}

    @app.post("/form")
    def take_form(name: Annotated[str, Form()]) -> dict[str, Any]:
        return {"got": name}

    @app.post("/file")
    def take_file(request: Request) -> dict[str, Any]:
        upload: UploadFile = request.files["f"]
        return {"got": [upload.filename, upload.size_bytes]}

    calls = wsgi(app)
    multipart = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
    got = [
        json.loads(calls.ask(path, "POST", body, CONTENT_TYPE=media_type).body)["got"]
        for path, body, media_type in (
            ("/json", '{"k": "ü"}'.encode(), "application/json"),
            ("/form", b"name=a+b", "application/x-www-form-urlencoded"),
            ("/file", multipart, "multipart/form-data; boundary=b"),
        )
    ]

    assert [{"k": "ü"}, "a b", ["a.txt", 3]] == got


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_413(wsgi: Callable[..., Any], declared: bool) -> None:
    """One that says so at once, one that does not when the limit is passed; neither is read further."""
    app = make_app(max_body_bytes=10)

    @app.post("/")
    def index(request: Request) -> str:
        return ""

    more: dict[str, Any] = {}
    if not declared:
        more = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    calls = wsgi(app)
    environ = calls.environ("/", "POST", b"x" * 100_000, **more)
    source = environ["wsgi.input"]
    answer, pieces = calls.open(environ)
    b"".join(pieces)
    pieces.close()

    assert (413, 0 if declared else 11) == (answer.status_code, source.tell())


@pytest.mark.parametrize(
    ("size", "limit", "status_code"), [(16_384, 16_384, 200), (16_385, 20_000, 200), (11, 10, 413)]
)
def test_a_small_body_is_read_beforehand(wsgi: Callable[..., Any], size: int, limit: int, status_code: int) -> None:
    """It makes no difference for anybody but in time."""
    app = make_app(max_body_bytes=limit)

    @app.post("/")
    def index(request: Request) -> str:
        return str(len(request.body))

    @app.post("/stream")
    async def stream(body: BodyStream) -> str:
        return str(len(await body.read()))

    calls = wsgi(app)
    for path in ("/", "/stream"):
        answer = calls.ask(path, "POST", b"x" * size)

        assert status_code == answer.status_code
        assert status_code == 413 or answer.body == str(size).encode()


def test_a_client_that_waits_for_100_is_served(wsgi: Callable[..., Any]) -> None:
    """The server answers the expectation when its input is read; what is never asked for is never read."""
    app = make_app()

    @app.post("/read")
    def read(request: Request) -> str:
        return request.text

    @app.post("/refuse", use=[_refuse])
    def refuse(request: Request) -> str:
        return request.text

    calls = wsgi(app)
    environ = calls.environ("/refuse", "POST", b"abc", HTTP_EXPECT="100-continue")
    source = environ["wsgi.input"]
    answer, pieces = calls.open(environ)
    b"".join(pieces)
    pieces.close()

    assert b"abc" == calls.ask("/read", "POST", b"abc", HTTP_EXPECT="100-continue").body
    assert (409, 0) == (answer.status_code, source.tell())


async def _refuse(request: Request, call_next: Any) -> Response:
    raise Conflict


def test_context_variables_are_carried_through_a_request_and_no_further(wsgi: Callable[..., Any]) -> None:
    """Each request begins with those of the start; the thread of the server keeps its own."""
    app = make_app()

    @app.on_start
    async def start() -> None:
        tenant.set("started")

    @app.before_request
    async def before(request: Request) -> None:
        assert "started" == tenant.get()
        tenant.set("before")

    @app.get("/")
    def index() -> str:
        seen = tenant.get()
        tenant.set("handler")
        return seen

    @app.after_request
    async def after(response: Response) -> None:
        response.headers["x-seen"] = tenant.get()

    calls = wsgi(app)
    token = tenant.set("server")
    try:
        answers = [calls.ask() for _ in range(2)]
        kept = tenant.get()
    finally:
        tenant.reset(token)

    assert [(b"before", "handler")] * 2 == [(answer.body, answer.headers["x-seen"]) for answer in answers]
    assert "server" == kept


def test_sessions_and_cookies_come_back(wsgi: Callable[..., Any]) -> None:
    """A cookie that was set is read with the next request; several fields of one name stay several."""
    app = App("tested", settings=AppSettings(secret_key="x" * 32))

    @app.get("/")
    def index() -> JSONResponse:
        session["count"] = session.get("count", 0) + 1
        response = JSONResponse({"count": session["count"]})
        response.set_cookie("color", "red")
        return response

    calls = wsgi(app)
    first = calls.ask()
    cookies = [value.partition(";")[0] for name, value in first.fields if name == "set-cookie"]
    second = calls.ask(HTTP_COOKIE="; ".join(cookies))

    assert 2 == len(cookies)
    assert ({"count": 1}, {"count": 2}) == (json.loads(first.body), json.loads(second.body))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=["SystemExit", "KeyboardInterrupt"])
def test_what_stops_a_thread_reaches_the_server(
    wsgi: Callable[..., Any], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Servers end a worker that is stuck by such an exception; providers are left before it goes on."""
    app = make_app()
    log: list[str] = []

    @app.teardown_request
    def teardown() -> None:
        log.append("teardown")

    @app.get("/")
    def index(request: Request) -> str:
        if request.query.get("fine") is not None:
            return "fine"
        raise error

    calls = wsgi(app)
    with pytest.raises(type(error)):
        calls.ask()

    assert b"fine" == calls.ask("/?fine=1").body
    assert ["teardown", "teardown"] == log


@pytest.mark.parametrize(
    ("more", "status_code"),
    [
        pytest.param({"PATH_INFO": "/a\0b"}, 400, id="a-nul-in-the-path"),
        pytest.param({"PATH_INFO": "/a\\b", "REQUEST_URI": "/a\\b"}, 400, id="a-backslash-in-the-path"),
        pytest.param({"HTTP_HOST": "a.example,b.example"}, 400, id="two-hosts"),
        pytest.param({"CONTENT_LENGTH": "+5"}, 400, id="a-length-that-is-none"),
        pytest.param({"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}, 501, id="a-websocket"),
        pytest.param({"HTTP_UPGRADE": "h2c", "HTTP_CONNECTION": "Upgrade"}, 200, id="another-upgrade-is-ignored"),
    ],
)
def test_what_the_gateway_refuses_itself(wsgi: Callable[..., Any], more: dict[str, Any], status_code: int) -> None:
    """A fixed text, and the application is not asked."""
    app = make_app()

    @app.get("/{rest:path}")
    @app.get("/")
    def index() -> str:
        return ""

    def start_response(status: str, fields: list[tuple[str, str]]) -> None:
        seen.append(int(status[:3]))

    seen: list[int] = []
    calls = wsgi(app)
    # Not through the validator: it would refuse some of these first.
    calls.app(calls.environ(**more), start_response)

    assert [status_code] == seen


def test_a_socket_route_says_what_it_is(wsgi: Callable[..., Any]) -> None:
    """A plain request for it is 426."""
    app = make_app()

    @app.websocket("/")
    async def never(socket: WebSocket) -> None:
        raise AssertionError("there are no sockets here")

    assert 426 == wsgi(app).ask().status_code


def test_a_server_that_refuses_the_head_ends_the_request(wsgi: Callable[..., Any]) -> None:
    """What `start_response` raises goes to the server, and the request is torn down."""
    app = make_app()
    ended = threading.Event()

    @app.get("/")
    async def index(request: Request) -> AsyncIterator[str]:
        request.on_end(lambda _: ended.set())
        yield "a"
        yield "b"

    def start_response(status: str, fields: list[tuple[str, str]]) -> None:
        raise AssertionError("not such a head")

    calls = wsgi(app)
    with pytest.raises(AssertionError, match="not such a head"):
        calls.app(calls.environ(), start_response)

    assert ended.wait(5)


def test_many_threads_are_served_at_once(wsgi: Callable[..., Any]) -> None:
    """Handlers of both colours meet in the middle, so none waits for another's thread."""
    app = make_app(threads=1)
    barrier = threading.Barrier(8)

    @app.get("/")
    def index() -> str:
        barrier.wait(5)
        return "met"

    calls = wsgi(app)
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(calls.ask().body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert [b"met"] * 8 == bodies


def test_trusted_proxies_are_believed(wsgi: Callable[..., Any]) -> None:
    """Client and scheme are what the proxy says, as with every gateway."""
    app = make_app(trusted_proxies=("192.0.2.1",))

    @app.get("/")
    def index(request: Request) -> dict[str, Any]:
        return {"client": request.client, "scheme": request.scheme}

    answer = wsgi(app).ask(HTTP_X_FORWARDED_FOR="203.0.113.9", HTTP_X_FORWARDED_PROTO="https")

    assert {"client": ["203.0.113.9", 0], "scheme": "https"} == json.loads(answer.body)
