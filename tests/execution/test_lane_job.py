"""A job of a lane, by itself: running, delivering, withdrawing."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from costrel.errors import ServiceUnavailable
from costrel.execution.lane_job import JobState, LaneJob
from costrel.execution.run_profile import RunProfile

_variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")


class _Lane:
    """Does what a lane does with a job that has not started."""

    def __init__(self) -> None:
        self.withdrawn: list[LaneJob[Any]] = []

    def withdraw(self, job: LaneJob[Any]) -> None:
        if job.state is JobState.WAITING:
            job.state = JobState.WITHDRAWN
        self.withdrawn.append(job)


def make_job(fn: Callable[[Any], Any], arg: object, context: contextvars.Context | None = None) -> LaneJob[Any]:
    job: LaneJob[Any] = LaneJob(loop=asyncio.get_running_loop())
    job.lane = _Lane()
    job.fn = fn
    job.arg = arg
    job.context = context
    job.profile = RunProfile()
    job.state = JobState.WAITING
    job.is_abandoned = False
    job.value = job.error = None
    return job


def test_a_result_is_kept_until_it_is_delivered() -> None:
    """Running leaves the future alone, which belongs to the loop; delivering sets it."""

    async def main() -> tuple[bool, int]:
        job = make_job(len, "abc")
        job.run(monotonic())
        was_done = job.done()
        job.deliver()
        return was_done, await job

    assert asyncio.run(main()) == (False, 3)


def test_a_run_is_recorded() -> None:
    """The profile of the endpoint learns of every run, also of one that raises."""

    async def main() -> list[float | None]:
        averages = []
        for arg in ("abc", 1):
            job = make_job(len, arg)
            job.run(monotonic())
            assert job.profile is not None
            averages.append(job.profile.average_seconds)
        return averages

    assert None not in asyncio.run(main())


@pytest.mark.parametrize(
    ("has_context", "expected"),
    [
        pytest.param(True, "inside", id="a-context-is-entered"),
        pytest.param(False, "outside", id="without-one-it-runs-plainly"),
    ],
)
def test_where_a_job_runs(has_context: bool, expected: str) -> None:
    """A job runs in its context, if it has one."""

    async def main() -> str:
        context = contextvars.Context()
        context.run(_variable.set, "inside")
        job = make_job(lambda _: _variable.get(), None, context if has_context else None)
        job.run(monotonic())
        job.deliver()
        return str(await job)

    assert expected == asyncio.run(main())


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("no"), id="an-exception"),
        pytest.param(SystemExit(3), id="system-exit"),
        pytest.param(KeyboardInterrupt(), id="keyboard-interrupt"),
        pytest.param(GeneratorExit(), id="generator-exit"),
        pytest.param(asyncio.CancelledError("mine"), id="a-cancellation-of-its-own"),
    ],
)
def test_whatever_is_raised_is_delivered(error: BaseException) -> None:
    """The future has the very exception, and its traceback starts at the function."""

    async def main() -> BaseException | None:
        job = make_job(_raise, error)
        job.run(monotonic())
        job.deliver()
        return job.exception()

    actual = asyncio.run(main())

    assert error is actual
    assert actual.__traceback__ is not None
    assert actual.__traceback__.tb_frame.f_code.co_name == "_raise"


def test_stop_iteration_arrives_as_a_runtime_error() -> None:
    """A `StopIteration` raised into a coroutine would end it, so it is wrapped, as generators do."""

    async def main() -> tuple[LaneJob[Any], BaseException | None]:
        job = make_job(next, iter(()))
        job.run(monotonic())
        job.deliver()
        return job, job.exception()

    job, error = asyncio.run(main())

    assert isinstance(error, RuntimeError)
    assert str(error) == "`<built-in function next>` raised StopIteration in a worker thread"
    assert isinstance(error.__cause__, StopIteration)


def test_cancelling_a_waiting_job_withdraws_it_and_lets_go_of_its_argument() -> None:
    """The lane is told, and what the request holds is not kept in the queue."""

    async def main() -> tuple[object, ...]:
        job = make_job(len, "abc", contextvars.Context())
        was_cancelled = job.cancel()
        assert isinstance(job.lane, _Lane)
        return was_cancelled, job.cancelled(), job.is_over, job.lane.withdrawn == [job], job.arg, job.context

    assert asyncio.run(main()) == (True, True, True, True, None, None)


def test_cancelling_a_running_job_drops_its_result() -> None:
    """The thread still needs its argument; what it leaves is not delivered."""

    async def main() -> tuple[object, ...]:
        job = make_job(len, "abc")
        job.state = JobState.RUNNING
        was_over = job.is_over
        job.cancel("gone")
        job.run(monotonic())
        job.deliver()
        return was_over, job.arg, job.value, job.cancelled()

    assert asyncio.run(main()) == (False, "abc", 3, True)


def test_a_job_that_is_done_cannot_be_cancelled() -> None:
    """The lane hears nothing of it."""

    async def main() -> tuple[bool, int, int]:
        job = make_job(len, "abc")
        job.run(monotonic())
        job.deliver()
        assert isinstance(job.lane, _Lane)
        return job.cancel(), len(job.lane.withdrawn), await job

    assert asyncio.run(main()) == (False, 0, 3)


def test_a_refused_job_answers_503() -> None:
    """It asks the client to come back after a second; a cancelled one needs no answer."""

    async def main() -> tuple[bool, BaseException | None, bool]:
        job = make_job(len, "abc")
        job.state = JobState.REFUSED
        job.refuse()
        cancelled = make_job(len, "abc")
        cancelled.cancel()
        cancelled.refuse()
        return job.was_refused, job.exception(), cancelled.cancelled()

    was_refused, error, is_cancelled = asyncio.run(main())

    assert was_refused
    assert is_cancelled
    assert isinstance(error, ServiceUnavailable)
    assert (error.status_code, error.headers) == (503, {"Retry-After": "1"})
