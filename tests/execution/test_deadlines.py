"""Deadlines and disconnects: one cancellation, told apart from everybody else's."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from contextvars import ContextVar

import pytest

from costrel.execution.claim import Claim, Outcome
from costrel.execution.deadlines import DeadlineExceeded, cancel_claimed, run_with_deadline


async def run_until_soon(claim: Claim, coroutine: Coroutine[object, object, object]) -> object:
    """Run with a deadline that passes as soon as the coroutine waits."""
    loop = asyncio.get_running_loop()
    return await run_with_deadline(claim, loop, loop.time(), coroutine)


async def run_without_hurry(claim: Claim, coroutine: Coroutine[object, object, object]) -> object:
    loop = asyncio.get_running_loop()
    return await run_with_deadline(claim, loop, loop.time() + 60, coroutine)


async def wait_for_ever() -> object:
    return await asyncio.get_running_loop().create_future()


async def answer() -> str:
    await asyncio.sleep(0)
    return "answer"


def test_what_ends_in_time_is_returned() -> None:
    """The claim stays open, and no timer is left behind."""
    claim = Claim()

    assert asyncio.run(run_without_hurry(claim, answer())) == "answer"
    assert Outcome.OPEN is claim.outcome


def test_what_raises_in_time_raises() -> None:
    """An exception goes up as it is."""

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(run_without_hurry(Claim(), fail()))


def test_what_takes_too_long_is_abandoned() -> None:
    """The coroutine is cancelled, the claim is taken, and the task is as if nothing had been cancelled."""

    async def main() -> tuple[BaseException | None, int]:
        error: BaseException | None = None
        try:
            await run_until_soon(claim, wait_for_ever())
        except DeadlineExceeded as exceeded:
            error = exceeded
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return error, task.cancelling()

    claim = Claim()
    error, cancelling = asyncio.run(main())

    assert isinstance(error, DeadlineExceeded)
    assert isinstance(error.__cause__, asyncio.CancelledError)
    assert (claim.outcome, cancelling) == (Outcome.ABANDONED, 0)


def test_what_has_claimed_its_outcome_is_waited_for() -> None:
    """A deadline that passes after the commit has begun changes nothing."""

    async def commit(claim: Claim) -> str:
        assert claim.take(Outcome.COMPLETED)
        await asyncio.sleep(0.002)
        return "committed"

    claim = Claim()

    assert asyncio.run(run_until_soon(claim, commit(claim))) == "committed"
    assert Outcome.COMPLETED is claim.outcome


def test_the_coroutine_runs_in_the_same_task_and_context() -> None:
    """There is no second task, and variables set inside are seen outside."""
    variable: ContextVar[str] = ContextVar("variable")

    async def inside() -> object:
        variable.set("inside")
        return asyncio.current_task()

    async def main() -> tuple[bool, str]:
        task = await run_without_hurry(Claim(), inside())
        return task is asyncio.current_task(), variable.get()

    assert asyncio.run(main()) == (True, "inside")


def test_a_value_returned_after_the_deadline_is_dropped() -> None:
    """Nothing of an abandoned request is answered, even if the coroutine swallows the cancellation."""

    async def swallow() -> str:
        try:
            await wait_for_ever()
        except asyncio.CancelledError:
            pass
        return "late"

    async def main() -> int:
        with pytest.raises(DeadlineExceeded):
            await run_until_soon(Claim(), swallow())
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_an_exception_raised_after_the_deadline_is_the_cause() -> None:
    """What goes wrong while an abandoned request is torn down stays visible."""

    async def break_down() -> None:
        try:
            await wait_for_ever()
        finally:
            raise ValueError("broken")

    async def main() -> tuple[BaseException | None, int]:
        with pytest.raises(DeadlineExceeded) as info:
            await run_until_soon(Claim(), break_down())
        task = asyncio.current_task()
        assert task is not None
        return info.value.__cause__, task.cancelling()

    cause, cancelling = asyncio.run(main())

    assert isinstance(cause, ValueError)
    assert cancelling == 0


class _Signal(BaseException):
    """Something that is not an `Exception`."""


def test_a_signal_raised_after_the_deadline_goes_up() -> None:
    """What derives from `BaseException` alone is not ours to convert."""

    async def signal() -> None:
        try:
            await wait_for_ever()
        finally:
            raise _Signal

    async def main() -> int:
        with pytest.raises(_Signal):
            await run_until_soon(Claim(), signal())
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_a_signal_raised_in_time_goes_up() -> None:
    """The same without a deadline that has passed."""

    async def signal() -> None:
        raise _Signal

    async def main() -> None:
        with pytest.raises(_Signal):
            await run_without_hurry(Claim(), signal())

    asyncio.run(main())


def test_a_cancellation_by_somebody_else_stays_one() -> None:
    """Before the deadline it goes up as it is, and the claim is left alone."""

    async def main() -> tuple[bool, Outcome]:
        claim = Claim()
        task = asyncio.create_task(run_without_hurry(claim, wait_for_ever()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), claim.outcome

    assert asyncio.run(main()) == (True, Outcome.OPEN)


@pytest.mark.parametrize(
    "deadline_first",
    [
        pytest.param(True, id="deadline-then-cancellation"),
        pytest.param(False, id="cancellation-then-deadline"),
    ],
)
def test_a_cancellation_together_with_the_deadline_wins(deadline_first: bool) -> None:
    """Who else wanted the task to end is not answered with an exception of ours."""

    is_ending = asyncio.Event()

    async def stay() -> None:
        try:
            await wait_for_ever()
        finally:
            is_ending.set()
            # The second cancellation comes while the first one is handled.
            try:
                await wait_for_ever()
            except asyncio.CancelledError:
                pass

    async def main() -> tuple[bool, Outcome]:
        claim = Claim()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(run_with_deadline(claim, loop, loop.time() + 0.002, stay()))
        await asyncio.sleep(0)
        if deadline_first:
            await is_ending.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), claim.outcome

    assert asyncio.run(main()) == (True, Outcome.ABANDONED)


def test_a_deadline_inside_a_timeout_is_told_apart() -> None:
    """`asyncio.timeout` around it still works, because cancellations are counted."""

    async def main() -> tuple[str, str]:
        async with asyncio.timeout(60):
            with pytest.raises(DeadlineExceeded):
                await run_until_soon(Claim(), wait_for_ever())
        outer = "not expired"
        try:
            async with asyncio.timeout(0):
                await run_without_hurry(Claim(), wait_for_ever())
        except TimeoutError:
            inner = "expired"
        return outer, inner

    assert asyncio.run(main()) == ("not expired", "expired")


def test_it_must_run_in_a_task() -> None:
    """Outside of one there is nothing to cancel when it waits; the coroutine is closed."""
    loop = asyncio.new_event_loop()
    coroutine = asyncio.sleep(0)
    driven = run_with_deadline(Claim(), loop, 0.0, coroutine)

    with pytest.raises(RuntimeError, match="run_with_deadline must be awaited in a task"):
        driven.send(None)

    loop.close()


def test_a_deadline_that_was_not_reached_keeps_nothing() -> None:
    """The timer's context is not the request's, which would live until the deadline."""

    class Request:
        pass

    variable: ContextVar[Request] = ContextVar("variable")

    async def request() -> None:
        variable.set(Request())
        references.append(weakref.ref(variable.get()))
        await run_without_hurry(Claim(), answer())

    async def main() -> object:
        # A loop drops cancelled timers from the front of its queue only; this one stays before ours.
        earlier = asyncio.get_running_loop().call_later(30, len, "")
        await asyncio.create_task(request())
        await asyncio.sleep(0)
        earlier.cancel()
        return references[0]()

    references: list[weakref.ref[Request]] = []
    gc.disable()
    try:
        kept = asyncio.run(main())
    finally:
        gc.enable()

    assert kept is None


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(None, (True, True, Outcome.ABANDONED), id="an-open-request-is-abandoned"),
        pytest.param(Outcome.COMPLETED, (False, False, Outcome.COMPLETED), id="a-claimed-one-goes-on"),
    ],
)
def test_a_disconnect_cancels_what_is_not_claimed(taken: Outcome | None, expected: tuple[bool, bool, Outcome]) -> None:
    """The task is cancelled only by who takes the claim."""

    async def main() -> tuple[bool, bool, Outcome]:
        claim = Claim()
        if taken is not None:
            claim.take(taken)
        task = asyncio.create_task(answer())
        did_cancel = cancel_claimed(task, claim)
        await asyncio.wait([task])
        return did_cancel, task.cancelled(), claim.outcome

    assert expected == asyncio.run(main())


def test_a_task_that_has_ended_is_left_alone() -> None:
    """Its claim is not taken either."""

    async def main() -> tuple[bool, Outcome]:
        claim = Claim()
        task = asyncio.create_task(answer())
        await task
        return cancel_claimed(task, claim), claim.outcome

    assert asyncio.run(main()) == (False, Outcome.OPEN)
