from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from costrel.carry.visit_thread import VisitThread
from costrel.errors import ServiceUnavailable
from costrel.execution import ExecutionSettings, LoopState

LIMIT_SECONDS = 5


def run(test: Callable[[LoopState], Awaitable[None]], **settings: float) -> None:
    """Run a test with a loop that has few threads."""

    async def main() -> None:
        loop_state = LoopState.start(asyncio.get_running_loop(), ExecutionSettings(**{"threads": 1, **settings}))
        try:
            await asyncio.wait_for(test(loop_state), LIMIT_SECONDS)
        finally:
            await loop_state.aclose(LIMIT_SECONDS)

    asyncio.run(main())


def name_of_thread(_: object) -> str:
    return threading.current_thread().name


def test_all_steps_run_in_one_thread_until_it_is_given_back() -> None:
    """The thread is one of those for handlers, and others get it afterwards."""

    async def test(loop_state: LoopState) -> None:
        visit = VisitThread(loop_state)
        names = {await visit.submit(name_of_thread, None) for _ in range(3)}
        visit.stop()

        assert names == {await loop_state.handlers.submit(name_of_thread, None)}
        assert 1 == len(names)

    run(test)


def test_a_step_is_refused_when_no_thread_is_free_in_time() -> None:
    """Like a handler that waits for one."""

    async def test(loop_state: LoopState) -> None:
        first, second = VisitThread(loop_state), VisitThread(loop_state)
        await first.submit(name_of_thread, None)

        with pytest.raises(ServiceUnavailable):
            await second.submit(name_of_thread, None)
        first.stop()

    run(test, thread_queue_timeout_seconds=0.05)


def test_a_thread_that_was_left_behind_holds_nothing_up() -> None:
    """What comes after runs elsewhere, but for what has to run behind the step."""

    async def test(loop_state: LoopState) -> None:
        go_on, begun = threading.Event(), asyncio.Event()

        def stay(loop: asyncio.AbstractEventLoop) -> None:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(LIMIT_SECONDS)

        visit = VisitThread(loop_state)
        mine = await visit.submit(name_of_thread, None)
        left = visit.submit(stay, loop_state.loop)
        await begun.wait()
        left.cancel()

        behind = visit.submit_behind(name_of_thread, None)
        visit.stop()
        elsewhere = await visit.submit(name_of_thread, None)
        assert not behind.done()
        go_on.set()

        assert mine == await behind
        assert mine != elsewhere

    run(test)


def test_a_step_that_was_withdrawn_leaves_nobody_behind() -> None:
    """It had not begun, so the thread is still the one."""

    async def test(loop_state: LoopState) -> None:
        first, second = VisitThread(loop_state), VisitThread(loop_state)
        name = await first.submit(name_of_thread, None)
        waiting = second.submit(name_of_thread, None)
        waiting.cancel()
        again = second.submit(name_of_thread, None)
        first.stop()

        assert name == await again
        second.stop()

    run(test)
