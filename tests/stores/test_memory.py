"""`MemoryStore`: the contract, its bounds, and threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from store_contract import Clock, Kit, StoreContract
from store_model import check_against_model

from costrel.messages import Store
from costrel.stores import MemoryStore


class MemoryKit(Kit):
    """A store and its clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)

    def open(self) -> Store:
        return self.store

    async def wait(self, units: float) -> None:
        self.clock.now += units * self.unit_seconds


@pytest.fixture
def kit() -> Kit:
    """How a store in memory is tested."""
    return MemoryKit()


class TestContract(StoreContract):
    """What every store does."""


def test_it_agrees_with_a_dictionary_that_has_a_clock() -> None:
    """Whatever is done to both."""
    check_against_model(lambda clock: MemoryStore(clock=clock), time_moves=True, examples=60)


def test_what_was_used_least_recently_goes_first() -> None:
    """Reading is using."""

    async def scenario() -> list[bytes | None]:
        store = MemoryStore(max_items=3)
        for key in "abc":
            await store.set(key, key.encode())
        await store.get("a")
        await store.set("d", b"d")
        return [await store.get(key) for key in "abcd"]

    assert [b"a", None, b"c", b"d"] == asyncio.run(scenario())


def test_the_bytes_are_bounded() -> None:
    """A flood of keys, of large values or of members does not grow it."""

    async def scenario() -> None:
        store = MemoryStore(max_bytes=100_000)
        for number in range(500):
            await store.set(f"v{number}", bytes(number * 10))
            await store.add_member(f"s{number}", "member")
            assert store.size_bytes <= 100_000
        with pytest.raises(ValueError, match="does not fit"):
            await store.set("large", bytes(100_001))
        for number in range(500):
            await store.delete(f"v{number}")
            await store.delete(f"s{number}")
        assert (0, 0) == (len(store), store.size_bytes)

    asyncio.run(scenario())


def test_what_is_over_goes_without_being_asked_for() -> None:
    """Writing alone is enough, for values and for locks that nobody gave back."""

    async def scenario() -> None:
        clock = Clock()
        store = MemoryStore(clock=clock)
        for number in range(100):
            await store.set(f"old{number}", b"", ttl_seconds=1)
        clock.now += 2
        for number in range(50):
            await store.set(f"new{number}", b"")
        assert 50 == len(store)

    asyncio.run(scenario())


@pytest.mark.parametrize("bounds", [{"max_items": 0}, {"max_bytes": 0}])
def test_a_store_without_room_is_refused(bounds: dict[str, int]) -> None:
    """It could keep nothing."""
    with pytest.raises(ValueError, match="1 or more"):
        MemoryStore(**bounds)


def test_loops_in_threads_count_together() -> None:
    """Four loops at once lose no increment."""
    store = MemoryStore()

    async def count() -> None:
        for _ in range(500):
            await store.increment("a")

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(asyncio.run, count()) for _ in range(4)]:
            done.result(10)

    assert b"2000" == asyncio.run(store.get("a"))
