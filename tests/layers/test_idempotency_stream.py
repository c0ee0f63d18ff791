from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from costrel.layers.idempotency_holds import Hold, Holds
from costrel.layers.idempotency_record import Done, Entry, Running
from costrel.layers.idempotency_stream import HeldBody
from costrel.messages import StreamBody
from costrel.stores import MemoryStore

AGAIN = None


async def three(fails: bool = False) -> AsyncIterator[str]:
    yield "one"
    yield "two"
    if fails:
        raise RuntimeError
    yield "three"


async def settled(step: Coroutine[Any, Any, None]) -> None:
    await step


def held(holds: Holds, hold: Hold, body: StreamBody, clock: Any = lambda: 0.0) -> HeldBody:
    return HeldBody(body, 200, holds, hold, settle=settled, clock=clock)


async def next_one(holds: Holds) -> Entry | None:
    """Return what the next request with the same key finds; `None` means that it runs its handler."""
    return await holds.take(holds.make("k", b"f"))


@pytest.mark.parametrize(
    ("read_count", "fails", "expected"),
    [
        pytest.param(4, False, Done.without_answer(b"f", 200), id="to-its-end"),
        pytest.param(3, False, AGAIN, id="client-left-before-the-end"),
        pytest.param(0, False, AGAIN, id="never-begun"),
        pytest.param(3, True, AGAIN, id="failed"),
    ],
)
def test_a_stream_counts_when_it_came_to_its_end(read_count: int, fails: bool, expected: Entry | None) -> None:
    """Until then the request is under way, and after anything else it may be done again."""
    holds = Holds(MemoryStore(), lock_seconds=60, ttl_seconds=600)

    async def scenario() -> Entry | None:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        body = held(holds, hold, StreamBody(three(fails)))
        for _ in range(read_count):
            assert isinstance(await next_one(holds), Running)
            try:
                await anext(body)
            except (StopAsyncIteration, RuntimeError):
                break
        await body.aclose()
        return await next_one(holds)

    assert expected == asyncio.run(scenario())


def test_what_is_behind_a_stream_comes_first() -> None:
    """A commit that fails after the last piece lets the request be done again."""
    holds = Holds(MemoryStore(), lock_seconds=60, ttl_seconds=600)

    async def commit(_: BaseException | None) -> None:
        raise RuntimeError("no commit")

    async def scenario() -> Entry | None:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        inner = StreamBody(three())
        inner.on_finish(commit)
        body = held(holds, hold, inner)
        with pytest.raises(RuntimeError):
            async for _ in body:
                pass
        await body.aclose()
        return await next_one(holds)

    assert AGAIN is asyncio.run(scenario())


def test_a_long_stream_prolongs_its_hold() -> None:
    """As long as pieces come, nobody else begins."""
    now = 0.0

    def clock() -> float:
        return now

    holds = Holds(MemoryStore(clock=clock), lock_seconds=60, ttl_seconds=600, clock=clock)

    async def scenario() -> Entry | None:
        nonlocal now
        hold = holds.make("k", b"f")
        await holds.take(hold)
        body = held(holds, hold, StreamBody(three()), clock)
        for _ in range(3):
            now += 50
            await anext(body)
        now += 50
        return await next_one(holds)

    assert isinstance(asyncio.run(scenario()), Running)


def test_its_length_is_that_of_the_stream() -> None:
    """So the head says it."""
    holds = Holds(MemoryStore(), lock_seconds=60, ttl_seconds=600)

    async def scenario() -> int | None:
        return held(holds, holds.make("k", b"f"), StreamBody(three(), content_length=11)).content_length

    assert 11 == asyncio.run(scenario())
