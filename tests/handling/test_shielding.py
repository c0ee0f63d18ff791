"""Exits go on although their task is cancelled."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from costrel.handling.shielding import shielded

number: ContextVar[int] = ContextVar("number")


def test_a_coroutine_that_does_not_wait_just_returns() -> None:
    """Without a suspension nothing is created."""

    async def quick() -> int:
        return 3

    async def main() -> int:
        return await shielded(quick())

    assert 3 == asyncio.run(main())


def test_what_it_raises_comes_out() -> None:
    """An exception of the coroutine is the caller's."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError):
            await shielded(fails())

    asyncio.run(main())


def test_cancellations_wait_until_the_end() -> None:
    """However often the task is cancelled, the coroutine ends first, and then the cancellation is raised."""
    log: list[str] = []

    async def exit_() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        await asyncio.gather(asyncio.sleep(0.001), asyncio.sleep(0.001))
        log.append("ended")

    async def main() -> None:
        task = asyncio.ensure_future(shielded(exit_()))
        while not task.done():
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert ["ended"] == log


def test_it_runs_in_the_same_task_and_context() -> None:
    """Tokens and the current task stay valid inside."""

    async def exit_(task: object, token: object) -> bool:
        await asyncio.sleep(0)
        number.reset(token)  # type: ignore[arg-type]
        return asyncio.current_task() is task

    async def main() -> bool:
        return await shielded(exit_(asyncio.current_task(), number.set(1)))

    assert asyncio.run(main())


def test_a_result_of_a_future_that_failed_reaches_the_coroutine() -> None:
    """What the coroutine waits for may fail; it handles that itself."""

    async def exit_() -> str:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, OSError())
        try:
            await future
        except OSError:
            return "handled"
        return "lost"

    async def main() -> str:
        return await shielded(exit_())

    assert "handled" == asyncio.run(main())


def test_after_the_deadline_the_exit_is_cancelled() -> None:
    """An exit that never ends is cancelled when its time is over."""

    async def exit_() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await shielded(exit_(), 0.001)

    asyncio.run(main())


def test_a_timeout_inside_an_exit_is_a_timeout_at_the_deadline() -> None:
    """`asyncio.timeout` inside still ends as a `TimeoutError`, at the latest with the exit's own deadline."""

    async def exit_() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(30)
        except TimeoutError:
            return "timed out"
        return "slept"

    async def main() -> str:
        return await shielded(exit_(), 0.01)

    assert "timed out" == asyncio.run(main())
