"""When runs begin: at their moments, once after a sleep, and never after the stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from costrel.execution import LoopState, Supervisor
from costrel.scheduling import Cron, Interval, Scheduler
from costrel.stores import MemoryStore

START = 1_700_000_100.0


@asynccontextmanager
async def scheduled(attempts: list[Any], clock: Any, chance: float = 0.0) -> AsyncIterator[LoopState]:
    """Run a scheduler for a block."""
    loop_state = LoopState.start(asyncio.get_running_loop())
    Scheduler(attempts, loop_state, clock, choose=lambda: chance).start()
    await clock.settle()
    try:
        yield loop_state
    finally:
        await loop_state.aclose(1.0)


@pytest.fixture
def run(clock: Any, make_job: Any, attempts_of: Any, notes: Any) -> Callable[..., list[float]]:
    """Let a job live while `live` moves the clock, and return when its runs were due, after the start."""

    def run(live: Callable[[LoopState], Any], *, chance: float = 0.0, store: Any = None, **fields: Any) -> list[float]:
        async def go() -> None:
            attempts = attempts_of(make_job(**fields), MemoryStore() if store is None else store)
            async with scheduled([attempts], clock, chance) as loop_state:
                await live(loop_state)

        asyncio.run(go())
        return [moment - START for moment in notes.moments]

    return run


def test_runs_begin_at_their_moments(run: Any, clock: Any) -> None:
    """Nothing at the start, then one at each moment."""

    assert [60, 120, 180] == run(lambda _: clock.advance(200))


def test_a_line_of_crontab_is_followed(run: Any, clock: Any) -> None:
    """The start is 22:15, so the hour comes 45 minutes later."""

    assert [2700, 6300] == run(lambda _: clock.advance(7000, step=100), timing=Cron("@hourly"))


@pytest.mark.parametrize(
    ("chance", "expected"),
    [pytest.param(0.0, 60, id="at-once"), pytest.param(0.5, 65, id="in-the-middle"), pytest.param(0.99, 70, id="late")],
)
def test_jitter_moves_the_begin_and_not_the_moment(
    chance: float, expected: int, run: Any, clock: Any, notes: Any
) -> None:
    """The run keeps the name of its moment, so that others know which it is."""
    begun: list[float] = []

    async def live(_: LoopState) -> None:
        while not notes.moments:
            await clock.advance(1)
        begun.append(clock.time - START)

    assert [60] == run(live, chance=chance, jitter_seconds=10.0)
    assert [expected] == begun


def test_what_was_missed_is_made_up_for_once(run: Any, clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A machine that slept for ten minutes runs a job of every minute once, and goes on."""

    async def live(_: LoopState) -> None:
        await clock.advance(61)
        await clock.advance(600, step=600)
        await clock.advance(60)

    assert [60, 660, 720] == run(live)
    assert "job_late name=clean late_seconds=541.0" in caplog.text


def test_a_machine_that_slept_is_noticed_though_no_timer_was(run: Any, clock: Any) -> None:
    """The clock of timers stands still during sleep; the time is looked at every half minute."""

    async def live(_: LoopState) -> None:
        clock.time += 7200
        await clock.advance(31)

    # The start is 22:15, so the last full hour of two hours later is 00:00.
    assert [6300] == run(live, timing=Interval("1h"))


@pytest.mark.parametrize(
    ("seconds_back", "expected"),
    [
        pytest.param(30, [60, 120], id="a-little"),
        pytest.param(1800, [60], id="half-an-hour-waits-for-what-has-run"),
        pytest.param(7200, [60, -7080, -7020], id="far-is-a-clock-that-was-wrong"),
    ],
)
def test_a_clock_that_was_set_back(seconds_back: int, expected: list[float], run: Any, clock: Any) -> None:
    """No moment runs twice, and a clock that was wrong does not stop a job until it is right again."""

    async def live(_: LoopState) -> None:
        await clock.advance(61)
        clock.time -= seconds_back
        await clock.advance(119, step=1 if seconds_back == 30 else 7)

    assert expected == run(live)


@pytest.mark.parametrize(
    ("has_run", "expected"),
    [pytest.param(False, [0, 60], id="nobody-has-made-it"), pytest.param(True, [60], id="somebody-has")],
)
def test_the_run_that_was_due_last_is_made_at_the_start(
    has_run: bool, expected: list[float], run: Any, clock: Any
) -> None:
    """``on_start`` makes it, unless it was made; so workers that start together make it once."""
    store = MemoryStore()
    if has_run:
        asyncio.run(store.set("schedule:shop:clean", b"%d" % (START * 1000)))

    assert expected == run(lambda _: clock.advance(61), on_start=True, store=store)


def test_no_run_begins_after_the_stop(run: Any, clock: Any) -> None:
    """What runs is waited for by the supervisor, and nothing new begins."""

    async def live(loop_state: LoopState) -> None:
        await clock.advance(61)
        loop_state.begin_stopping()
        await clock.advance(300, step=30)

    assert [60] == run(live)


def test_a_loop_that_stops_starts_nothing(clock: Any, make_job: Any, attempts_of: Any, notes: Any) -> None:
    """A stop that comes before the start is a stop."""

    async def go() -> None:
        loop_state = LoopState.start(asyncio.get_running_loop())
        loop_state.begin_stopping()
        Scheduler([attempts_of(make_job(on_start=True), MemoryStore())], loop_state, clock).start()
        await clock.settle()
        await loop_state.aclose(1.0)

    asyncio.run(go())

    assert [] == notes.moments


def test_too_much_work_is_no_reason_to_stop(clock: Any, make_job: Any, attempts_of: Any, notes: Any) -> None:
    """When the supervisor takes no more, the run is skipped, and the next one is tried."""

    async def go() -> None:
        async with scheduled([attempts_of(make_job(), MemoryStore())], clock) as loop_state:
            loop_state.supervisor = Supervisor(loop_state.loop, loop_state.handlers, max_pending=1)
            other = loop_state.supervisor.spawn(asyncio.Event().wait, origin="here")
            await clock.advance(61, step=20)
            other.task.cancel()
            await clock.advance(60, step=20)

    asyncio.run(go())

    assert ["overloaded"] == [fields["reason"] for fields in notes.named("job_skipped")]
    assert [START + 120] == notes.moments


def test_a_job_that_is_never_due_again_keeps_nobody_waiting(clock: Any, make_job: Any, attempts_of: Any) -> None:
    """A timing may come to an end."""

    class Never:
        def next_after(self, moment: float) -> None:
            return None

        def last_until(self, moment: float) -> None:
            return None

    async def go() -> int:
        async with scheduled([attempts_of(make_job(timing=Never(), on_start=True), MemoryStore())], clock):
            await clock.advance(90, step=30)
            return len(clock.sleepers)

    assert 1 == asyncio.run(go())
