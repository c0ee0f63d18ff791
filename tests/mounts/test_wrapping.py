"""ASGI middleware as a layer: what it is called with, what becomes of its messages, and what of exceptions."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from costrel import (
    App,
    BodyStream,
    Disconnect,
    EventStream,
    FileResponse,
    HTTPError,
    NotFound,
    Request,
    Response,
    StreamResponse,
    WebSocket,
)
from costrel.errors import ConfigurationError
from costrel.messages import Dispatch
from costrel.mounts import ASGIApplication, ASGIWrapping, Message, Receive, Scope, Send
from costrel.testing import WebSocketRefused

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Spy:
    """Middleware that notes what passes it."""

    def __init__(self, app: ASGIApplication) -> None:
        self.app = app
        self.scopes: list[Scope] = []
        self.received: list[Message] = []
        self.sent: list[Message] = []
        self.raised: list[Exception] = []
        self.seen: list[str] = []
        made.append(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)

        async def receiving() -> Message:
            message = await receive()
            self.received.append(message)
            return message

        async def sending(message: Message) -> None:
            self.sent.append(message)
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        except Exception as error:
            self.raised.append(error)
            raise
        finally:
            self.seen.append(variable.get())


made: list[Spy] = []


def wrapped(*factories: Any) -> App:
    app = App("wrapped")
    for factory in factories:
        app.wrap_asgi(factory)

    @app.get("/")
    async def index() -> str:
        variable.set("set by an async handler")
        return "hello"

    @app.get("/sync")
    def sync() -> str:
        variable.set("set by a sync handler")
        return "hello"

    @app.get("/status/{status_code:int}")
    async def status(status_code: int) -> Response:
        return Response("content" if status_code == 200 else None, status_code, {"etag": '"1"'})

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> Any:
            yield "one"
            variable.set("set by a stream")
            yield "two"

        response = StreamResponse(pieces(), media_type="text/plain")
        response.trailers = lambda: {"x-check": "sum"}
        return response

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(__file__)

    @app.get("/crash")
    async def crash() -> str:
        raise LookupError("crash")

    @app.get("/missing")
    async def missing() -> str:
        raise NotFound

    @app.get("/late")
    async def late() -> StreamResponse:
        async def pieces() -> Any:
            yield "one"
            raise LookupError("late")

        return StreamResponse(pieces())

    @app.post("/length")
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.post("/pieces")
    async def pieces(body: BodyStream) -> str:
        return str(sum([len(piece) async for piece in body]))

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            if message == "crash":
                raise LookupError("crash in a socket")
            variable.set("set by a socket")
            await socket.send(message)

    @app.websocket("/refused")
    async def refused(socket: WebSocket) -> None:
        raise AssertionError("never reached")

    @app.before_request
    async def refuse(request: Request) -> None:
        if request.path == "/refused":
            raise HTTPError(401, "Who are you?")

    return app


@pytest.fixture
def spy() -> list[Spy]:
    made.clear()
    return made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/", "set by an async handler", id="async"),
        pytest.param("/sync", "set by a sync handler", id="sync"),
        pytest.param("/stream", "set by a stream", id="stream"),
    ],
)
@pytest.mark.pain("P1")
def test_what_a_handler_sets_in_its_context_the_middleware_sees(path: str, expected: str, spy: list[Spy]) -> None:
    """After the application has returned, the context is that of the handler: it is one task."""
    with wrapped(Spy, Spy).test_client() as client:
        client.get(path)

    assert [[expected], [expected]] == [one.seen for one in spy]


def test_it_is_made_once_and_only_for_requests(spy: list[Spy]) -> None:
    """One instance serves all requests; it sees no lifespan, and the request is in its scope."""
    app = wrapped(Spy)
    with app.test_client() as client:
        requests = [client.get("/").request, client.get("/sync").request]

    assert 1 == len(spy)
    assert ["http", "http"] == [scope["type"] for scope in spy[0].scopes]
    assert requests == [scope["costrel.request"] for scope in spy[0].scopes]


def test_complete_content_is_two_messages(spy: list[Spy]) -> None:
    """The head has the length, and the content is one piece."""
    with wrapped(Spy).test_client() as client:
        response = client.get("/")

    assert (200, "hello", "5") == (response.status_code, response.text, response.headers["content-length"])
    assert [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"x-content-type-options", b"nosniff"),
                (b"content-length", b"5"),
            ],
        },
        {"type": "http.response.body", "body": b"hello", "more_body": False},
    ] == spy[0].sent


def test_a_stream_stays_one_and_keeps_its_trailers(spy: list[Spy]) -> None:
    """Each piece is a message, made when it is wanted; trailer fields follow."""
    with wrapped(Spy).test_client() as client:
        response = client.get("/stream")

    assert ("onetwo", "sum") == (response.text, response.trailers["x-check"])
    assert ["start", "body", "body", "body", "trailers"] == [message["type"].split(".")[-1] for message in spy[0].sent]
    assert [b"one", b"two", b""] == [message["body"] for message in spy[0].sent[1:4]]


def test_a_file_becomes_a_stream_of_known_length(spy: list[Spy]) -> None:
    """The length and the validators are in the head, the content comes in pieces."""
    content = Path(__file__).read_bytes()
    with wrapped(Spy).test_client() as client:
        response = client.get("/file")
        again = client.get("/file", headers={"if-none-match": response.headers["etag"]})

    assert (content, str(len(content))) == (response.content, response.headers["content-length"])
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize(
    ("method", "path", "status_code", "length"),
    [
        pytest.param("HEAD", "/", 200, "5", id="head"),
        pytest.param("HEAD", "/stream", 200, None, id="head-of-a-stream"),
        pytest.param("GET", "/status/204", 204, None, id="no-content"),
        pytest.param("GET", "/status/205", 205, "0", id="reset-content"),
        pytest.param("GET", "/status/304", 304, None, id="not-modified"),
        pytest.param("OPTIONS", "/", 204, None, id="automatic-options"),
    ],
)
def test_an_answer_without_content_has_none(method: str, path: str, status_code: int, length: str | None) -> None:
    """What HTTP says about such answers holds with middleware as without."""
    answers = []
    for factories in ((), (Spy,)):
        with wrapped(*factories).test_client() as client:
            answers.append(client.request(method, path))

    plain, through = answers
    assert (status_code, length, b"") == (
        through.status_code,
        through.headers.get("content-length"),
        through.content,
    )
    assert plain.headers.raw == through.headers.raw


def test_it_may_answer_by_itself() -> None:
    """The application is not asked, and what it would have done is not done."""

    def stop(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"x-by", b"middleware")]})
            await send({"type": "http.response.body", "body": b"no"})

        return middleware

    with wrapped(stop).test_client() as client:
        response = client.get("/crash")

    assert (403, "middleware", "no") == (response.status_code, response.headers["x-by"], response.text)
    assert response.exception is None


def test_an_unhandled_exception_is_raised_into_it_after_the_response(
    spy: list[Spy], caplog: pytest.LogCaptureFixture
) -> None:
    """Each middleware sees the exception itself, when the 500 was sent; it is logged once and the test sees it too."""
    with wrapped(Spy, Spy).test_client(raise_app_exceptions=False) as client:
        response = client.get("/crash")

    assert 500 == response.status_code
    assert [["crash"], ["crash"]] == [[str(error) for error in one.raised] for one in spy]
    assert [500, 500] == [one.sent[0]["status"] for one in spy]
    assert spy[0].raised[0] is spy[1].raised[0] is response.exception
    assert [("costrel.error", "request_failed")] == [
        (record.name, record.getMessage().split()[0]) for record in caplog.records
    ]


def test_a_handled_error_is_not_raised_into_it(spy: list[Spy]) -> None:
    """A 404, and an exception that an error handler answers, are responses like others; both keep their exception."""
    app = wrapped(Spy)

    @app.errorhandler(LookupError)
    async def answer(error: LookupError) -> tuple[str, int]:
        return "handled", 409

    with app.test_client() as client:
        missing, handled = client.get("/missing"), client.get("/crash")

    assert [404, 409] == [missing.status_code, handled.status_code]
    assert [] == spy[0].raised
    assert ["NotFound", "LookupError"] == [type(item.exception).__name__ for item in (missing, handled)]


def test_a_stream_that_breaks_off_is_seen_and_cut(spy: list[Spy]) -> None:
    """The exception goes through the middleware, and the client learns that the response is not complete."""
    with wrapped(Spy).test_client(raise_app_exceptions=False) as client, pytest.raises(RuntimeError, match="broke off"):
        client.get("/late")

    assert ["late"] == [str(error) for error in spy[0].raised]


def raising(at: str) -> Callable[[ASGIApplication], ASGIApplication]:
    def factory(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            if at == "before":
                raise RuntimeError("middleware failed")
            await app(scope, receive, send)
            raise RuntimeError("middleware failed")

        return middleware

    return factory


def test_its_own_exception_before_the_response_is_converted(caplog: pytest.LogCaptureFixture) -> None:
    """It is answered as the application answers errors, by its error handlers, and logged once."""
    app = wrapped(raising("before"))

    @app.errorhandler(500)
    async def answer(error: HTTPError) -> tuple[str, int]:
        return "our own page", 500

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (500, "our own page") == (response.status_code, response.text)
    assert 1 == len(caplog.records)


def test_its_own_exception_after_the_response_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client has its answer; the log names the middleware."""
    with wrapped(raising("after")).test_client() as client:
        response = client.get("/")

    assert (200, "hello") == (response.status_code, response.text)
    assert ["mount_failed_after_response"] == [record.getMessage().split()[0] for record in caplog.records]


def test_a_middleware_that_keeps_the_response_to_itself_loses_no_500(caplog: pytest.LogCaptureFixture) -> None:
    """It sends when the application has returned, which it never does: the response is ours then, logged once."""

    def buffer(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            kept: list[Message] = []

            async def keep(message: Message) -> None:
                kept.append(message)

            await app(scope, receive, keep)
            for message in kept:
                await send(message)

        return middleware

    with wrapped(buffer).test_client(raise_app_exceptions=False) as client:
        response, crashed = client.get("/"), client.get("/crash")

    assert [(200, "hello"), (500, True)] == [
        (response.status_code, response.text),
        (crashed.status_code, isinstance(crashed.exception, LookupError)),
    ]
    assert 1 == len(caplog.records)


@pytest.mark.parametrize("path", ["/length", "/pieces"])
@pytest.mark.parametrize("size", [0, 10, 200_000])
def test_a_body_is_read_through_its_receive(path: str, size: int, spy: list[Spy]) -> None:
    """What the middleware receives is what the handler reads, whole or piece by piece; two may stand in the way."""
    with wrapped(Spy, Spy).test_client() as client:
        response = client.post(path, content=b"x" * size)

    assert str(size) == response.text
    assert [size, size] == [sum(len(message["body"]) for message in one.received) for one in spy]


def test_a_receive_may_change_the_body() -> None:
    """A middleware that decodes the body gives another one, of another length."""

    def double(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            async def doubled() -> Message:
                message = await receive()
                return {**message, "body": 2 * message["body"]}

            fields = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
            await app({**scope, "headers": fields}, doubled, send)

        return middleware

    with wrapped(double).test_client() as client:
        answers = [client.post(path, content=b"x" * 100_000).text for path in ("/length", "/pieces")]

    assert ["200000", "200000"] == answers


def test_what_it_has_read_and_gives_again_is_read_again() -> None:
    """A middleware that looks at the body first does not take it away."""
    looked: list[int] = []

    def look(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            messages = [await receive()]
            while messages[-1].get("more_body", False):
                messages.append(await receive())
            looked.append(sum(len(message["body"]) for message in messages))
            left = iter(messages)

            async def again() -> Message:
                return next(left, None) or await receive()

            await app(scope, again, send)

        return middleware

    with wrapped(look).test_client() as client:
        answers = [client.post("/length", content=b"x" * size).text for size in (10, 200_000)]

    assert (["10", "200000"], [10, 200_000]) == (answers, looked)


def test_a_body_over_its_limit_is_refused_inside() -> None:
    """The 413 is the application's, so it goes through the middleware like any other response."""
    with wrapped(Spy).test_client() as client:
        response = client.post("/length", content=b"x" * (1024 * 1024 + 1))

    assert 413 == response.status_code


def test_a_socket_goes_through_it_both_ways(spy: list[Spy]) -> None:
    """Handshake, messages and the close are its messages; contexts are one."""
    with wrapped(Spy).test_client() as client, client.websocket("/echo") as socket:
        socket.send_text("text")
        socket.send_bytes(b"bytes")
        echoed = [socket.receive(), socket.receive()]
        socket.close(3000, "done")

    one = spy[0]
    assert ["text", b"bytes"] == echoed
    assert [
        {"type": "websocket.accept", "subprotocol": None, "headers": []},
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"bytes"},
    ] == one.sent
    assert ["websocket.connect", "websocket.receive", "websocket.receive", "websocket.disconnect"] == [
        message["type"] for message in one.received
    ]
    assert (3000, ["set by a socket"]) == (one.received[-1]["code"], one.seen)


def test_a_crash_in_a_socket_is_raised_into_it(spy: list[Spy], caplog: pytest.LogCaptureFixture) -> None:
    """The socket is closed with 1011, the middleware and the test see the exception, the log has it once."""
    with wrapped(Spy).test_client() as client, client.websocket("/echo") as socket:
        socket.send_text("crash")
        with pytest.raises(LookupError, match="crash in a socket"):
            socket.receive()

    assert ["crash in a socket"] == [str(error) for error in spy[0].raised]
    assert {"type": "websocket.close", "code": 1011, "reason": ""} == spy[0].sent[-1]
    assert ["websocket_failed"] == [record.getMessage().split()[0] for record in caplog.records]


def test_a_refused_handshake_keeps_its_response(spy: list[Spy]) -> None:
    """Status and content are messages of the denial response."""
    with (
        wrapped(Spy).test_client() as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket("/refused"),
    ):
        pass

    assert (401, "Who are you?") == (caught.value.response.status_code, caught.value.response.json()["detail"])
    assert ["websocket.http.response.start", "websocket.http.response.body"] == [
        message["type"] for message in spy[0].sent
    ]


def test_a_dropped_stream_ends_middleware_and_handler(spy: list[Spy]) -> None:
    """A client that leaves in the middle closes the generator; the middleware returns, and nothing is logged."""
    closed = []
    app = App()
    app.wrap_asgi(Spy)

    @app.get("/endless")
    async def endless() -> StreamResponse:
        async def pieces() -> Any:
            try:
                while True:
                    yield b"x" * 1000
            finally:
                closed.append(True)

        return StreamResponse(pieces())

    with app.test_client() as client, client.stream("GET", "/endless") as response:
        first = next(iter(response.iter_bytes()))

    assert (1000, [True], []) == (len(first), closed, spy[0].raised)
    assert 1 == len(spy[0].seen)


def test_an_event_stream_sends_its_head_at_once(spy: list[Spy]) -> None:
    """The head does not wait for the first event."""
    app = App()
    app.wrap_asgi(Spy)
    release = asyncio.Event()

    @app.get("/events")
    async def events() -> EventStream:
        async def make() -> Any:
            await release.wait()
            yield {"n": 1}

        return EventStream(make())

    with app.test_client() as client, client.stream("GET", "/events") as response:
        assert 200 == response.status_code
        assert [b""] == [message["body"] for message in spy[0].sent[1:]]
        client.run(_set(release))
        assert any(b'{"n":1}' in piece for piece in response.iter_bytes())


async def _set(event: asyncio.Event) -> None:
    event.set()


def forward(app: ASGIApplication) -> ASGIApplication:
    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        async def receiving() -> Message:
            return await receive()

        await app(dict(scope), receiving, send)

    return middleware


def left_after(app: App) -> list[bool]:
    """Return which requests are alive when they have ended, without the help of the collector."""
    references: list[weakref.ref[Any]] = []
    app.on("request_started", lambda fields: references.append(weakref.ref(fields["request"])))
    gc.collect()
    gc.disable()
    try:
        with app.test_client(raise_app_exceptions=False) as client:
            for path in ("/", "/sync", "/stream", "/missing", "/crash", "/"):
                client.get(path)
            return [reference() is not None for reference in references]
    finally:
        gc.enable()


def test_no_request_is_left_that_would_not_be_left_without_it() -> None:
    """Request, scope and exception form no circle of their own."""
    logger = logging.getLogger("costrel.error")
    logger.disabled = True
    try:
        plain, through = left_after(wrapped()), left_after(wrapped(forward, forward))
    finally:
        logger.disabled = False

    assert plain[:2] == through[:2] == [False, False]
    assert plain[3:] == through[3:]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        pytest.param(lambda app, size: app, "could not be made: TypeError", id="an-option-is-missing"),
        pytest.param(lambda app: None, "made an object of type `NoneType`", id="it-makes-nothing"),
    ],
)
def test_what_cannot_be_made_is_a_mistake(factory: Any, message: str) -> None:
    """The mistake says what making it raised, or what it made."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        ASGIWrapping(factory, where="shop.py:7").make()

    assert ("COS-MOUNT-009", "shop.py:7") == (caught.value.mistake.code, caught.value.mistake.where)


def test_a_coroutine_function_makes_no_middleware() -> None:
    """The coroutine is closed, so nobody is warned of it later."""

    async def factory(app: ASGIApplication) -> ASGIApplication:
        return app

    with pytest.raises(ConfigurationError, match="made an object of type `coroutine`"):
        ASGIWrapping(factory).make()


def test_a_wrapping_is_a_layer_too() -> None:
    """It makes its middleware when it is asked first, and tells whoever wants to know what an exception became."""
    made.clear()
    told: list[tuple[str, int]] = []
    wrapping = ASGIWrapping(Spy, remember=lambda error, request, response: told.append((str(error), 500)))
    app = App(use=[wrapping])

    @app.get("/")
    async def index() -> str:
        raise LookupError("crash")

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (500, [("crash", 500)], "<ASGIWrapping 'Spy'>") == (response.status_code, told, repr(wrapping))
    assert ["crash"] == [str(error) for error in made[0].raised]


def test_a_group_with_the_exception_alone_is_taken_back_too(caplog: pytest.LogCaptureFixture) -> None:
    """Task groups of middleware raise groups; the exception inside was logged already."""

    def grouping(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_run(app(scope, receive, send)))

        return middleware

    with wrapped(grouping).test_client(raise_app_exceptions=False) as client:
        assert (200, "hello") == (client.get("/").status_code, client.get("/").text)
        assert 500 == client.get("/crash").status_code

    assert ["request_failed"] == [record.getMessage().split()[0] for record in caplog.records]


async def _run(awaitable: Awaitable[object]) -> None:
    await awaitable


def test_a_client_that_leaves_while_the_body_comes_is_no_error(
    spy: list[Spy], caplog: pytest.LogCaptureFixture
) -> None:
    """The request ends as it would without middleware, also where a task group makes a group of the signal."""

    def grouping(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_run(app(scope, receive, send)))

        return middleware

    ended: list[object] = []
    app = wrapped(Spy, grouping)
    app.on("request_finished", lambda fields: ended.append(fields["status_code"]))

    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/length",
        "query_string": b"",
        "headers": [(b"content-length", b"10")],
    }
    asyncio.run(app(scope, receive, send))

    assert ([499], []) == (ended, [record.getMessage() for record in caplog.records])


def test_layers_outside_may_change_the_content() -> None:
    """Of complete content the transport says the length, so an application around this one may change it."""

    async def shout(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.body = b"LONGER THAN BEFORE"
        return response

    outer = App(use=[shout])
    outer.mount("/inner", wrapped(Spy))
    with outer.test_client() as client:
        response = client.get("/inner/")

    assert ("LONGER THAN BEFORE", "18") == (response.text, response.headers["content-length"])


def test_a_socket_of_a_client_that_leaves_ends_quietly(spy: list[Spy], caplog: pytest.LogCaptureFixture) -> None:
    """A handler that sends into a lost socket gets `Disconnect`, and the middleware no exception."""
    app = App()
    app.wrap_asgi(Spy)
    ends: list[int] = []

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        try:
            while True:
                await socket.receive()
                await socket.send("more")
        except Disconnect as error:
            ends.append(error.code)
            raise

    with app.test_client() as client, client.websocket("/talk") as socket:
        socket.send_text("x")
        socket.receive()

    assert ([1000], []) == (ends, spy[0].raised)
    assert [] == caplog.records
