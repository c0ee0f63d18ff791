"""What a foreign application sends becomes a response: heads, bodies, streams, trailers, and its mistakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from costrel import App, Request, Response
from costrel.errors import ProgrammerError
from costrel.messages import end_exchange, run_late_work
from costrel.mounts import ASGIMount
from costrel.mounts.asgi_types import Message, Receive, Scope, Send
from costrel.testing.exchange import MemoryExchange

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
LAST: Message = {"type": "http.response.body", "body": b"last"}


def part(piece: Any) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": True}


def sending(*messages: Message) -> Any:
    """Make an application that sends these messages."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return application


def outer(application: Any, *layers: Any, mode: Any = "trampoline") -> App:
    app = App("outer", use=layers)
    app.mount("/m", ASGIMount(application, mode=mode, name="old"), lifespan=False)
    return app


def get(application: Any, *layers: Any, method: str = "GET", **options: Any) -> Any:
    with outer(application, *layers).test_client() as client:
        return client.request(method, "/m/x", **options)


def test_header_fields_come_through_in_order_and_in_lower_case() -> None:
    """Names in any case are taken, several lines of one name stay several, and nothing is added for the type."""
    fields = [(b"X-A", b"1"), [b"set-cookie", b"a=1"], (bytearray(b"Set-Cookie"), b"b=2")]
    response = get(sending({**START, "status": 201, "headers": fields}, LAST))

    assert 201 == response.status_code
    assert [(b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")] == response.headers.raw[:3]
    assert "content-type" not in response.headers


@pytest.mark.parametrize("piece", [b"ab", bytearray(b"ab"), memoryview(b"ab")], ids=["bytes", "bytearray", "view"])
def test_a_body_may_be_any_bytes(piece: Any) -> None:
    """What holds bytes is taken."""
    assert b"ab" == get(sending(START, {**LAST, "body": piece})).content


def test_a_body_may_be_left_out() -> None:
    """A last message without `body` is an empty one."""
    assert b"" == get(sending(START, {"type": "http.response.body"})).content


def test_pieces_are_streamed() -> None:
    """Several messages are one body; empty ones in between are nothing."""
    response = get(sending(START, part(b"a"), part(b""), part(b"b"), LAST))

    assert b"ablast" == response.content
    assert "content-length" not in response.headers


@pytest.mark.pain("P1")
@pytest.mark.parametrize("mode", ["trampoline", "task"])
def test_a_stream_is_never_ahead_of_its_reader(mode: str) -> None:
    """A gibibyte through five layers: the application has made one piece more than was taken, at most two."""
    piece = bytes(256 * 1024)
    count = 4096
    made, leads = 0, set()

    async def produces(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await send(START)
        for made in range(1, count + 1):
            await send(part(piece))
        await send({**LAST, "body": b""})

    async def layer(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    async def main() -> int:
        app = outer(produces, *[layer] * 5, mode=mode)
        async with app.lifespan() as loop_state:
            exchange = MemoryExchange(b"", None, loop_state)
            request = Request("GET", "/m/x", b"/m/x", b"", [], exchange)
            response = await app.dispatch(request)
            body: Any = response.body
            taken = 0
            async for received in body:
                assert received is piece
                taken += 1
                leads.add(made - taken)
            await end_exchange(request, response)
            await run_late_work(request.late_work or [])
            return taken

    assert count == asyncio.run(main())
    assert leads <= {0, 1}


def test_a_stream_keeps_the_length_that_it_promised() -> None:
    """Content-Length of the application frames the stream."""
    head = {**START, "headers": [(b"content-length", b"5")]}
    response = get(sending(head, part(b"a"), LAST))

    assert ("5", b"alast") == (response.headers["content-length"], response.content)


def test_the_head_does_not_wait_long_for_the_body() -> None:
    """A stream whose first piece takes its time has its head sent before, and an application that hurries does not."""

    async def main() -> None:
        event = asyncio.Event()

        async def late(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await event.wait()
            await send(LAST)

        async with outer(late).async_test_client() as client, client.stream("GET", "/m/x") as response:
            assert 200 == response.status_code
            event.set()
            assert [b"last"] == [piece async for piece in response.aiter_bytes()]

    asyncio.run(main())


def test_an_empty_first_piece_sends_the_head() -> None:
    """An application that wants its head on the way sends an empty piece first."""

    async def main() -> None:
        event = asyncio.Event()

        async def late(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(part(b""))
            await event.wait()
            await send(LAST)

        async with outer(late).async_test_client() as client, client.stream("GET", "/m/x") as response:
            assert 200 == response.status_code
            event.set()

    asyncio.run(main())


def test_trailers_follow_the_body() -> None:
    """Trailer fields come after the last piece, from several messages too."""
    first = {"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True}
    second = {"type": "http.response.trailers", "headers": [(b"x-b", b"2")]}
    for messages in ([LAST], [part(b"la"), {**LAST, "body": b"st"}], [part(b"last"), {**LAST, "body": b""}]):
        response = get(sending({**START, "trailers": True}, *messages, first, second))

        assert b"last" == response.content
        assert {"x-a": "1", "x-b": "2"} == dict(response.trailers)


def test_early_hints_are_sent_before_the_response() -> None:
    """`http.response.early_hint` is a 103 with its links."""
    response = get(sending({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}, START, LAST))

    [(status_code, fields)] = response.informational
    assert (103, "</a.css>; rel=preload") == (status_code, fields["link"])


def test_a_response_to_head_keeps_its_length_and_ends_the_application() -> None:
    """The body is not sent, and an application that streams it is ended."""
    ends = []

    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({**START, "headers": [(b"content-length", b"3")]})
            await send(part(b"abc"))
            await send({**LAST, "body": b""})
        except OSError as error:
            ends.append(error)
            raise

    response = get(streams, method="HEAD")

    assert ("3", b"") == (response.headers["content-length"], response.content)
    assert [True] == [isinstance(error, ConnectionAbortedError) for error in ends]


@pytest.mark.parametrize("mode", ["trampoline", "task"])
def test_a_layer_that_drops_a_stream_ends_the_application_before_its_own_response_is_sent(mode: str) -> None:
    """`finally` blocks of the application run at once, in the request's own task where it is driven there."""
    notes: list[Any] = []

    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(START)
            await send(part(b"abc"))
        finally:
            await asyncio.sleep(0)
            request = scope["costrel.request"]
            notes.append((request.exchange.status_code, asyncio.current_task() is notes.pop()))

    async def drops(request: Request, call_next: Any) -> Response:
        await call_next(request)
        notes.append(asyncio.current_task())
        return Response("mine")

    with outer(streams, drops, mode=mode).test_client() as client:
        assert "mine" == client.get("/m/x").text
    assert [(0, mode == "trampoline")] == notes


def test_a_layer_may_wrap_a_stream() -> None:
    """A body around the application's own body is no dropped one."""

    async def wraps(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        inner = response.body

        class Doubling:
            content_length = None

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> bytes:
                return await anext(inner) * 2

            async def aclose(self) -> None:
                await inner.aclose()

        response.body = Doubling()
        return response

    assert b"aabb" == get(sending(START, part(b"a"), part(b"b"), {**LAST, "body": b""}), wraps).content


def test_a_layer_may_read_a_stream_to_its_end() -> None:
    """What the application does after its response is done although its body was sent as another."""
    notes = []

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, part(b"a"), LAST)(scope, receive, send)
        await asyncio.sleep(0)
        notes.append("worked")

    async def collects(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        content = b"".join([piece async for piece in response.body])
        return Response(content)

    assert b"alast" == get(works, collects).content
    assert ["worked"] == notes


WRONG: list[Any] = [
    pytest.param([START, START], "`http.response.start` a second time", id="second-start"),
    pytest.param([LAST], "`http.response.body` before `http.response.start`", id="body-first"),
    pytest.param([{**START, "status": "200"}], "the status '200'", id="text-status"),
    pytest.param([{**START, "status": 103}], "the status 103", id="interim-status"),
    pytest.param([{**START, "headers": {"a": "b"}}], "header fields that cannot be sent", id="mapping"),
    pytest.param([{**START, "headers": [("a", "b")]}], "header fields that cannot be sent", id="text-fields"),
    pytest.param([{**START, "headers": [(b"a", b"b\r\nc: d")]}], "header fields that cannot be sent", id="line-break"),
    pytest.param([{**START, "headers": [(b"a b", b"c")]}], "header fields that cannot be sent", id="bad-name"),
    pytest.param([START, {**LAST, "body": "text"}], "a body of type `str`", id="text-body"),
    pytest.param([{"type": "http.response.push"}], "a message of type 'http.response.push'", id="unknown"),
    pytest.param(
        [START, {"type": "http.response.trailers"}], "`http.response.trailers` at the wrong time", id="trailers"
    ),
]


@pytest.mark.parametrize(("messages", "what"), WRONG)
def test_wrong_messages_are_explained_where_they_are_sent(messages: list[Message], what: str) -> None:
    """The application gets COS-MOUNT-006 with its name, and the client a 500."""
    raised = []

    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sending(*messages)(scope, receive, send)
        except ProgrammerError as error:
            raised.append(error)
            raise

    with outer(wrong).test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/m/x").status_code
    assert ("COS-MOUNT-006", f"The mounted application `old` sent {what}.") == (raised[0].code, raised[0].mistake.what)


def test_a_body_after_the_end_is_a_mistake_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete, so the client has its answer."""
    with caplog.at_level(logging.ERROR):
        assert b"last" == get(sending(START, LAST, LAST)).content
    assert "COS-MOUNT-006  The mounted application `old` sent `http.response.body` after the last one." in caplog.text


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        pytest.param([], "returned without a response", id="nothing"),
        pytest.param([START], "returned without the body of its response", id="start-only"),
        pytest.param([START, part(b"a")], "returned before its response was complete", id="half-a-body"),
    ],
)
def test_an_application_that_returns_too_early_is_named(messages: list[Message], what: str) -> None:
    """COS-MOUNT-005; after the head the response is cut off."""
    with outer(sending(*messages)).test_client() as client, pytest.raises(ProgrammerError) as raised:
        client.get("/m/x")
    assert ("COS-MOUNT-005", f"The mounted application `old` {what}.") == (raised.value.code, raised.value.mistake.what)


def test_an_exception_between_head_and_body_is_answered_with_an_error() -> None:
    """Nothing was sent yet, so the client gets a 500 of ours."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise LookupError("between")

    with outer(fails).test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/m/x").status_code


@pytest.mark.parametrize("size_bytes", [9, 10, 11])
@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "chunked"])
def test_a_limit_that_a_layer_has_set_holds(size_bytes: int, is_declared: bool) -> None:
    """A body over the limit is 413, whatever the application makes of the error it gets; up to it all is well."""

    async def limits(request: Request, call_next: Any) -> Response:
        request.max_body_bytes = 10
        return await call_next(request)

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while (await receive())["more_body"]:
                pass
        except Exception:
            pass
        await sending(START, LAST)(scope, receive, send)

    content: Any = b"x" * size_bytes if is_declared else iter([b"x"] * size_bytes)
    with outer(reads, limits).test_client() as client:
        assert (413 if size_bytes > 10 else 200) == client.post("/m/x", content=content).status_code


@pytest.mark.parametrize("make", [lambda: b"x" * 3_000_000], ids=["three-megabytes"])
def test_there_is_no_limit_without_a_layer(make: Callable[[], bytes]) -> None:
    """A foreign application has limits of its own; ours are not in its way."""
    sizes = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        more = True
        while more:
            message = await receive()
            size += len(message["body"])
            assert len(message["body"]) <= 64 * 1024
            more = message["more_body"]
        sizes.append(size)
        await sending(START, LAST)(scope, receive, send)

    with outer(reads).test_client() as client:
        client.post("/m/x", content=make())
    assert [3_000_000] == sizes
