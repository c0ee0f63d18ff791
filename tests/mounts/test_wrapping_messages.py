"""Messages made of a response, a body made of messages, and a socket of both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from costrel import Disconnect
from costrel.errors import ClientDisconnected
from costrel.mounts.asgi_types import Message
from costrel.mounts.hand_over import closed_error
from costrel.mounts.wrapping_messages import InnerChannel, InnerExchange, MessageSink
from costrel.testing.exchange import DetachedExchange


class Other:
    """The other end: gives messages, takes messages, and may refuse them."""

    def __init__(self, messages: Iterable[Message] = (), error: Exception | None = None) -> None:
        self.messages = iter(messages)
        self.sent: list[Message] = []
        self.error = error

    async def receive(self) -> Message:
        return next(self.messages)

    async def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)


def sink_to(other: Other, *, sends_head_first: bool = False) -> MessageSink:
    return MessageSink(other.send, "http.response", sends_trailers=True, sends_head_first=sends_head_first)


def exchange_of(*messages: Message) -> InnerExchange:
    outer = DetachedExchange(b"never read", ("192.0.2.1", 7))
    return InnerExchange(outer, Other(messages).receive)


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def read(exchange: InnerExchange, max_bytes: int) -> list[bytes]:
    pieces = []
    while found := await exchange.read_body(max_bytes):
        pieces.append(found)
    return pieces


def test_a_response_is_written_as_messages() -> None:
    """Head, pieces and trailers, each with what ASGI calls it."""
    other = Other()

    async def main() -> None:
        sink = sink_to(other)
        await sink.send_head(200, [(b"a", b"b")], has_trailers=True)
        await sink.send_piece(b"one", is_last=False)
        await sink.send_piece(b"", is_last=True)
        await sink.send_trailers([(b"c", b"d")])

    asyncio.run(main())

    assert [
        {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")], "trailers": True},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
        {"type": "http.response.trailers", "headers": [(b"c", b"d")], "more_trailers": False},
    ] == other.sent


def test_a_head_that_must_not_wait_is_followed_by_an_empty_piece() -> None:
    """The empty piece carries the head on."""
    other = Other()
    asyncio.run(sink_to(other, sends_head_first=True).send_head(200, [], has_trailers=False))

    assert [b""] == [message["body"] for message in other.sent if message["type"] == "http.response.body"]


@pytest.mark.parametrize(
    ("error", "expected", "is_refused"),
    [
        pytest.param(closed_error(), ClientDisconnected, True, id="nobody-wants-it"),
        pytest.param(FileNotFoundError("theirs"), FileNotFoundError, False, id="an-error-of-the-middleware"),
    ],
)
def test_a_refused_message_is_told_from_a_failure(error: Exception, expected: Any, is_refused: bool) -> None:
    """Only what says that nobody takes the response ends it quietly."""
    sink = sink_to(Other(error=error))
    with pytest.raises(expected):
        asyncio.run(sink.send_piece(b"x", is_last=False))

    assert is_refused == sink.is_refused


@given(st.lists(st.binary(max_size=20), min_size=1), st.integers(1, 25))
def test_a_body_is_cut_as_it_is_asked_for(bodies: list[bytes], max_bytes: int) -> None:
    """However the middleware cuts it, all comes, in order, and no piece is longer than was asked."""
    messages = [piece(body, more=index < len(bodies) - 1) for index, body in enumerate(bodies)]
    pieces = asyncio.run(read(exchange_of(*messages), max_bytes))

    assert b"".join(bodies) == b"".join(pieces)
    assert all(1 <= len(found) <= max_bytes for found in pieces)


def test_a_body_that_breaks_off_is_a_client_that_left() -> None:
    """What the middleware says counts."""
    exchange = exchange_of(piece(b"one", more=True), {"type": "http.disconnect"})
    with pytest.raises(ClientDisconnected):
        asyncio.run(read(exchange, 10))


def test_a_body_is_over_when_the_middleware_has_ended() -> None:
    """What was not read by then cannot be read any more."""
    exchange = exchange_of(piece(b"one", more=True))
    exchange.end()
    with pytest.raises(ClientDisconnected):
        asyncio.run(read(exchange, 10))


def test_everything_else_is_that_of_the_outer_exchange() -> None:
    """Peer, status and the client's end are the transport's."""
    exchange = exchange_of()
    called: list[str] = []

    async def main() -> None:
        await exchange.send_informational(103, [])
        waiting = asyncio.ensure_future(exchange.wait_disconnected())
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(main())
    exchange.on_disconnect(lambda: called.append("gone"))
    exchange.abort()

    assert (("192.0.2.1", 7), 0, None, False) == (
        exchange.peer,
        exchange.status_code,
        exchange.tls,
        exchange.is_disconnected,
    )
    assert exchange.take_arrived(100) is None
    assert [] == called


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param({"type": "websocket.receive", "text": "text", "bytes": None}, "text", id="text"),
        pytest.param({"type": "websocket.receive", "bytes": b"bytes"}, b"bytes", id="bytes"),
        pytest.param({"type": "websocket.receive", "text": ""}, "", id="empty-text"),
    ],
)
def test_a_message_of_a_socket_is_text_or_bytes(message: Message, expected: str | bytes) -> None:
    """Which of the two it is, the message says."""
    assert expected == asyncio.run(InnerChannel(Other([message]).receive, Other().send).receive())


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        pytest.param({"type": "websocket.disconnect", "code": 3000, "reason": "done"}, 3000, "done", id="with-a-code"),
        pytest.param({"type": "websocket.disconnect"}, 1005, "", id="without"),
    ],
)
def test_a_closed_socket_stays_closed(message: Message, code: int, reason: str) -> None:
    """Each later call says how it was closed, and a close says nothing more."""
    other = Other([message])
    channel = InnerChannel(other.receive, other.send)

    async def main() -> list[tuple[int, str]]:
        found = []
        for call in (channel.receive, channel.receive, lambda: channel.send("late")):
            with pytest.raises(Disconnect) as caught:
                await call()
            found.append((caught.value.code, caught.value.reason))
        await channel.close(1000, "")
        return found

    assert 3 * [(code, reason)] == asyncio.run(main())
    assert [] == other.sent


def test_messages_and_the_close_are_sent_as_they_are() -> None:
    """Text, bytes, and one close however often it is asked for."""
    other = Other()
    channel = InnerChannel(other.receive, other.send)

    async def main() -> None:
        await channel.send("text")
        await channel.send(b"bytes")
        await channel.close(3000, "done")
        await channel.close(3001, "again")

    asyncio.run(main())

    assert [
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"bytes"},
        {"type": "websocket.close", "code": 3000, "reason": "done"},
    ] == other.sent


def test_a_lost_socket_is_closed_abnormally() -> None:
    """A message that nobody takes closes with 1006; so it is quiet to close it."""
    lost = Other(error=closed_error())
    with pytest.raises(Disconnect) as caught:
        asyncio.run(InnerChannel(lost.receive, lost.send).send("x"))
    asyncio.run(InnerChannel(lost.receive, lost.send).close(1000, ""))

    assert 1006 == caught.value.code


def test_a_failure_of_the_middleware_is_not_a_lost_socket() -> None:
    """Its own `OSError` comes out as it is."""
    failing = Other(error=FileNotFoundError("theirs"))
    for call in (lambda channel: channel.send("x"), lambda channel: channel.close(1000, "")):
        with pytest.raises(FileNotFoundError):
            asyncio.run(call(InnerChannel(failing.receive, failing.send)))
