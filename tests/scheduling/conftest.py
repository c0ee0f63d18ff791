"""A clock that stands still until a test moves it, and jobs that note their runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from costrel.messages import Store
from costrel.scheduling import Attempts, Claims, Interval, ScheduledJob, ScheduledRun

START = 1_700_000_100.0


class ManualClock:
    """Time that passes when a test says so; what sleeps is woken when its time has come."""

    def __init__(self) -> None:
        self.time = START
        self.passed = 1000.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.passed + seconds, woken))
        await woken

    async def advance(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass in steps, with everything done that follows from each."""
        left = seconds
        while left > 0:
            part = min(step, left)
            left -= part
            self.time += part
            self.passed += part
            await self.settle()

    async def settle(self) -> None:
        """Wake whose time has come, and let them work."""
        due = [woken for at, woken in self.sleepers if at <= self.passed + 1e-6]
        self.sleepers = [(at, woken) for at, woken in self.sleepers if at > self.passed + 1e-6 and not woken.done()]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
        for _ in range(12):
            await asyncio.sleep(0)


class Notes:
    """What was emitted, and the moments of the runs that began."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.moments: list[float] = []

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        self.events.append((event, fields))

    def named(self, event: str) -> list[Mapping[str, object]]:
        return [fields for name, fields in self.events if name == event]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def make_job(notes: Notes) -> Callable[..., ScheduledJob]:
    """Make a job that notes its runs and then does what it is given."""

    def make(work: Callable[[], Awaitable[object]] | None = None, **fields: Any) -> ScheduledJob:
        async def call(run: ScheduledRun) -> object:
            notes.moments.append(run.due_at.timestamp())
            return None if work is None else await work()

        values: dict[str, Any] = {"name": "clean", "timing": Interval(60), "where": "shop.py:1", **fields}
        return ScheduledJob(call=call, emit=notes.emit, **values)

    return make


@pytest.fixture
def attempts_of(clock: ManualClock) -> Callable[[ScheduledJob, Store], Attempts]:
    def make(job: ScheduledJob, store: Store) -> Attempts:
        return Attempts(job, Claims(store, "schedule:shop:clean"), clock)

    return make


class AwayStore:
    """A store that is away at the operations that it is told of."""

    def __init__(self, store: Store, *operations: str) -> None:
        self._store = store
        self.operations = set(operations)

    def __getattr__(self, name: str) -> Any:
        if name in self.operations:
            from costrel.messages import StoreUnavailable

            raise StoreUnavailable("it is away")
        return getattr(self._store, name)


@pytest.fixture
def away() -> type[AwayStore]:
    return AwayStore
