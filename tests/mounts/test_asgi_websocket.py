"""WebSockets that a foreign application answers: handshakes, messages, closing, and its mistakes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from costrel import App, Request, Response
from costrel.errors import Disconnect, ProgrammerError
from costrel.mounts import ASGIMount, child_task, trampoline
from costrel.mounts.asgi_types import Message, Receive, Scope, Send
from costrel.testing import WebSocketRefused

ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trampoline, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(child_task, "CLOSE_SECONDS", 0.05)


@pytest.fixture(params=["trampoline", "task"])
def mode(request: pytest.FixtureRequest) -> Any:
    return request.param


def outer(application: Any, *layers: Any, mode: Any = "trampoline") -> App:
    app = App("outer", use=layers)
    app.mount("/m", ASGIMount(application, mode=mode, name="old"), lifespan=False)
    return app


def sending(*messages: Message) -> Any:
    """Make an application that sends these messages after the handshake has come."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert {"type": "websocket.connect"} == await receive()
        for message in messages:
            await send(message)

    return application


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"], "bytes": message["bytes"]})


def test_messages_go_both_ways(mode: Any) -> None:
    """Text stays text and bytes stay bytes."""
    with outer(echo, mode=mode).test_client() as client, client.websocket("/m/x") as socket:
        socket.send_text("ü")
        socket.send_bytes(b"\x00")

        assert ("ü", b"\x00") == (socket.receive(), socket.receive())


def test_the_handshake_has_what_the_application_and_the_layers_say(mode: Any) -> None:
    """Subprotocol and header fields of the application go out, and layers see a 101 that they may change."""

    async def layer(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = str(response.status_code)
        return response

    accept = {**ACCEPT, "subprotocol": "b", "headers": [(b"X-App", b"1")]}
    with (
        outer(sending(accept), layer, mode=mode).test_client() as client,
        client.websocket("/m/x", subprotocols=["a", "b"]) as socket,
    ):
        headers = socket.headers
        assert ("b", "1", "101") == (headers["sec-websocket-protocol"], headers["x-app"], headers["x-layer"])


def test_task_and_context_go_on_after_the_handshake() -> None:
    """The application that was paused in `accept` goes on in the task of the request."""
    tasks = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        async with asyncio.timeout(60):
            await sending(ACCEPT)(scope, receive, send)
            tasks.append(asyncio.current_task())

    with outer(application).test_client() as client, client.websocket("/m/x") as socket, pytest.raises(Disconnect):
        socket.receive()
    assert tasks[0] is tasks[1]


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        pytest.param([ACCEPT], 1000, "", id="returns"),
        pytest.param([ACCEPT, CLOSE], 1000, "", id="closes"),
        pytest.param([ACCEPT, {**CLOSE, "code": 4001, "reason": "enough"}], 4001, "enough", id="with-code"),
        pytest.param([ACCEPT, {**CLOSE, "code": None, "reason": None}], 1000, "", id="with-nothing"),
        pytest.param([ACCEPT, {**CLOSE, "code": 4001, "reason": "ü" * 100}], 4001, "ü" * 61, id="long-reason"),
    ],
)
def test_the_application_closes(messages: list[Message], code: int, reason: str, mode: Any) -> None:
    """Code and reason arrive; one that returns closes with 1000, and a long reason is cut."""
    with (
        outer(sending(*messages), mode=mode).test_client() as client,
        client.websocket("/m/x") as socket,
        pytest.raises(Disconnect) as closed,
    ):
        socket.receive()
    assert (code, reason) == (closed.value.code, closed.value.reason)


def test_the_client_closes(mode: Any) -> None:
    """The application hears the code, again each time it asks, and sending raises `OSError` from then on."""
    notes: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        notes.append(await receive())
        notes.append(await receive())
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            notes.append("OSError")
            raise LookupError("because of it") from error

    with outer(application, mode=mode).test_client() as client, client.websocket("/m/x") as socket:
        socket.close(4002)
    disconnect = {"type": "websocket.disconnect", "code": 4002, "reason": ""}
    assert [disconnect, disconnect, "OSError"] == notes


def test_sending_to_a_client_that_has_left_raises_oserror(mode: Any) -> None:
    """Also when the application has not asked for messages before."""
    notes: list[Any] = []

    async def main() -> None:
        gone = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await sending(ACCEPT)(scope, receive, send)
            await gone.wait()
            try:
                await send({"type": "websocket.send", "text": "late"})
            except OSError:
                notes.append("OSError")

        async with (
            outer(application, mode=mode).async_test_client() as client,
            client.websocket("/m/x") as socket,
        ):
            closing = asyncio.create_task(socket.close())
            await asyncio.sleep(0)
            gone.set()
            await closing

    asyncio.run(main())
    assert ["OSError"] == notes


def test_an_exception_closes_with_1011(mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with the mount's name."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        raise LookupError("mine")

    with (
        caplog.at_level(logging.ERROR),
        outer(fails, mode=mode).test_client(raise_app_exceptions=False) as client,
        client.websocket("/m/x") as socket,
        pytest.raises(Disconnect) as closed,
    ):
        socket.receive()
    assert 1011 == closed.value.code
    assert ["websocket_failed path='/m/x' mount=old"] == [record.message for record in caplog.records]


def test_an_exception_that_says_that_the_client_left_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """Frameworks let such an exception out when a handler does not care; it is an ordinary end."""

    class SocketClosed(Exception):
        def __init__(self, code: int) -> None:
            self.code = code

    async def lets_it_out(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        raise SocketClosed((await receive())["code"])

    with (
        caplog.at_level(logging.ERROR),
        outer(lets_it_out).test_client() as client,
        client.websocket("/m/x") as socket,
    ):
        socket.close()
    assert [] == caplog.records


def test_closing_before_accepting_is_a_403(mode: Any) -> None:
    """The handshake is refused, and the application goes on to its end."""
    notes = []

    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(CLOSE)(scope, receive, send)
        notes.append(await receive())

    with (
        outer(refuses, mode=mode).test_client() as client,
        pytest.raises(WebSocketRefused) as refused,
        client.websocket("/m/x"),
    ):
        pass
    assert (403, b"") == (refused.value.response.status_code, refused.value.response.content)
    assert ["websocket.disconnect"] == [note["type"] for note in notes]


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "at-once"])
def test_a_response_of_the_application_refuses_the_handshake(is_streamed: bool, mode: Any) -> None:
    """`websocket.http.response` is a response like any other."""
    start = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-a", b"1")]}
    part = {"type": "websocket.http.response.body", "body": b"go ", "more_body": True}
    last = {"type": "websocket.http.response.body", "body": b"away"}
    messages = [start, part, last] if is_streamed else [start, last]
    with (
        outer(sending(*messages), mode=mode).test_client() as client,
        pytest.raises(WebSocketRefused) as refused,
        client.websocket("/m/x"),
    ):
        pass
    response = refused.value.response
    assert (401, "1") == (response.status_code, response.headers["x-a"])
    assert (b"go away" if is_streamed else b"away") == response.content


def test_a_layer_that_refuses_ends_an_application_that_has_accepted(mode: Any) -> None:
    """The application is paused in `accept`; it is told by `OSError`."""
    notes = []

    async def accepts(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sending(ACCEPT)(scope, receive, send)
        except OSError:
            notes.append("OSError")
            raise

    async def refuses(request: Request, call_next: Any) -> Response:
        await call_next(request)
        return Response("no", 403)

    with (
        outer(accepts, refuses, mode=mode).test_client() as client,
        pytest.raises(WebSocketRefused),
        client.websocket("/m/x"),
    ):
        pass
    assert ["OSError"] == notes


def test_several_tasks_of_the_application_may_send(mode: Any) -> None:
    """After the handshake messages go straight through."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(send({"type": "websocket.send", "text": str(number)}))

    with outer(application, mode=mode).test_client() as client, client.websocket("/m/x") as socket:
        assert {"0", "1", "2"} == {socket.receive() for _ in range(3)}


def test_an_application_that_returns_without_an_answer_is_named(mode: Any) -> None:
    """COS-MOUNT-005, and the client gets an error."""
    with (
        outer(sending(), mode=mode).test_client(raise_app_exceptions=False) as client,
        pytest.raises(WebSocketRefused) as refused,
        client.websocket("/m/x"),
    ):
        pass
    assert 500 == refused.value.response.status_code
    error = refused.value.response.exception
    assert isinstance(error, ProgrammerError)
    assert "COS-MOUNT-005" == error.code


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        pytest.param([ACCEPT, ACCEPT], "`websocket.accept` at the wrong time", id="accept-twice"),
        pytest.param([ACCEPT, CLOSE, CLOSE], "`websocket.close` at the wrong time", id="close-twice"),
        pytest.param(
            [ACCEPT, {"type": "websocket.http.response.start", "status": 200}],
            "`websocket.http.response.start` at the wrong time",
            id="late-refusal",
        ),
        pytest.param([ACCEPT, {"type": "http.request"}], "a message of type 'http.request'", id="unknown"),
        pytest.param([ACCEPT, {"type": "websocket.send"}], "a message with `NoneType`", id="nothing"),
        pytest.param([ACCEPT, {"type": "websocket.send", "text": 5}], "a message with `int`", id="number"),
    ],
)
def test_wrong_messages_are_explained(messages: list[Message], what: str) -> None:
    """COS-MOUNT-006 is raised where they are sent."""
    with (
        outer(sending(*messages)).test_client() as client,
        pytest.raises(ProgrammerError) as raised,
        client.websocket("/m/x") as socket,
        pytest.raises(Disconnect),
    ):
        socket.receive()
    assert ("COS-MOUNT-006", f"The mounted application `old` sent {what}.") == (
        raised.value.code,
        raised.value.mistake.what,
    )


def test_bytes_of_any_kind_are_sent() -> None:
    """What holds bytes is a binary message."""
    messages = [{"type": "websocket.send", "bytes": value} for value in (bytearray(b"a"), memoryview(b"b"))]
    with outer(sending(ACCEPT, *messages)).test_client() as client, client.websocket("/m/x") as socket:
        assert [b"a", b"b"] == [socket.receive(), socket.receive()]


def test_a_request_that_is_cancelled_ends_an_open_socket(mode: Any) -> None:
    """When the server stops, the application is cancelled where it waits."""
    notes = []

    async def main() -> None:
        entered = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await sending(ACCEPT)(scope, receive, send)
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                notes.append("ended")

        client = outer(application, mode=mode).async_test_client()
        await client.start()
        opening = client.websocket("/m/x")
        await opening.__aenter__()
        await entered.wait()
        await client.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert set() == others

    asyncio.run(main())
    assert ["ended"] == notes
