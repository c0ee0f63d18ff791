"""Tests of the queue that a body passes through."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from costrel.errors import BadRequest, ClientDisconnected
from costrel.server.body_queue import BodyQueue


def make(content_length: int | None = None) -> BodyQueue:
    return BodyQueue(asyncio.get_running_loop(), content_length, False)


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.integers(1, 30)), max_size=30),
)
def test_taken_is_what_was_put(steps: list[bytes | int]) -> None:
    """What is taken is what was put, in order, never more than asked for, and the count is right after each step."""

    async def main() -> None:
        queue = make()
        put, taken = b"", b""
        for step in steps:
            if isinstance(step, bytes):
                assert len(step) == queue.put(step)
                put += step
            elif queue.has_pieces:
                piece = queue.take(step)

                assert 1 <= len(piece) <= step

                taken += piece

            assert len(put) - len(taken) == queue.held_bytes
            assert len(put) == queue.received_bytes
            assert put.startswith(taken)
        while queue.has_pieces:
            taken += queue.take(7)

        assert put == taken

    asyncio.run(main())


def test_dropped_body_takes_nothing_more() -> None:
    """A body that nobody wants is counted and not kept."""

    async def main() -> None:
        queue = make()
        queue.put(b"abcdef")
        queue.take(2)
        queue.is_discarding = True

        assert 4 == queue.drop()
        assert 0 == queue.put(b"ghi")
        assert (0, 9, False) == (queue.held_bytes, queue.received_bytes, queue.has_pieces)

    asyncio.run(main())


@pytest.mark.parametrize("event", ["put", "complete", "fail", "wake"])
def test_reader_is_woken(event: str) -> None:
    """Whoever waits for a body is woken by a piece, by its end, by its failure and by the client's leaving."""

    async def main() -> None:
        queue = make()
        reader = asyncio.ensure_future(queue.wait())
        await asyncio.sleep(0)

        assert queue.is_waited_for

        arguments = {"put": [b"a"], "fail": [BadRequest("broken")]}.get(event, [])
        getattr(queue, event)(*arguments)
        await asyncio.wait_for(reader, 1)

        assert not queue.is_waited_for

    asyncio.run(main())


def test_two_readers_are_a_mistake() -> None:
    """A body has one reader at a time; a cancelled one makes room for the next."""

    async def main() -> None:
        queue = make()
        reader = asyncio.ensure_future(queue.wait())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks read the body"):
            await queue.wait()
        reader.cancel()
        await asyncio.wait([reader])
        queue.put(b"a")

        assert not queue.is_waited_for

    asyncio.run(main())


def test_early_end() -> None:
    """A body that will never be complete says why, its own error first."""

    async def main() -> None:
        queue = make(5)
        queue.raise_if_ended_early(False)
        with pytest.raises(ClientDisconnected):
            queue.raise_if_ended_early(True)
        queue.fail(BadRequest("broken"))
        with pytest.raises(BadRequest, match="broken"):
            queue.raise_if_ended_early(True)

    asyncio.run(main())


def test_silence_is_counted_from_the_last_piece() -> None:
    """Each piece ends the silence, and the first makes the client's wait for 100 pointless."""

    async def main() -> None:
        queue = BodyQueue(asyncio.get_running_loop(), None, True)
        queue.silent_seconds = 3.0
        queue.put(b"a")

        assert (0.0, False, True) == (queue.silent_seconds, queue.expects_continue, queue.is_chunked)

    asyncio.run(main())


def test_what_was_taken_is_not_kept() -> None:
    """A reader that never takes all of it costs no more memory than what it has left."""

    async def main() -> None:
        queue = make()
        queue.put(b"x" * 500)
        for _ in range(100):
            queue.put(b"x" * 1000)
            queue.take(1000)

        assert 500 == queue.held_bytes
        assert 1500 >= sum(len(piece) for piece in queue._pieces)

    asyncio.run(main())
