from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from costrel.errors import ClientDisconnected
from costrel.messages.event_stream import EventStream, ServerSentEvent, encode_event


@pytest.mark.capability("C041")
@pytest.mark.parametrize(
    ("event", "wire"),
    [
        pytest.param(ServerSentEvent("a"), b"data: a\n\n", id="text"),
        pytest.param(ServerSentEvent(""), b"data: \n\n", id="empty-text"),
        pytest.param(ServerSentEvent({"a": [1]}), b'data: {"a":[1]}\n\n', id="json"),
        pytest.param(ServerSentEvent("a", event="e", id="1"), b"event: e\nid: 1\ndata: a\n\n", id="event-and-id"),
        pytest.param(ServerSentEvent(retry_seconds=1.5), b"retry: 1500\n\n", id="retry"),
        pytest.param(ServerSentEvent(comment="hi"), b": hi\n\n", id="comment"),
        pytest.param(ServerSentEvent(), b"", id="nothing"),
        pytest.param("text", b"data: text\n\n", id="plain-text"),
        pytest.param([1, 2], b"data: [1,2]\n\n", id="plain-value"),
    ],
)
def test_events_are_written(event, wire):
    """Each field of an event is a line, and a blank line ends it."""
    assert wire == encode_event(event)


@pytest.mark.security("J14")
@pytest.mark.parametrize("name", ["event", "id"])
@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\r\n"])
def test_one_line_fields_refuse_line_breaks(name, bad):
    """A line break in `event` or `id` would begin a field of somebody else's choice."""
    with pytest.raises(ValueError, match=name):
        ServerSentEvent("x", **{name: bad})


@pytest.mark.security("J14")
@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_a_retry_time_is_a_time(bad):
    """`retry_seconds` is a number that can be waited."""
    with pytest.raises(ValueError, match="retry_seconds"):
        ServerSentEvent(retry_seconds=bad)


@pytest.mark.security("J14")
@given(text=st.text("ab:\r\n é\x85\u2028", max_size=20), comment=st.text("x\r\n", max_size=8))
def test_text_cannot_leave_its_field(text, comment):
    """Data and comments are split at CR LF, CR and LF, and every line stays in its field."""
    wire = ServerSentEvent(text, comment=comment).encode().decode()

    assert "\r" not in wire
    lines = wire.removesuffix("\n\n").split("\n")
    assert all(line.startswith(("data: ", ": ")) for line in lines)
    assert text.replace("\r\n", "\n").replace("\r", "\n") == "\n".join(
        line.removeprefix("data: ") for line in lines if line.startswith("data: ")
    )


def test_the_response_keeps_caches_and_proxies_away():
    """An event stream is never stored and never held back, unless the handler says otherwise."""
    response = EventStream(iter([]), headers={"Cache-Control": "no-cache"})

    assert ("text/event-stream", "no-cache", "no") == (
        response.media_type,
        response.headers["cache-control"],
        response.headers["x-accel-buffering"],
    )
    assert response.send_head_first
    assert "no-store" == EventStream(iter([])).headers["cache-control"]


@pytest.mark.capability("C041")
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_events_of_a_generator_are_sent(run, scripted, kind):
    """A generator, plain or async, yields events until it ends."""

    async def asynchronous():
        yield "a"
        yield ServerSentEvent("b", id="2")

    async def main(loop_state):
        source = asynchronous() if kind == "async" else iter(["a", ServerSentEvent("b", id="2")])
        response = EventStream(source).owned_by(scripted([], loop_state))
        pieces = [piece async for piece in response.body]
        await response.body.aclose()
        return pieces

    assert [b"data: a\n\n", b"id: 2\ndata: b\n\n"] == run(main)


@pytest.mark.capability("C041")
def test_a_heartbeat_is_sent_while_nothing_happens(run, scripted):
    """While the generator waits a comment is sent now and then, and no event is lost by it."""

    async def main(loop_state):
        gate = asyncio.Event()

        async def events():
            await gate.wait()
            yield "a"

        response = EventStream(events(), heartbeat_seconds=0).owned_by(scripted([], loop_state))
        beats = [await anext(response.body), await anext(response.body)]
        gate.set()
        piece = b":\n\n"
        while piece == b":\n\n":
            piece = await anext(response.body)
        await response.body.aclose()
        return beats, piece

    assert ([b":\n\n", b":\n\n"], b"data: a\n\n") == run(main)


@pytest.mark.parametrize("reason", ["stopping", "client-gone"])
def test_it_ends_with_either_side(run, scripted, reason):
    """It ends cleanly when the server stops, with an exception when the client is gone; the generator is closed."""
    events = []

    async def main(loop_state):
        async def source():
            try:
                yield "a"
                await asyncio.Event().wait()
            finally:
                events.append("closed")

        exchange = scripted([], loop_state)
        body = EventStream(source()).owned_by(exchange).body
        iterator = aiter(body)
        await anext(iterator)
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, loop_state.begin_stopping if reason == "stopping" else exchange.disconnect)
        try:
            while True:
                events.append((await anext(iterator)).partition(b" ")[0])
        except (StopAsyncIteration, ClientDisconnected) as error:
            events.append(type(error).__name__)
        await body.aclose()

    run(main)

    expected = ["closed", b"retry:", "StopAsyncIteration"] if reason == "stopping" else ["ClientDisconnected", "closed"]

    assert expected == events


@pytest.mark.security("R12")
@pytest.mark.parametrize(
    ("given", "shortest_seconds"), [pytest.param(None, 1, id="the-default"), pytest.param(5, 5, id="of-the-stream")]
)
def test_clients_of_a_server_that_stops_come_back_one_by_one(run, scripted, given, shortest_seconds):
    """A stream that a stopping server ends says when to connect again: at another moment to each client."""

    async def main(loop_state):
        bodies = [
            EventStream(iter(["a"]), retry_seconds=given).owned_by(scripted([], loop_state)).body for _ in range(20)
        ]
        for body in bodies:
            aiter(body)
        loop_state.begin_stopping()
        return [[piece async for piece in body] for body in bodies]

    answers = run(main)
    milliseconds = [int(piece.removeprefix(b"retry: ")) for (piece,) in answers]

    assert all(1000 * shortest_seconds <= value <= 2000 * shortest_seconds for value in milliseconds)
    assert len(set(milliseconds)) > 1


def test_the_time_to_wait_is_said_first(run, scripted):
    """A stream with `retry_seconds` begins with it, before the generator has made anything."""

    async def main(loop_state):
        body = EventStream(iter(["a"]), retry_seconds=0.25).owned_by(scripted([], loop_state)).body
        return [piece async for piece in body]

    assert [b"retry: 250\n\n", b"data: a\n\n"] == run(main)


@pytest.mark.parametrize("name", ["heartbeat_seconds", "retry_seconds"])
@pytest.mark.parametrize("bad", [-1, float("nan")])
def test_times_of_a_stream_are_times(name, bad):
    """A time that cannot be waited is refused where the stream is made."""
    with pytest.raises(ValueError, match=name):
        EventStream(iter([]), **{name: bad})


def test_a_generator_that_fails_aborts(run, scripted):
    """An exception of the generator comes out of the iteration."""

    async def main(loop_state):
        async def source():
            yield "a"
            raise ValueError("x")

        body = EventStream(source()).owned_by(scripted([], loop_state)).body
        with pytest.raises(ValueError, match="x"):
            [piece async for piece in body]
        await body.aclose()

    run(main)
