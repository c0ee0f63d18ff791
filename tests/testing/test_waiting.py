"""Waiting with a limit, and naming where the application waits."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from costrel.testing.waiting import describe_place, wait_for


async def inner() -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()  # the line that is looked for


async def generate() -> AsyncIterator[None]:
    """Wait for ever before the first item."""
    await inner()
    yield


async def iterate() -> None:
    """Wait for a generator that waits."""
    async for _ in generate():
        pass


@pytest.mark.pain("P15")
@pytest.mark.parametrize("outer", [inner, iterate], ids=["a-coroutine", "an-asynchronous-generator"])
def test_the_error_names_the_innermost_line(outer: Callable[[], Coroutine[object, object, None]]) -> None:
    """A wait that is over its limit says in which file, line and function the task is stuck."""

    async def main() -> str:
        task = asyncio.create_task(outer())
        with pytest.raises(TimeoutError) as error:
            await wait_for([task], 0.001, "has not answered GET /", task)
        task.cancel()
        return str(error.value)

    line = inner.__code__.co_firstlineno + 2

    assert (
        "The application has not answered GET / within 0.001 seconds. It is waiting in "
        f"{__file__}:{line} in `inner`: `await asyncio.get_running_loop().create_future()  "
        "# the line that is looked for`."
    ) == asyncio.run(main())


def test_a_task_that_waits_for_a_thread_names_the_threads_line() -> None:
    """When there is no user code in the task itself, the worker threads are looked at."""
    release, entered = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        release.wait(5)

    thread = threading.Thread(target=block, name="costrel-handlers-1")

    async def main() -> str:
        task = asyncio.create_task(asyncio.sleep(5))
        await asyncio.sleep(0)
        place = describe_place(task)
        task.cancel()
        return place

    thread.start()
    try:
        assert entered.wait(5)
        place = asyncio.run(main())
    finally:
        release.set()
        thread.join()

    assert f"{__file__}:{block.__code__.co_firstlineno + 2} in " in place
    assert place.endswith("(a worker thread)")


def test_what_is_done_needs_no_waiting() -> None:
    """The first of several that is done ends the wait, and a task that has ended waits nowhere."""

    async def main() -> str:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        never = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(asyncio.sleep(0))
        await wait_for([never, done], math.inf, "never", task)
        await task
        return describe_place(task)

    assert "" == asyncio.run(main())
