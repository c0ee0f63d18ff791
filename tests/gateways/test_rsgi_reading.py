"""What a server hands over while its reader gives up belongs to the next read."""

from __future__ import annotations

import asyncio

import pytest

from costrel.gateways.rsgi_reading import SafeReader


def test_a_read_that_was_given_up_loses_nothing() -> None:
    """The next one gets what came, and the source is asked once."""

    async def main() -> tuple[list[str], int]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        count = 0

        async def read() -> str:
            nonlocal count
            count += 1
            return await queue.get()

        reader = SafeReader(read)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.next(), 0)
            given_up = asyncio.create_task(reader.next())
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
        queue.put_nowait("first")
        queue.put_nowait("second")
        return [await reader.next(), await reader.next()], count

    assert (["first", "second"], 2) == asyncio.run(main())


def test_what_the_source_raises_is_raised_and_the_next_read_asks_again() -> None:
    """An error belongs to one read."""

    async def main() -> str:
        outcomes: list[str | Exception] = [ValueError("broken"), "fine"]

        async def read() -> str:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        reader = SafeReader(read)
        with pytest.raises(ValueError, match="broken"):
            await reader.next()
        return await reader.next()

    assert asyncio.run(main()) == "fine"


@pytest.mark.parametrize("waits", [False, True])
def test_a_stopped_reader_leaves_no_task_and_reads_nothing_more(waits: bool) -> None:
    """Whoever asks it is told that the server was let go of."""

    async def main() -> int:
        reader = SafeReader(asyncio.Event().wait)
        if waits:
            waiting = asyncio.create_task(reader.next())
            await asyncio.sleep(0)
            waiting.cancel()
        reader.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await reader.next()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(main()) == 0
