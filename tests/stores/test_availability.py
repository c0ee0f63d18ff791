"""`Availability`: bounded time, one line a minute, a pause after several failures, and the way back."""

from __future__ import annotations

import asyncio
import logging

import pytest
from store_contract import Clock

from costrel.messages import StoreUnavailable
from costrel.stores.availability import Availability


async def succeed() -> int:
    """An operation that does."""
    return 1


async def fail() -> int:
    """An operation that does not."""
    raise ConnectionError("refused\nby the server")


async def hang() -> int:
    """An operation that never ends by itself."""
    await asyncio.Event().wait()
    return 1


def test_it_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However many operations fail, and once when the store is back."""
    clock = Clock()
    store = Availability("test", timeout_seconds=1, failures=(OSError,), clock=clock)

    async def scenario() -> None:
        for _ in range(1200):
            with pytest.raises(StoreUnavailable):
                await store.guard(fail())
            clock.now += 0.1
        clock.now += 1
        assert [1, 1] == [await store.guard(succeed()) for _ in range(2)]

    with caplog.at_level(logging.INFO, "costrel.store"):
        asyncio.run(scenario())

    assert ["store_unavailable", "store_unavailable", "store_available"] == [
        record.getMessage().split()[0] for record in caplog.records
    ]
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_a_store_that_flaps_is_not_logged_each_time(caplog: pytest.LogCaptureFixture) -> None:
    """Two lines a minute are the most."""
    store = Availability("test", timeout_seconds=1, failures=(OSError,), clock=Clock())

    async def scenario() -> None:
        for _ in range(50):
            with pytest.raises(StoreUnavailable):
                await store.guard(fail())
            await store.guard(succeed())

    with caplog.at_level(logging.INFO, "costrel.store"):
        asyncio.run(scenario())

    assert 2 == len(caplog.records)


def test_it_is_left_alone_after_three_failures() -> None:
    """For half a second nobody waits for it; then it is asked again."""
    clock = Clock()
    store = Availability("test", timeout_seconds=0.01, failures=(), clock=clock)

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.guard(hang())
        with pytest.raises(StoreUnavailable):
            await store.guard(succeed())
        clock.now += 0.6
        assert 1 == await store.guard(succeed())
        with pytest.raises(StoreUnavailable):
            await store.guard(fail_slowly())
        assert 1 == await store.guard(succeed())

    async def fail_slowly() -> int:
        return await hang()

    asyncio.run(scenario())


def test_a_mistake_of_the_caller_is_no_failure_of_the_store() -> None:
    """What is not among the failures comes through as it is."""
    store = Availability("test", timeout_seconds=1, failures=(OSError,))

    async def mistake() -> int:
        raise ValueError("no number")

    with pytest.raises(ValueError, match="no number"):
        asyncio.run(store.guard(mistake()))


def test_unavailable_is_an_answer() -> None:
    """A request that needs the store is answered 503, with the time to come back."""
    error = StoreUnavailable(headers={"Retry-After": "1"})

    assert (503, "1") == (error.status_code, error.headers["Retry-After"])
