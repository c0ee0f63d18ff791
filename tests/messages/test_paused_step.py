from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from costrel.messages.paused_step import PausedStep

variable: ContextVar[str] = ContextVar("variable", default="unset")


def test_a_step_is_waited_for_in_several_goes(run):
    """A wait that is woken leaves the coroutine where it is; the next goes on with it."""

    async def main(_):
        gate = asyncio.Event()

        async def work():
            await asyncio.sleep(0)
            await gate.wait()
            return 42

        step = PausedStep(work())
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, step.wake)
        first = await step.wait(None)
        second = await step.wait(0)
        gate.set()
        third = await step.wait(None)
        return first, second, third, step.result(), await step.wait(None)

    assert (False, False, True, 42, True) == run(main)


def test_a_step_that_waits_for_several_things_is_one_wait(run):
    """Only the time and `wake` end a wait early, not what the coroutine waits for next."""

    async def main(_):
        async def work():
            for _ in range(3):
                await asyncio.sleep(0.001)
            return 42

        step = PausedStep(work())
        return await step.wait(10.0), step.result()

    assert (True, 42) == run(main)


def test_a_step_runs_in_the_task_and_context_of_its_waiter(run):
    """There is no second task: context variables set inside are seen outside."""

    async def main(_):
        tasks = []

        async def work():
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())
            variable.set("set")

        await PausedStep(work()).wait(None)
        return tasks == [asyncio.current_task()], variable.get()

    assert (True, "set") == run(main)


def test_what_the_coroutine_raises_comes_out(run):
    """An exception of the coroutine is raised by the wait."""

    async def main(_):
        async def work():
            await asyncio.sleep(0)
            raise ValueError("x")

        step = PausedStep(work())
        with pytest.raises(ValueError, match="x"):
            await step.wait(None)
        return step.is_done

    assert run(main)


def test_a_cancelled_waiter_cancels_the_coroutine(run):
    """A cancellation of the task arrives inside the coroutine, which may clean up, and comes out again."""
    events = []

    async def main(_):
        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                events.append("cleaned")

        task = asyncio.ensure_future(PausedStep(work()).wait(None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)

    assert ["cleaned"] == events


@pytest.mark.parametrize("is_begun", [True, False])
def test_cancel_ends_a_paused_step(run, is_begun):
    """A step that is paused is cancelled where it waits; one that never began is dropped."""
    events = []

    async def main(_):
        async def work():
            events.append("begun")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                events.append("cleaned")

        step = PausedStep(work())
        if is_begun:
            assert not await step.wait(0)
        await step.cancel()
        await step.cancel()
        return step.is_done, asyncio.current_task().cancelling()

    assert (True, 0) == run(main)
    assert (["begun", "cleaned"] if is_begun else []) == events


def test_time_limits_inside_the_coroutine_work(run):
    """`asyncio.timeout` inside the coroutine ends it with `TimeoutError` as in any task."""

    async def main(_):
        async def work():
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                return "timeout"

        step = PausedStep(work())
        assert await step.wait(5)
        return step.result()

    assert "timeout" == run(main)
