"""One of many processes has a run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel.messages import LockNotAcquired, StoreUnavailable
from costrel.scheduling import Claims
from costrel.stores import MemoryStore

NOW = 1_700_000_000.0


def take(claims: Claims, moment: float, now: float = NOW) -> bool:
    return asyncio.run(claims.take(moment, moment + 60, now))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(NOW, NOW, False, id="the-same-run"),
        pytest.param(NOW, NOW - 60, False, id="an-earlier-run"),
        pytest.param(NOW, NOW + 60, True, id="a-later-run"),
        pytest.param(NOW, NOW + 0.1, True, id="a-run-within-the-second"),
        pytest.param(NOW + 3600, NOW, False, id="a-clock-that-is-an-hour-ahead"),
        pytest.param(NOW + 3601, NOW, True, id="a-clock-that-was-wrong"),
    ],
)
def test_a_run_is_claimed_once(first: float, second: float, expected: bool) -> None:
    """Who has an earlier run may be followed; a claim far in the future is that of a clock that was wrong."""
    store = MemoryStore()

    assert take(Claims(store, "job"), first)
    assert expected == take(Claims(store, "job"), second)


def test_of_many_at_once_one_has_it() -> None:
    """However many ask at the same time."""
    store = MemoryStore()

    async def ask() -> list[bool]:
        return await asyncio.gather(*(Claims(store, "job").take(NOW, NOW + 60, NOW) for _ in range(50)))

    assert 1 == sum(asyncio.run(ask()))


def test_a_late_claim_in_between_takes_nothing_away() -> None:
    """Who is overtaken by a claim of an earlier run asks again."""

    class Overtaken(MemoryStore):
        """Lets somebody claim the run before, just before each first replacement."""

        has_happened = False

        async def compare_and_set(self, key: str, expected: bytes | None, value: bytes, **options: Any) -> bool:
            if not self.has_happened:
                self.has_happened = True
                await self.set(key, b"%d" % ((NOW - 60) * 1000))
            return await super().compare_and_set(key, expected, value, **options)

    assert take(Claims(Overtaken(), "job"), NOW)


def test_what_is_no_claim_is_replaced() -> None:
    """A value of somebody else under the key does not stop a job for ever."""
    store = MemoryStore()
    asyncio.run(store.set("job", b"hello"))

    assert take(Claims(store, "job"), NOW)


@pytest.mark.parametrize("operation", ["get", "compare_and_set"])
def test_a_store_that_is_away_gives_it_to_nobody(operation: str, away: Any) -> None:
    """Whether the claim was noted is unknown, so it is not ours."""
    with pytest.raises(StoreUnavailable):
        take(Claims(away(MemoryStore(), operation), "job"), NOW)


@pytest.mark.parametrize("following", [None, NOW + 50 * 366 * 86_400])
def test_a_claim_is_kept_within_what_a_store_keeps(following: float | None) -> None:
    """A moment that comes in fifty years, or never, is no time to live that a store would refuse."""

    assert asyncio.run(Claims(MemoryStore(), "job").take(NOW, following, NOW))


def test_the_lock_of_a_job_has_one_holder() -> None:
    """Two runs of one job do not go on at once."""
    store = MemoryStore()

    async def hold_twice() -> None:
        async with Claims(store, "job").hold(), Claims(store, "job").hold():
            pass

    with pytest.raises(LockNotAcquired):
        asyncio.run(hold_twice())
