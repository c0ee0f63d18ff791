"""The waiting jobs of a lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from costrel.execution.backlog import Backlog
from costrel.execution.lane_job import JobState, LaneJob

MakeJob = Callable[[float], LaneJob[Any]]


@pytest.fixture(scope="module")
def make_job() -> Iterator[MakeJob]:
    loop = asyncio.new_event_loop()

    def make(submitted_at: float) -> LaneJob[Any]:
        job: LaneJob[Any] = LaneJob(loop=loop)
        job.state = JobState.WAITING
        job.submitted_at = submitted_at
        return job

    yield make
    loop.close()


def test_jobs_are_taken_in_order_and_run(make_job: MakeJob) -> None:
    """First come, first served; a taken job is running."""
    backlog = Backlog()
    jobs = [make_job(at) for at in (1, 2, 3)]
    for job in jobs:
        backlog.append(job)

    taken = [backlog.take() for _ in range(4)]

    assert [*jobs, None] == taken
    assert [job.state for job in jobs] == [JobState.RUNNING] * 3
    assert len(backlog) == 0


def test_peek_leaves_the_job_there(make_job: MakeJob) -> None:
    """The oldest job may be looked at."""
    backlog = Backlog()
    job = make_job(1)
    backlog.append(job)

    assert (job, job, 1) == (backlog.peek(), backlog.peek(), len(backlog))


def test_a_withdrawn_job_is_passed_over(make_job: MakeJob) -> None:
    """It is not counted, not shown and not taken."""
    backlog = Backlog()
    jobs = [make_job(at) for at in (1, 2, 3)]
    for job in jobs:
        backlog.append(job)

    backlog.withdraw(jobs[0])
    backlog.withdraw(jobs[2])

    assert (1, [jobs[1]]) == (len(backlog), list(backlog))
    assert [jobs[1], None] == [backlog.take(), backlog.take()]
    assert JobState.WITHDRAWN is jobs[0].state


@pytest.mark.parametrize(
    ("submitted_at", "refused_count"),
    [
        pytest.param(0.5, 0, id="younger-jobs-stay"),
        pytest.param(2, 2, id="a-job-of-that-moment-goes"),
        pytest.param(9, 3, id="all-of-them"),
    ],
)
def test_old_jobs_are_refused(make_job: MakeJob, submitted_at: float, refused_count: int) -> None:
    """Those that came then or earlier are taken out, the oldest first."""
    backlog = Backlog()
    jobs = [make_job(at) for at in (1, 2, 3)]
    for job in jobs:
        backlog.append(job)

    refused = backlog.refuse_older(submitted_at)

    assert jobs[:refused_count] == refused
    assert all(job.state is JobState.REFUSED for job in refused)
    assert jobs[refused_count:] == list(backlog)


def test_places_of_withdrawn_jobs_are_given_back(make_job: MakeJob) -> None:
    """Clients that come and go while every thread is stuck do not fill the memory."""
    backlog = Backlog()
    stuck = make_job(0)
    backlog.append(stuck)
    for at in range(1000):
        job = make_job(at)
        backlog.append(job)
        backlog.withdraw(job)

    assert (1, [stuck]) == (len(backlog), list(backlog))
    assert len(backlog._jobs) < 200


@settings(max_examples=100)
@given(st.lists(st.one_of(st.just("append"), st.just("take"), st.integers(0, 9), st.just("refuse")), max_size=300))
def test_the_backlog_is_a_list_with_holes(make_job: MakeJob, steps: list[str | int]) -> None:
    """Whatever happens, it holds what a plain list of the waiting jobs would hold."""
    backlog = Backlog()
    model: list[LaneJob[Any]] = []
    for now, step in enumerate(steps):
        if step == "append":
            job = make_job(now)
            backlog.append(job)
            model.append(job)
        elif step == "take":
            assert backlog.take() is (model.pop(0) if model else None)
        elif step == "refuse":
            old = [job for job in model if job.submitted_at <= now - 20]
            model = model[len(old) :]

            assert old == backlog.refuse_older(now - 20)
        elif isinstance(step, int) and step < len(model):
            backlog.withdraw(model.pop(step))

        assert (len(model), model) == (len(backlog), list(backlog))
