"""Our own application as middleware sees it, called as middleware may call it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from costrel import App, Request, Response, WebSocket
from costrel.errors import ProgrammerError
from costrel.messages import Dispatch
from costrel.mounts import ASGIApplication, Message, Receive, Scope, Send
from costrel.mounts.wrapping_inner import InnerApplication, alone
from costrel.testing import WebSocketRefused


def wrapped(run: Any, *layers: Any) -> App:
    """Make an application with a middleware that is one function of four parameters."""

    def factory(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            await run(app, scope, receive, send)

        return middleware

    app = App("wrapped", use=layers)
    app.wrap_asgi(factory)

    @app.get("/")
    async def index(request: Request) -> Any:
        return request.state.asgi_scope["user"]  # what middleware has put there

    @app.post("/body")
    async def body(request: Request) -> str:
        return request.text

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.send(socket.subprotocol or "none")

    return app


def test_it_is_seen_to_be_an_application_of_asgi_3() -> None:
    """Middleware that tells applications apart asks whether the call is a coroutine function."""
    assert inspect.iscoroutinefunction(InnerApplication("x").__call__)


async def call_twice(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
    await app(scope, receive, send)


async def call_without_a_request(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
    await app({"type": "http", "path": "/", "headers": []}, receive, send)


def test_a_scope_of_nobody_is_refused() -> None:
    """Middleware that makes a scope of its own hears which code explains it."""
    with wrapped(call_without_a_request).test_client() as client, pytest.raises(ProgrammerError) as caught:
        client.get("/")

    assert "COS-MOUNT-008" == caught.value.mistake.code
    assert "middleware" in str(caught.value)


def test_a_second_call_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The response of the first call is sent; the mistake of the second is in the log."""

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        await call_twice(app, {**scope, "user": "ann"}, receive, send)

    with wrapped(run).test_client() as client:
        response = client.get("/")

    error = caplog.records[0].exc_info
    assert "ann" == response.text
    assert error is not None
    assert isinstance(error[1], ProgrammerError)
    assert "COS-MOUNT-007" == error[1].mistake.code


def test_a_second_call_before_any_response_is_the_answer() -> None:
    """Middleware that asks twice and sends nothing in between gets the mistake, and so does the test."""

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def drop(message: Message) -> None:
            """Keep it from the client."""

        await app({**scope, "user": "ann"}, receive, drop)
        await app(scope, receive, send)

    with wrapped(run).test_client() as client, pytest.raises(ProgrammerError, match="called the application twice"):
        client.get("/")


def test_handlers_find_what_middleware_has_put_into_the_scope() -> None:
    """The scope that was passed on is there, also when it is a copy; middleware further in inherits from it."""
    states = []

    def outer(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"]["outer"] = True
            await app({**scope, "user": "ann"}, receive, send)
            states.append(scope["state"])

        return middleware

    def inner(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"]["inner"] = True
            await app({**scope, "user": scope["user"] + " and bob"}, receive, send)

        return middleware

    app = App("two")
    app.wrap_asgi(inner)
    app.wrap_asgi(outer)

    @app.get("/")
    async def index(request: Request) -> Any:
        return request.state.asgi_scope["user"]

    with app.test_client() as client:
        response = client.get("/")

    assert ("ann and bob", [{"outer": True, "inner": True}]) == (response.text, states)


def test_the_route_is_in_the_scope_when_the_application_has_returned() -> None:
    """Middleware that groups what it measures finds the pattern there."""
    routes = []

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = "ann"
        await app(scope, receive, send)
        routes.append(scope["route"])

    with wrapped(run).test_client() as client:
        client.get("/")
        client.get("/nowhere")

    assert ("/", None) == (routes[0].path, routes[1])


def test_a_lifespan_that_middleware_begins_is_answered() -> None:
    """Our own start has been, so there is nothing to wait for."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(InnerApplication("x")({"type": "lifespan"}, receive, send))

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [message["type"] for message in sent]


def test_what_a_layer_outside_has_read_is_read_through_middleware_too() -> None:
    """The content that is kept is given to the middleware, and what it makes of it is read."""

    async def shout(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def loud() -> Message:
            message = await receive()
            return {**message, "body": message["body"].upper()}

        await app(scope, loud, send)

    async def read(request: Request, call_next: Dispatch) -> Response:
        await request.read()
        return await call_next(request)

    outer = App(use=[read])
    outer.mount("/inner", wrapped(shout))
    with outer.test_client() as client:
        answers = [client.post("/inner/body", content=content).text for content in (b"body", b"x" * 300_000)]

    assert ["BODY", "X" * 300_000] == answers


def test_a_body_that_a_layer_outside_has_streamed_is_gone_as_without_middleware() -> None:
    """Middleware brings nothing back."""

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def own() -> Message:
            return await receive()

        await app(scope, own, send)

    async def stream(request: Request, call_next: Dispatch) -> Response:
        request.take_stream("a layer")
        return await call_next(request)

    outer = App(use=[stream])
    outer.mount("/inner", wrapped(run))
    with outer.test_client(raise_app_exceptions=False) as client:
        response = client.post("/inner/body", content=b"body")

    assert "BodyStreamed" == type(response.exception).__name__


def test_a_handshake_keeps_its_subprotocol_and_fields() -> None:
    """What layers have added to the handshake is in the message that accepts it."""
    accepted: list[Message] = []

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            accepted.append(message)
            await send(message)

        await app(scope, receive, sending)

    async def mark(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-mark"] = "yes"
        return response

    app = wrapped(run, mark)

    @app.websocket("/chat", subprotocols=["chat"])
    async def chat(socket: WebSocket) -> None:
        await socket.send(socket.subprotocol)

    with app.test_client() as client, client.websocket("/chat", subprotocols=["chat"]) as socket:
        assert ("chat", "chat", "yes") == (socket.receive(), socket.subprotocol, socket.headers["x-mark"])

    assert {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-mark", b"yes")]} == accepted[0]


@pytest.mark.parametrize(
    ("path", "status_code"), [pytest.param("/nowhere", 403, id="closed"), pytest.param("/socket", 0, id="accepted")]
)
def test_without_the_extension_a_refusal_is_a_close(path: str, status_code: int) -> None:
    """Middleware that takes the extension away gets `websocket.close`, which is a 403."""

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": None}, receive, send)

    found = 0
    with wrapped(run).test_client() as client:
        try:
            with client.websocket(path) as socket:
                socket.receive()
        except WebSocketRefused as error:
            found = error.response.status_code

    assert status_code == found


def test_a_handshake_that_middleware_does_not_begin_is_not_answered() -> None:
    """Where the first message is no `websocket.connect`, the application is not asked."""

    async def run(app: ASGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        async def gone() -> Message:
            return {"type": "websocket.disconnect", "code": 1006}

        await app(scope, gone, send)
        await send({"type": "websocket.close"})

    with (
        wrapped(run).test_client() as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket("/socket"),
    ):
        pass

    assert 403 == caught.value.response.status_code


def test_an_exception_alone_in_groups_is_found() -> None:
    """Groups in groups are looked through; one with several exceptions is itself."""
    error = ValueError("x")
    several = ExceptionGroup("several", [error, KeyError("y")])

    assert error is alone(error)
    assert error is alone(ExceptionGroup("outer", [ExceptionGroup("inner", [error])]))
    assert several is alone(several)
