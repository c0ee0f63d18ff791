"""What a foreign application receives: the body from wherever it is, and then the disconnect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from costrel import App
from costrel.errors import BodyStreamed, ContentTooLarge, HTTPError, RequestTimeout
from costrel.messages import STREAMED, Request
from costrel.mounts.asgi_body import PIECE_BYTES, IncomingBody
from costrel.mounts.asgi_types import Message
from costrel.testing.exchange import MemoryExchange

DISCONNECT: Message = {"type": "http.disconnect"}


class Arrived(MemoryExchange):
    """An exchange on which the whole body is there already, as on our own server."""

    def take_arrived(self, max_bytes: int) -> bytes | None:
        return b"arrived" if max_bytes >= 7 else None


def run(test: Callable[[IncomingBody, Request, Any], Awaitable[None]], content: Any = b"", **options: Any) -> None:
    """Run a test with the body of a request."""
    headers = options.pop("headers", [])
    kind = options.pop("kind", MemoryExchange)

    async def main() -> None:
        async with App("bare").lifespan() as loop_state:
            exchange = kind(content, None, loop_state)
            request = Request("POST", "/", b"/", b"", headers, exchange, **options)
            request.app = App("bare")
            incoming = IncomingBody(request)
            await asyncio.wait_for(test(incoming, request, exchange), 5)

    asyncio.run(main())


async def all_messages(incoming: IncomingBody) -> list[Message]:
    messages = [await incoming.receive()]
    while messages[-1].get("more_body"):
        messages.append(await incoming.receive())
    return messages


def test_a_request_without_a_body_has_one_empty_message() -> None:
    """Nobody is asked for it."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        assert [{"type": "http.request", "body": b"", "more_body": False}] == await all_messages(incoming)

    run(test, has_content=False)


def test_what_has_arrived_is_one_message_and_stays_readable() -> None:
    """A layer may read it afterwards."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        assert [b"arrived"] == [message["body"] for message in await all_messages(incoming)]
        await request.read()
        assert b"arrived" == request.body

    run(test, kind=Arrived)


@pytest.mark.parametrize("is_declared", [True, False], ids=["with-length", "without-length"])
def test_pieces_are_streamed_as_they_come(is_declared: bool) -> None:
    """With a length the last piece says so; without one an empty message does, and nobody can read it again."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        messages = await all_messages(incoming)
        assert [b"ab", b"cd"] == [message["body"] for message in messages][:2]
        assert (2 if is_declared else 3) == len(messages)
        with pytest.raises(BodyStreamed):
            await request.read()

    run(test, iter([b"ab", b"cd"]), headers=[(b"content-length", b"4")] if is_declared else [])


def test_large_pieces_are_cut() -> None:
    """No message is larger than 64 KiB."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        sizes = [len(message["body"]) for message in await all_messages(incoming)]
        assert [PIECE_BYTES, 5, 0] == sizes

    run(test, bytes(PIECE_BYTES + 5))


def test_what_was_spooled_is_replayed_from_its_file() -> None:
    """A body that a layer has read, longer than what is kept in memory, comes in pieces again."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        await request.read()
        messages = await all_messages(incoming)
        assert bytes(500_000) == b"".join([message["body"] for message in messages])
        assert max(len(message["body"]) for message in messages) == PIECE_BYTES
        await request.finish()

    run(test, bytes(500_000))


def test_a_body_that_somebody_else_streams_is_an_error_at_once() -> None:
    """It never hangs."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        request.content = STREAMED
        with pytest.raises(BodyStreamed):
            await incoming.receive()

    run(test, b"abc")


def test_a_body_that_could_not_be_read_is_the_same_error_again() -> None:
    """What a layer has failed to read is not read on from the middle."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        request.max_body_bytes = 2
        with pytest.raises(ContentTooLarge):
            await request.read()
        with pytest.raises(ContentTooLarge):
            await incoming.receive()
        assert isinstance(incoming.failure, ContentTooLarge)

    run(test, b"abc")


@pytest.mark.parametrize("limit_bytes", [2, 3, 4])
@pytest.mark.parametrize("way", ["streamed", "read-before", "declared"])
def test_a_limit_holds_on_every_way(way: str, limit_bytes: int) -> None:
    """Three bytes are over a limit of two, and not over three."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        if way == "read-before":
            await request.read()
        request.max_body_bytes = limit_bytes
        try:
            incoming.check_declared()
            await all_messages(incoming)
        except ContentTooLarge:
            assert limit_bytes < 3
        else:
            assert limit_bytes >= 3

    run(test, b"abc", headers=[(b"content-length", b"3")] if way == "declared" else [])


def test_a_failure_of_the_transport_is_remembered() -> None:
    """Who answers the request is told why its body could not be read."""

    class Slow(MemoryExchange):
        async def read_body(self, max_bytes: int) -> bytes:
            raise RequestTimeout("too slow")

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        with pytest.raises(HTTPError):
            await incoming.receive()
        assert isinstance(incoming.failure, RequestTimeout)

    run(test, kind=Slow)


def test_a_client_that_leaves_in_its_body_is_a_disconnect() -> None:
    """The application hears of it as ASGI says."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        exchange.disconnect()
        assert DISCONNECT == await incoming.receive()
        assert (True, True) == (incoming.is_disconnected, incoming.has_told)

    run(test, b"abc")


@pytest.mark.parametrize("end", ["the-client-leaves", "the-response-is-complete"])
def test_behind_the_body_the_end_is_waited_for(end: str) -> None:
    """Several tasks may wait; all are told, and so is who asks later."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        await all_messages(incoming)
        tasks = [asyncio.create_task(incoming.receive()) for _ in range(2)]
        await asyncio.sleep(0)
        assert [False, False, False] == [*[task.done() for task in tasks], incoming.has_told]
        if end == "the-client-leaves":
            exchange.disconnect()
        else:
            incoming.end()
        assert [DISCONNECT, DISCONNECT] == await asyncio.gather(*tasks)
        assert incoming.has_told
        assert DISCONNECT == await incoming.receive()

    run(test, b"abc")


def test_a_complete_response_ends_a_body_that_was_not_read() -> None:
    """There is nothing more to receive then."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        incoming.end()
        assert DISCONNECT == await incoming.receive()

    run(test, b"abc")


def test_who_stops_waiting_is_forgotten() -> None:
    """A wait that is cancelled leaves nothing behind."""

    async def test(incoming: IncomingBody, request: Request, exchange: Any) -> None:
        await all_messages(incoming)
        task = asyncio.create_task(incoming.receive())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        exchange.disconnect()
        assert not incoming.has_told

    run(test, b"abc")
