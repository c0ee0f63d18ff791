"""A run of a job, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from costrel.scheduling import RunTimedOut, ScheduledRun


def failing(error: BaseException) -> Any:
    async def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "outcome", "level"),
    [
        pytest.param(None, "succeeded", logging.INFO, id="success"),
        pytest.param(ValueError("x"), "failed", logging.ERROR, id="error"),
        pytest.param(TimeoutError("x"), "failed", logging.ERROR, id="a-time-out-of-the-handler-itself"),
        pytest.param(RunTimedOut(), "timed_out", logging.ERROR, id="time-out"),
        pytest.param(asyncio.CancelledError(), "cancelled", logging.WARNING, id="cancellation"),
        pytest.param(SystemExit(3), "failed", logging.ERROR, id="exit"),
    ],
)
def test_each_end_is_logged_and_announced_once(
    error: BaseException | None, outcome: str, level: int, make_job: Any, notes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Name, run, outcome and duration; the traceback when the handler has failed. What was raised goes on."""
    caplog.set_level(logging.INFO, "costrel.schedule")
    job = make_job(failing(error) if error is not None else None)
    times = iter((10.0, 12.5))
    run = ScheduledRun.due("clean", 1_700_000_000.0)
    coroutine = job.perform(run, lambda: next(times))
    if error is None:
        assert asyncio.run(coroutine) is None
    else:
        with pytest.raises(type(error)) as caught:
            asyncio.run(coroutine)
        assert isinstance(error, asyncio.CancelledError) or caught.value is error

    started, finished = caplog.records
    expected = f"job_finished name=clean run_id={run.run_id} outcome={outcome} duration_seconds=2.500"
    (fields,) = notes.named("job_finished")
    assert f"job_started name=clean run_id={run.run_id} due_at=2023-11-14T22:13:20+00:00" == started.getMessage()
    assert (level, expected) == (finished.levelno, finished.getMessage())
    assert (outcome == "failed") == bool(finished.exc_info)
    assert [{"name": "clean", "run_id": run.run_id, "due_at": run.due_at}] == notes.named("job_started")
    assert ("clean", run.run_id, outcome, 2.5) == tuple(
        fields[name] for name in ("name", "run_id", "outcome", "duration_seconds")
    )
    assert (error is None) == (fields["exception"] is None)


def test_a_job_is_run_at_once(make_job: Any, notes: Any) -> None:
    """Nobody is asked and nothing is waited for; what the handler returns is returned."""

    async def work() -> str:
        return "done"

    assert "done" == asyncio.run(make_job(work).run())
    assert 1 == len(notes.moments)


def test_runs_have_names_of_their_own() -> None:
    """No two runs have one `run_id`."""
    runs = {ScheduledRun.due("clean", 1.0).run_id for _ in range(100)}

    assert 100 == len(runs)
