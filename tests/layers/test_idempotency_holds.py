from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from costrel.layers.idempotency_holds import Holds
from costrel.layers.idempotency_record import RELEASED, Done, Running, decode_entry, encode_entry
from costrel.messages import StoreUnavailable
from costrel.stores import MemoryStore

T = TypeVar("T")


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FailingStore(MemoryStore):
    """A store that is away when it is told to be."""

    is_away = False
    fails_once = False

    async def get(self, key: str) -> bytes | None:
        self._ask()
        return await super().get(key)

    async def set(self, key: str, value: bytes, **options: Any) -> bool:
        self._ask()
        return await super().set(key, value, **options)

    async def compare_and_set(self, key: str, expected: bytes | None, value: bytes, **options: Any) -> bool:
        self._ask()
        return await super().compare_and_set(key, expected, value, **options)

    def _ask(self) -> None:
        if self.is_away or self.fails_once:
            self.fails_once = False
            raise StoreUnavailable


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@pytest.fixture
def clock() -> Clock:
    """The clock of the store and of the layer."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> FailingStore:
    """The store."""
    return FailingStore(clock=clock)


@pytest.fixture
def holds(store: FailingStore, clock: Clock) -> Holds:
    """The holds of one process."""
    return Holds(store, lock_seconds=60, ttl_seconds=1000, clock=clock, log_clock=clock)


DONE = Done(b"f", 201, [], b"done")


def test_one_of_many_takes_a_hold(holds: Holds) -> None:
    """All others find it."""

    async def scenario() -> list[object]:
        return await asyncio.gather(*(holds.take(holds.make("k", b"f")) for _ in range(50)))

    found = run(scenario())
    assert 1 == found.count(None)
    assert 49 == sum(isinstance(entry, Running) for entry in found)


def test_what_was_done_is_found(holds: Holds, clock: Clock) -> None:
    """For its time, and no longer."""

    async def scenario() -> list[object]:
        hold = holds.make("k", b"f")
        found = [await holds.take(hold)]
        await holds.finish(hold, DONE)
        clock.now += 999
        found.append(await holds.take(holds.make("k", b"f")))
        clock.now += 1
        found.append(await holds.take(holds.make("k", b"f")))
        return found

    assert [None, DONE, None] == run(scenario())


def test_a_hold_that_was_released_is_taken_by_one(holds: Holds) -> None:
    """Of many that come at once, and at once."""

    async def scenario() -> list[object]:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        await holds.release(hold)
        return await asyncio.gather(*(holds.take(holds.make("k", b"f")) for _ in range(20)))

    assert 1 == run(scenario()).count(None)


def test_a_hold_ends_with_its_time(holds: Holds, clock: Clock) -> None:
    """Its process may have died."""

    async def scenario() -> list[bool]:
        await holds.take(holds.make("k", b"f"))
        is_taken = []
        for seconds in (59.9, 0.1):
            clock.now += seconds
            is_taken.append(await holds.take(holds.make("k", b"f")) is None)
        return is_taken

    assert [False, True] == run(scenario())


def test_a_hold_that_is_extended_lasts_longer(holds: Holds, clock: Clock) -> None:
    """From that moment on."""

    async def scenario() -> list[bool]:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        clock.now += 50
        await holds.extend(hold)
        is_taken = []
        for seconds in (59.9, 0.1):
            clock.now += seconds
            is_taken.append(await holds.take(holds.make("k", b"f")) is None)
        return is_taken

    assert [False, True] == run(scenario())


@pytest.mark.parametrize("step", ["finish", "release", "extend"])
@pytest.mark.parametrize("successor", ["running", "done"])
def test_who_has_outlived_his_hold_changes_nothing_of_others(
    holds: Holds, store: FailingStore, clock: Clock, step: str, successor: str
) -> None:
    """Neither a hold nor an answer of another."""

    async def scenario() -> tuple[bytes | None, bytes | None]:
        late, other = holds.make("k", b"f"), holds.make("k", b"f")
        await holds.take(late)
        clock.now += 60
        assert await holds.take(other) is None
        if successor == "done":
            await holds.finish(other, DONE)
        before = await store.get("k")
        if step == "finish":
            await holds.finish(late, Done(b"f", 200, [], b"late"))
        else:
            await getattr(holds, step)(late)
        return before, await store.get("k")

    before, after = run(scenario())
    assert before is not None
    assert before == after


def test_an_answer_that_comes_late_is_kept_when_nobody_was_there(
    holds: Holds, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The request was done once, so it is not done again; the log says that the time is too short."""

    async def scenario() -> object:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        clock.now += 61
        await holds.finish(hold, DONE)
        return await holds.take(holds.make("k", b"f"))

    with caplog.at_level(logging.WARNING, "costrel.idempotency"):
        assert DONE == run(scenario())
    assert ["idempotency_lock_lost"] == [record.getMessage().split()[0] for record in caplog.records]


def test_an_answer_that_does_not_fit_into_the_store_was_done_all_the_same(clock: Clock) -> None:
    """The record is kept without it."""
    holds = Holds(MemoryStore(max_bytes=2000, clock=clock), lock_seconds=60, ttl_seconds=1000, clock=clock)

    async def scenario() -> object:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        await holds.finish(hold, Done(b"f", 201, [], bytes(3000)))
        return await holds.take(holds.make("k", b"f"))

    assert Done.without_answer(b"f", 201) == run(scenario())


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x01"], ids=repr)
def test_a_record_that_cannot_be_read_stops_everybody(holds: Holds, store: FailingStore, content: bytes) -> None:
    """What may have been done is not done again."""

    async def scenario() -> object:
        await store.set("k", content)
        return await holds.take(holds.make("k", b"f"))

    assert Done.without_answer(b"f", 0) == run(scenario())


@pytest.mark.parametrize(
    ("taken_seconds", "expected"),
    [(-5, 1), (0, 1), (0.5, 1), (2.2, 3), (10, 10), (30, 30), (50, 10), (59.5, 1), (60, 1), (600, 1)],
)
def test_the_longer_it_takes_the_later_one_asks_again(
    holds: Holds, clock: Clock, taken_seconds: float, expected: int
) -> None:
    """At most when the hold is over, and whatever the clock of another process says."""
    assert expected == holds.wait_seconds(Running(b"f", b"", clock.now - taken_seconds))


@pytest.mark.parametrize(
    ("step", "event"),
    [
        ("finish", "idempotency_answer_lost"),
        ("release", "idempotency_release_lost"),
        ("extend", "idempotency_extension_lost"),
    ],
)
def test_a_store_that_is_away_is_in_the_log_once_a_minute(
    holds: Holds, store: FailingStore, clock: Clock, caplog: pytest.LogCaptureFixture, step: str, event: str
) -> None:
    """Nothing is raised: the answer is there."""

    async def scenario() -> list[int]:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        store.is_away = True
        counts = []
        for seconds in (0, 59, 1):
            clock.now += seconds
            await (holds.finish(hold, DONE) if step == "finish" else getattr(holds, step)(hold))
            counts.append(len(caplog.records))
        return counts

    with caplog.at_level(logging.WARNING, "costrel.idempotency"):
        assert [1, 1, 2] == run(scenario())
    assert {event} == {record.getMessage().split()[0] for record in caplog.records}


@pytest.mark.parametrize("has_happened", [False, True])
def test_a_write_that_fails_once_is_written_again(
    holds: Holds, store: FailingStore, caplog: pytest.LogCaptureFixture, has_happened: bool
) -> None:
    """Whether the first one has happened nobody knows; the answer is kept, and the log says nothing."""

    async def scenario() -> object:
        hold = holds.make("k", b"f")
        await holds.take(hold)
        store.fails_once = True
        if has_happened:
            await MemoryStore.compare_and_set(store, "k", hold.content, encode_entry(DONE))
        await holds.finish(hold, DONE)
        assert not store.fails_once
        return await holds.take(holds.make("k", b"f"))

    with caplog.at_level(logging.WARNING, "costrel.idempotency"):
        assert DONE == run(scenario())
    assert [] == caplog.records


def test_nobody_takes_a_hold_of_a_store_that_is_away(holds: Holds, store: FailingStore) -> None:
    """Who asks decides what follows."""
    store.is_away = True
    with pytest.raises(StoreUnavailable):
        run(holds.take(holds.make("k", b"f")))


def test_no_record_is_a_released_one() -> None:
    """The mark of a key that is free can never be a record."""
    assert decode_entry(RELEASED) is None
