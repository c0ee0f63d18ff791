"""`RedisStore` on a real server: the contract, two processes, and a server that is away, slow or back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from process_contract import check_with_two_processes
from store_contract import Kit, StoreContract
from store_model import check_against_model

from costrel.messages import LockLost, LockNotAcquired, Store, StoreUnavailable
from costrel.stores import RedisStore

SLOW_SECONDS = 2.0
BOUND_SECONDS = 1.3


class RedisKit(Kit):
    """A prefix of its own, and the time of the server."""

    unit_seconds = 0.3

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"{secrets.token_hex(6)}:"

    def open(self) -> Store:
        return RedisStore(self.url, prefix=self.prefix, operation_timeout_seconds=10)

    async def wait(self, units: float) -> None:
        await asyncio.sleep(units * self.unit_seconds)


@pytest.fixture
def kit(redis_url: str) -> Kit:
    """How a store in Redis is tested."""
    return RedisKit(redis_url)


class TestContract(StoreContract):
    """What every store does."""


def test_it_agrees_with_a_dictionary(redis_url: str) -> None:
    """Whatever is done to both, within the life of what they keep."""
    check_against_model(
        lambda _: RedisStore(redis_url, prefix=f"{secrets.token_hex(6)}:", operation_timeout_seconds=10),
        time_moves=False,
        examples=25,
    )


def test_two_processes_share_a_server(redis_url: str) -> None:
    """They count exactly, one of them is first, one of them holds the lock."""
    check_with_two_processes(f"{redis_url}?prefix={secrets.token_hex(6)}:&operation_timeout_seconds=10")


def test_prefixes_keep_applications_apart(redis_url: str) -> None:
    """The same key under another prefix is another key."""

    async def scenario() -> bytes | None:
        one, two = RedisStore(redis_url, prefix="one:"), RedisStore(redis_url, prefix="two:")
        await one.set("a", b"1")
        value = await two.get("a")
        await one.delete("a")
        await one.aclose()
        await two.aclose()
        return value

    assert asyncio.run(scenario()) is None


def test_connections_are_bounded(redis_url: str) -> None:
    """Two hundred operations at once share two connections, and all are answered."""

    async def scenario() -> int:
        store = RedisStore(
            redis_url, prefix=f"{secrets.token_hex(6)}:", max_connections=2, operation_timeout_seconds=10
        )
        try:
            return max(await asyncio.gather(*(store.increment("a") for _ in range(200))))
        finally:
            await store.aclose()

    assert 200 == asyncio.run(scenario())


def test_a_cancelled_operation_leaves_its_connection_clean(redis_url: str) -> None:
    """The next operation gets its own answer, not that of the one before."""

    async def scenario() -> None:
        store = RedisStore(
            redis_url, prefix=f"{secrets.token_hex(6)}:", max_connections=1, operation_timeout_seconds=10
        )
        await store.set("a", b"a" * 100_000)
        await store.set("b", b"b")
        for number in range(40):
            task = asyncio.create_task(store.get("a"))
            for _ in range(number % 8):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert b"b" == await store.get("b")
        await store.aclose()

    asyncio.run(scenario())


def operations_of(store: Store) -> list[Callable[[], Awaitable[Any]]]:
    """Every operation, to be called."""

    async def lock() -> None:
        async with store.lock("a", ttl_seconds=1):
            pass

    return [
        lambda: store.get("a"),
        lambda: store.set("a", b""),
        lambda: store.compare_and_set("a", None, b""),
        lambda: store.increment("a"),
        lambda: store.delete("a"),
        lambda: store.add_member("a", "b"),
        lambda: store.remove_member("a", "b"),
        lambda: store.members("a"),
        lock,
    ]


def test_a_server_that_is_killed_is_away_until_it_is_started(
    redis_of_our_own: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Every operation fails soon, there is one line, and nobody has to start the application again."""

    async def scenario() -> None:
        store = RedisStore(redis_of_our_own.url)
        await store.set("a", b"1")
        async with store.lock("early", ttl_seconds=60) as early:
            pass
        redis_of_our_own.stop()
        began_at = time.monotonic()
        for _ in range(10):
            for operation in operations_of(store):
                with pytest.raises(StoreUnavailable):
                    await operation()
        assert time.monotonic() - began_at < 2
        redis_of_our_own.start()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await store.get("a") is None
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        # Scripts that the server has forgotten, and a token that it has forgotten too.
        assert 1 == await store.increment("n")
        async with store.lock("late", ttl_seconds=60) as late:
            assert late.token > early.token
        await store.aclose()

    with caplog.at_level(logging.INFO, "costrel.store"):
        asyncio.run(scenario())

    assert ["store_unavailable", "store_available"] == [record.getMessage().split()[0] for record in caplog.records]


def test_a_restart_between_two_operations_is_not_noticed(redis_of_our_own: Any) -> None:
    """The idle connection is dead, and the next operation opens another one."""

    async def scenario() -> None:
        store = RedisStore(redis_of_our_own.url)
        await store.increment("a")
        redis_of_our_own.stop()
        redis_of_our_own.start()
        await asyncio.sleep(0.05)
        assert 1 == await store.increment("a")
        await store.aclose()

    asyncio.run(scenario())


def test_a_lock_outlives_a_server_that_is_killed_in_its_block(redis_of_our_own: Any) -> None:
    """Whoever holds it within its time still does; the end of the block does not fail for it."""

    async def scenario() -> None:
        store = RedisStore(redis_of_our_own.url)
        async with store.lock("a", ttl_seconds=60) as lock:
            redis_of_our_own.stop()
            with pytest.raises(StoreUnavailable):
                await lock.extend(60)
            assert not lock.is_lost
        await store.aclose()

    asyncio.run(scenario())


def test_a_slow_server_is_waited_for_a_bounded_time() -> None:
    """Two seconds for each answer: operations fail after one, and soon at once."""

    async def scenario() -> None:
        async with slow_server() as url:
            store = RedisStore(url)
            began_at = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.get("a")
            assert time.monotonic() - began_at < 1.9
            results = await asyncio.gather(*(store.get("a") for _ in range(100)), return_exceptions=True)
            assert {StoreUnavailable} == {type(result) for result in results}
            assert time.monotonic() - began_at < 4 * BOUND_SECONDS
            began_at = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.get("a")
            assert time.monotonic() - began_at < 0.5
            await store.aclose()

    asyncio.run(scenario())


def test_an_address_that_nobody_answers_is_away() -> None:
    """From the first operation on, and opening it was no mistake."""

    async def scenario() -> None:
        store = RedisStore("redis://127.0.0.1:1/0")
        with pytest.raises(StoreUnavailable):
            await store.get("a")
        with pytest.raises(StoreUnavailable):
            async with store.lock("a", ttl_seconds=1, wait_seconds=5):
                pass
        await store.aclose()

    asyncio.run(scenario())


def test_a_waiter_gets_the_lock_of_a_holder_that_died(redis_url: str) -> None:
    """When its time is over, and not before."""

    async def scenario() -> None:
        prefix = f"{secrets.token_hex(6)}:"
        dead, alive = RedisStore(redis_url, prefix=prefix), RedisStore(redis_url, prefix=prefix)
        held = dead.lock("a", ttl_seconds=0.3)
        await held.__aenter__()
        with pytest.raises(LockNotAcquired):
            async with alive.lock("a", ttl_seconds=1):
                pass
        async with alive.lock("a", ttl_seconds=1, wait_seconds=5):
            with pytest.raises(LockLost):
                await held.__aexit__(None, None, None)
        await dead.aclose()
        await alive.aclose()

    asyncio.run(scenario())


class SlowAnswers(asyncio.Protocol):
    """A server that answers everything with OK, and takes its time."""

    def __init__(self, transports: set[asyncio.BaseTransport]) -> None:
        self.transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transports.add(transport)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(SLOW_SECONDS, self.transport.write, b"+OK\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.transports.discard(self.transport)


@asynccontextmanager
async def slow_server() -> AsyncIterator[str]:
    """Listen, and hold back each answer."""
    transports: set[asyncio.BaseTransport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: SlowAnswers(transports), "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0.01)
