"""The seam in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from costrel.errors import ClientDisconnected, OutsideRequest
from costrel.execution import LoopState
from costrel.testing.exchange import DetachedExchange, MemoryExchange, RequestContent


def make(content: RequestContent = b"", *, is_streaming: bool = False) -> MemoryExchange:
    """Make an exchange on the running loop."""
    return MemoryExchange(content, None, LoopState.start(asyncio.get_running_loop()), is_streaming=is_streaming)


async def pieces() -> AsyncIterator[bytes]:
    """Yield a body in pieces, one of them empty."""
    for piece in (b"abc", b"", b"de"):
        yield piece


@pytest.mark.parametrize("kind", ["bytes", "iterator", "async iterator"])
def test_a_body_is_read_in_pieces_of_at_most_the_size_asked_for(kind: str) -> None:
    """However it is given, no piece is longer than asked for, and after the end there is nothing for ever."""

    async def main() -> list[bytes]:
        content = {"bytes": b"abcde", "iterator": iter([b"abc", b"", b"de"]), "async iterator": pieces()}[kind]
        exchange = make(content)
        return [await exchange.read_body(2) for _ in range(5)]

    read = asyncio.run(main())

    assert b"abcde" == b"".join(read)
    assert max(map(len, read)) <= 2
    assert b"" == read[-1]


def test_a_stream_waits_until_a_piece_was_taken() -> None:
    """With `is_streaming` the application is never more than one piece ahead."""

    async def main() -> list[object]:
        exchange = make(is_streaming=True)
        seen: list[object] = []

        async def send() -> None:
            for piece in (b"a", b"b", b"c"):
                await exchange.send_piece(piece, is_last=False)
                seen.append(piece)

        task = asyncio.create_task(send())
        for _ in range(3):
            for _ in range(3):
                await asyncio.sleep(0)
            seen.append(exchange.take_piece().decode())
        await task
        return seen

    assert [b"a", "a", b"b", "b", b"c", "c"] == asyncio.run(main())


@pytest.mark.pain("P10")
def test_whoever_asked_is_told_of_a_disconnect_once() -> None:
    """A client that leaves ends reads, sends and waits, and calls the callbacks, also one that comes late."""

    async def main() -> tuple[list[str], bool]:
        exchange = make(is_streaming=True)
        told: list[str] = []
        exchange.on_disconnect(lambda: told.append("before"))
        await exchange.send_piece(b"a", is_last=False)
        sending = asyncio.create_task(exchange.send_piece(b"b", is_last=False))
        waiting = asyncio.create_task(exchange.wait_disconnected())
        await asyncio.sleep(0)
        exchange.disconnect()
        exchange.disconnect()
        exchange.on_disconnect(lambda: told.append("after"))
        await waiting
        await exchange.wait_disconnected()
        with pytest.raises(ClientDisconnected):
            await sending
        with pytest.raises(ClientDisconnected):
            await exchange.read_body(1)
        with pytest.raises(ClientDisconnected):
            await exchange.send_head(200, [], has_trailers=False)
        return told, exchange.is_disconnected

    assert (["before", "after"], True) == asyncio.run(main())


def test_a_failing_callback_keeps_none_from_being_called(caplog: pytest.LogCaptureFixture) -> None:
    """The error of one is logged, the others are told."""

    async def main() -> list[str]:
        exchange = make()
        told: list[str] = []

        def fail() -> None:
            raise ValueError

        exchange.on_disconnect(fail)
        exchange.on_disconnect(lambda: told.append("second"))
        exchange.abort()
        return told

    assert ["second"] == asyncio.run(main())
    assert "disconnect_callback_failed" in caplog.text


def test_a_detached_exchange_has_no_loop() -> None:
    """What needs a running application says that there is none."""
    with pytest.raises(OutsideRequest, match="loop_state"):
        DetachedExchange(b"", None).loop_state.stats()
