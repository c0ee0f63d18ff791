"""What is done when a job is due: run, or skipped with a reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.scheduling import RunTimedOut
from costrel.stores import MemoryStore

MOMENT = 1_700_000_100.0


def reasons(notes: Any) -> list[object]:
    return [fields["reason"] for fields in notes.named("job_skipped")]


def test_of_two_workers_one_makes_the_run(make_job: Any, attempts_of: Any, notes: Any) -> None:
    """The other one says nothing: nothing is wrong."""
    store = MemoryStore()

    async def both() -> None:
        await asyncio.gather(*(attempts_of(make_job(), store)(MOMENT) for _ in range(2)))

    asyncio.run(both())

    assert [MOMENT] == notes.moments
    assert [] == reasons(notes)


@pytest.mark.parametrize("error", [ValueError("x"), RunTimedOut()], ids=["error", "time-out"])
def test_a_run_that_fails_does_not_stop_the_next(error: Exception, make_job: Any, attempts_of: Any, notes: Any) -> None:
    """The lock is given back, and the next run begins."""

    async def work() -> None:
        raise error

    attempts = attempts_of(make_job(work), MemoryStore())
    for moment in (MOMENT, MOMENT + 60):
        asyncio.run(attempts(moment))

    assert [MOMENT, MOMENT + 60] == notes.moments
    assert [] == reasons(notes)


class Gate:
    """Work that goes on until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self) -> None:
        await self.opened.wait()


@pytest.mark.parametrize(
    ("overlap", "expected_runs", "expected_reasons"),
    [
        pytest.param(False, [MOMENT, MOMENT + 120], ["still_running"], id="skipped"),
        pytest.param(True, [MOMENT, MOMENT + 60, MOMENT + 120], [], id="allowed"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_goes_on_keeps_the_next_from_beginning(
    overlap: bool,
    expected_runs: list[float],
    expected_reasons: list[str],
    workers: int,
    make_job: Any,
    attempts_of: Any,
    notes: Any,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also that of another worker; one of them says so."""

    async def go() -> None:
        gate = Gate()
        store = MemoryStore()
        attempts = [attempts_of(make_job(gate, overlap=overlap), store) for _ in range(workers)]
        tasks = [asyncio.create_task(each(MOMENT)) for each in attempts]
        await clock.settle()
        tasks += [asyncio.create_task(each(MOMENT + 60)) for each in attempts]
        await clock.settle()
        gate.opened.set()
        await asyncio.gather(*tasks)
        await attempts[0](MOMENT + 120)

    asyncio.run(go())

    assert expected_runs == notes.moments
    assert expected_reasons == reasons(notes)
    assert len(expected_reasons) == len([record for record in caplog.records if "job_skipped" in record.getMessage()])


def test_a_thread_that_outlives_its_time_keeps_the_job(make_job: Any, attempts_of: Any, notes: Any, clock: Any) -> None:
    """It cannot be stopped, so the next run begins when it has ended."""

    async def go() -> list[object]:
        lingering: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            if not lingering.done():
                raise RunTimedOut(lingering)

        attempts = attempts_of(make_job(work), MemoryStore())
        first = asyncio.create_task(attempts(MOMENT))
        await clock.settle()
        await attempts(MOMENT + 60)
        lingering.set_result(None)
        await first
        await attempts(MOMENT + 120)
        return [fields["outcome"] for fields in notes.named("job_finished")]

    assert ["timed_out", "succeeded"] == asyncio.run(go())
    assert ["still_running"] == reasons(notes)


def test_the_lock_is_kept_as_long_as_the_run_goes_on(make_job: Any, attempts_of: Any, notes: Any, clock: Any) -> None:
    """It lives for half a minute, and the run for ten."""

    async def go() -> None:
        gate = Gate()
        store = MemoryStore(clock=clock.monotonic)
        running = asyncio.create_task(attempts_of(make_job(gate), store)(MOMENT))
        await clock.settle()
        await clock.advance(600, step=10)
        await attempts_of(make_job(gate), store)(MOMENT + 60)
        gate.opened.set()
        await running

    asyncio.run(go())

    assert [MOMENT] == notes.moments
    assert ["still_running"] == reasons(notes)


@pytest.mark.parametrize(
    ("seconds_away", "is_lost"),
    [pytest.param(15.0, False, id="shorter-than-the-lock-lives"), pytest.param(45.0, True, id="longer")],
)
def test_a_store_that_goes_away_during_a_run(
    seconds_away: float,
    is_lost: bool,
    make_job: Any,
    attempts_of: Any,
    clock: Any,
    away: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The lock is asked for again; when it is lost at last, the log says that the job was not alone for sure."""

    store = MemoryStore(clock=clock.monotonic)
    extending = away(store)

    class Extended(MemoryStore):
        """Its locks are extended by what may be away."""

        @asynccontextmanager
        async def lock(self, key: str, **options: float) -> AsyncIterator[Any]:
            async with store.lock(key, **options) as lock:
                yield SimpleNamespace(extend=lambda seconds: extending.get and lock.extend(seconds))

    async def go() -> None:
        gate = Gate()
        running = asyncio.create_task(attempts_of(make_job(gate), Extended())(MOMENT))
        await clock.settle()
        extending.operations.add("get")
        await clock.advance(seconds_away, step=5)
        extending.operations.clear()
        await clock.advance(30, step=5)
        gate.opened.set()
        await running

    asyncio.run(go())

    assert is_lost == any("job_lock_lost name=clean" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("operation", ["get", "compare_and_set", "lock"])
def test_without_its_store_a_run_is_skipped(
    operation: str, make_job: Any, attempts_of: Any, notes: Any, clock: Any, away: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never made twice, so it is not made; one line a minute says so, and runs go on when the store is back."""
    store = away(MemoryStore(), operation)

    async def go() -> None:
        attempts = attempts_of(make_job(), store)
        for second in range(90):
            await attempts(MOMENT + second)
            await clock.advance(1)
        store.operations.clear()
        await attempts(MOMENT + 90)

    asyncio.run(go())

    logged = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["store_unavailable"] * 90 == reasons(notes)
    assert 2 == len(logged)
    assert "job_skipped name=clean due_at=2023-11-14T22:15:00+00:00 reason=store_unavailable" == logged[0].getMessage()
    assert [MOMENT + 90] == notes.moments


def test_a_cancelled_run_gives_the_lock_back(make_job: Any, attempts_of: Any, notes: Any, clock: Any) -> None:
    """A stop that cancels what still runs leaves the job free for the next process."""

    async def go() -> None:
        store = MemoryStore()
        running = asyncio.create_task(attempts_of(make_job(Gate()), store)(MOMENT))
        await clock.settle()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await attempts_of(make_job(), store)(MOMENT + 60)

    asyncio.run(go())

    assert ["cancelled", "succeeded"] == [fields["outcome"] for fields in notes.named("job_finished")]
