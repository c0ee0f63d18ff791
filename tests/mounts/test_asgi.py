"""Foreign ASGI applications as a `Dispatch`, seen through an application with layers around it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response as StarletteResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket

from costrel import App, Request, Response
from costrel.errors import ClientDisconnected
from costrel.mounts import ASGIMount, asgi_http
from costrel.mounts.asgi_types import Message, Receive, Scope, Send

variable: ContextVar[str] = ContextVar("variable", default="unset")
MODES = pytest.mark.parametrize("mode", ["trampoline", "task"])


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as simply as ASGI allows."""
    variable.set("set by the application")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


def outer(application: Any, *layers: Any, mode: Any = "trampoline") -> App:
    app = App("outer", use=layers)
    app.mount("/m", ASGIMount(application, mode=mode, name=getattr(application, "__name__", "")), lifespan=False)
    return app


def test_a_mount_says_what_it_is() -> None:
    """Kind, mode and name are there to be shown; the name is the application's unless given."""
    mount = ASGIMount(greet)
    named = ASGIMount(Starlette(), mode="task", name="old")

    assert ("asgi", "trampoline", "greet", greet) == (mount.kind, mount.mode, mount.name, mount.application)
    assert ("task", "old") == (named.mode, named.name)
    assert "Starlette" == ASGIMount(Starlette()).name
    assert "<ASGIMount 'old' mode='task'>" == repr(named)


@MODES
def test_an_application_answers_below_its_prefix(mode: str) -> None:
    """Status, header fields and body come through as they were sent."""
    with outer(greet, mode=mode).test_client() as client:
        response = client.get("/m/anything")

    assert (200, "text/plain", "hello") == (response.status_code, response.headers["content-type"], response.text)


@pytest.mark.pain("P1")
def test_context_variables_are_seen_by_the_layers_around() -> None:
    """What the application sets in its context is there after `call_next`, for it is the same task."""
    seen = []

    async def layer(request: Request, call_next: Any) -> Response:
        task = asyncio.current_task()
        response = await call_next(request)
        seen.append((variable.get(), task is asyncio.current_task()))
        return response

    with outer(greet, layer).test_client() as client:
        client.get("/m/x")

    assert [("set by the application", True)] == seen


@pytest.mark.pain("P1")
@MODES
def test_an_exception_comes_out_without_a_group(mode: str) -> None:
    """The error of a foreign application is itself, with no group and no frame of a framework's task around it."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        raise LookupError("mine")

    async def layer(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    with outer(fails, *[layer] * 5, mode=mode).test_client(raise_app_exceptions=False) as client:
        response = client.get("/m/x")

    assert 500 == response.status_code
    assert type(response.exception) is LookupError
    frames = traceback.extract_tb(response.exception.__traceback__)
    assert "fails" == frames[-1].name
    files = {frame.filename for frame in frames}
    assert not [name for name in files if "/asyncio/" in name or "/anyio/" in name]


@pytest.mark.pain("P1")
@MODES
def test_a_disconnect_is_seen_through_layers(mode: str) -> None:
    """Five layers that do nothing leave `http.disconnect` working."""
    seen = []

    async def layer(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    async def main() -> None:
        gone = asyncio.Event()

        async def waits(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"1", "more_body": True})
            while (message := await receive())["type"] == "http.request":
                pass
            seen.append(message["type"])
            gone.set()

        async with outer(waits, *[layer] * 5, mode=mode).async_test_client() as client:
            async with client.stream("GET", "/m/x"):
                pass
            await asyncio.wait_for(gone.wait(), 2)

    asyncio.run(main())
    assert ["http.disconnect"] == seen


@pytest.mark.pain("P12")
@MODES
@pytest.mark.parametrize("size_bytes", [0, 5, 300_000, 1_000_000], ids=["empty", "small", "longer", "spooled"])
def test_the_application_reads_what_a_layer_has_read(mode: str, size_bytes: int) -> None:
    """A body that was read is given once more, from memory or from its file, and a layer may read it afterwards."""
    content = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    sizes = []

    async def reads(request: Request, call_next: Any) -> Response:
        await request.read()
        response = await call_next(request)
        await request.read()
        sizes.append(len(request.body))
        return response

    async def echo(request: StarletteRequest) -> StarletteResponse:
        return StarletteResponse(await request.body())

    starlette = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
    with outer(starlette, reads, reads, mode=mode).test_client() as client:
        assert content == client.post("/m/echo", content=content).content
    assert [size_bytes] * 2 == sizes


@MODES
def test_a_deadline_covers_the_answer_of_the_application(mode: str) -> None:
    """A layer that sets one gets a 503, and the application is cancelled."""
    seen = []

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def layer(request: Request, call_next: Any) -> Response:
        request.deadline_seconds = 0.01
        response = await call_next(request)
        seen.append(response.status_code)
        return response

    with outer(hangs, layer, mode=mode).test_client() as client:
        assert 503 == client.get("/m/x").status_code
    assert ["cancelled", 503] == seen


def test_a_deadline_that_is_kept_changes_nothing() -> None:
    """An answer in time is the answer."""

    async def layer(request: Request, call_next: Any) -> Response:
        request.deadline_seconds = 60
        return await call_next(request)

    with outer(greet, layer).test_client() as client:
        assert "hello" == client.get("/m/x").text


@MODES
def test_work_after_the_response_is_done_when_the_request_has_ended(mode: str) -> None:
    """What an application waits for after its response, and what follows, is done when the request has ended."""
    notes = []

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        await greet(scope, receive, send)
        await asyncio.sleep(0.01)
        notes.append("worked")

    async def layer(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        notes.append("layer")
        request.on_end(lambda _: notes.append("end"))
        return response

    with outer(works, layer).test_client() as client:
        assert "hello" == client.get("/m/x").text
    assert ["layer", "end", "worked"] == notes


def test_a_failure_after_the_response_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The client has its answer, and the log names the mount."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await greet(scope, receive, send)
        raise LookupError("late")

    with caplog.at_level(logging.ERROR), outer(fails).test_client() as client:
        assert "hello" == client.get("/m/x").text
    assert ["mount_failed_after_response mount=fails path='/m/x'"] == [
        record.message for record in caplog.records if record.name == "costrel.mounts"
    ]


def test_a_failure_that_was_answered_is_in_the_response(caplog: pytest.LogCaptureFixture) -> None:
    """An application that answers 500 and raises shows layers what has happened; the log has it once."""
    seen = []

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"sorry"})
        raise LookupError("late")

    async def layer(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        seen.append(response.exception)
        return response

    with caplog.at_level(logging.ERROR), outer(fails, layer).test_client(raise_app_exceptions=False) as client:
        assert (500, "sorry") == ((answer := client.get("/m/x")).status_code, answer.text)
    assert [LookupError] == list(map(type, seen))
    assert 1 == len([record for record in caplog.records if record.exc_info])


@MODES
def test_work_that_never_ends_is_cancelled(
    mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No connection waits for ever for its next request."""
    monkeypatch.setattr(asgi_http, "MAX_WORK_SECONDS", 0.01)
    notes = []

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        await greet(scope, receive, send)
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    with caplog.at_level(logging.ERROR), outer(works, mode=mode).test_client() as client:
        assert "hello" == client.get("/m/x").text
    assert ["cancelled"] == notes
    assert ["mount_work_cancelled mount=works work_seconds=0.01"] == [
        record.message for record in caplog.records if record.name == "costrel.mounts"
    ]


def test_an_awaitable_that_is_no_coroutine_will_do() -> None:
    """ASGI asks for an awaitable."""

    class Awaited:
        def __init__(self, *parts: Any) -> None:
            self.parts = parts

        def __await__(self) -> Any:
            return greet(*self.parts).__await__()

    def application(scope: Scope, receive: Receive, send: Send) -> Awaited:
        return Awaited(scope, receive, send)

    with outer(application).test_client() as client:
        assert "hello" == client.get("/m/x").text


# Starlette, as it is.


class Stamp(BaseHTTPMiddleware):
    """Starlette's own kind of middleware, which runs what is inside in a task group."""

    async def dispatch(self, request: StarletteRequest, call_next: Any) -> StarletteResponse:
        response: StarletteResponse = await call_next(request)
        response.headers["x-stamp"] = request.url.path
        return response


done: list[str] = []


async def numbers(request: StarletteRequest) -> StarletteResponse:
    async def produce() -> Any:
        for number in range(3):
            yield f"{number},"
            await asyncio.sleep(0)

    return StreamingResponse(produce(), media_type="text/plain")


async def count(request: StarletteRequest) -> StarletteResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse(request.session["count"])


async def with_work(request: StarletteRequest) -> StarletteResponse:
    return PlainTextResponse("answered", background=BackgroundTask(lambda: done.append("worked")))


async def where(request: StarletteRequest) -> StarletteResponse:
    return JSONResponse(
        {
            "path": request.url.path,
            "root_path": request.scope["root_path"],
            "link": str(request.url_for("where", name="b")),
            "name": request.path_params["name"],
            "state": request.state.greeting,
        }
    )


async def fail(request: StarletteRequest) -> StarletteResponse:
    raise LookupError("in Starlette")


async def echo(socket: StarletteSocket) -> None:
    await socket.accept(subprotocol="b", headers=[(b"x-socket", b"yes")])
    async for text in socket.iter_text():
        await socket.send_text(f"{socket.scope['path']} {text}")


@asynccontextmanager
async def starlette_lifespan(app: Starlette) -> Any:
    async with asyncio.TaskGroup() as group:
        beat = group.create_task(asyncio.Event().wait())
        yield {"greeting": "hello"}
        beat.cancel()


def starlette_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/numbers", numbers),
            Route("/count", count),
            Route("/work", with_work),
            Route("/where/{name}", where, name="where"),
            Route("/fail", fail),
            WebSocketRoute("/echo", echo),
        ],
        middleware=[Middleware(Stamp), Middleware(SessionMiddleware, secret_key="secret", https_only=False)],
        lifespan=starlette_lifespan,
    )


@pytest.fixture(params=["trampoline", "task"])
def client(request: pytest.FixtureRequest) -> Any:
    app = App("outer")
    app.mount("/old", ASGIMount(starlette_app(), mode=request.param))
    with app.test_client(raise_app_exceptions=False) as client:
        yield client


@pytest.mark.capability("C017")
def test_starlette_streams_through_its_own_middleware(client: Any) -> None:
    """A `BaseHTTPMiddleware` inside, with its task group open across every piece, changes nothing."""
    response = client.get("/old/numbers")

    assert ("0,1,2,", "/old/numbers") == (response.text, response.headers["x-stamp"])


@pytest.mark.capability("C017")
def test_starlette_keeps_its_session(client: Any) -> None:
    """Its `SessionMiddleware` sets and reads its own cookie."""
    assert ["1", "2"] == [client.get("/old/count").text for _ in range(2)]


@pytest.mark.capability("C017")
def test_starlette_does_its_background_tasks(client: Any) -> None:
    """They run after the response, before the request has ended."""
    done.clear()

    assert "answered" == client.get("/old/work").text
    assert ["worked"] == done


@pytest.mark.pain("P13")
@pytest.mark.capability("C017")
def test_starlette_knows_where_it_is_and_what_its_lifespan_has_left(client: Any) -> None:
    """Paths, links and state are right below a prefix; the lifespan's task group lives as long as the application."""
    assert {
        "path": "/old/where/b",
        "root_path": "/old",
        "link": "http://localhost/old/where/b",
        "name": "b",
        "state": "hello",
    } == client.get("/old/where/b").json()


@pytest.mark.capability("C017")
def test_starlette_answers_its_own_errors(client: Any) -> None:
    """Its 404 and its 500 are its own; the exception behind the latter is in the log."""
    assert (404, "Not Found") == (client.get("/old/nothing").status_code, client.get("/old/nothing").text)
    assert (500, "Internal Server Error") == (client.get("/old/fail").status_code, client.get("/old/fail").text)


@pytest.mark.capability("C017")
def test_starlette_talks_on_websockets(client: Any) -> None:
    """Handshake with subprotocol and fields, messages both ways, and the end."""
    with client.websocket("/old/echo", subprotocols=["a", "b"]) as socket:
        socket.send_text("hi")
        assert "/old/echo hi" == socket.receive()


def test_a_client_that_left_gets_no_error_for_it() -> None:
    """An application that returns without a response because its client left is not at fault."""
    seen: list[BaseException] = []

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def layer(request: Request, call_next: Any) -> Response:
        exchange: Any = request.exchange
        exchange.loop_state.loop.call_soon(exchange.disconnect)
        try:
            return await call_next(request)
        except ClientDisconnected as error:
            seen.append(error)
            raise

    async def main() -> None:
        async with outer(waits, layer).async_test_client(raise_app_exceptions=False) as client:
            with pytest.raises(ClientDisconnected):
                await client.get("/m/x")

    asyncio.run(main())
    assert 1 == len(seen)


def test_messages_are_plain_dictionaries() -> None:
    """What `receive` gives can be changed and kept by the application."""
    kept: list[Message] = []

    async def keeps(scope: Scope, receive: Receive, send: Send) -> None:
        kept.append(await receive())
        scope["mine"] = scope["state"]["mine"] = True
        await greet(scope, receive, send)

    with outer(keeps).test_client() as client:
        client.post("/m/x", content=b"abc")

    assert [{"type": "http.request", "body": b"abc", "more_body": False}] == kept
