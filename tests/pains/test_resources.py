"""Threads that hold connections, and requests that are given up, never starve the ones after them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from costrel import App
from costrel.testing import AsyncTestClient

REQUEST_COUNT = 200
POOL_SIZE = 5


class Pool:
    """A pool of connections that counts; whoever finds none waits in its thread, for so long."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(POOL_SIZE)
        self._lock = threading.Lock()
        self.busy = 0
        self.most = 0
        self.timeouts = 0

    def take(self) -> None:
        if not self._free.acquire(timeout=4):
            self.timeouts += 1
            raise TimeoutError("no connection")
        with self._lock:
            self.busy += 1
            self.most = max(self.most, self.busy)

    def give(self) -> None:
        with self._lock:
            self.busy -= 1
        self._free.release()


class Connection:
    """One of a pool."""


@pytest.mark.pain("P4")
@pytest.mark.parametrize(
    ("is_async_handler", "is_stream"),
    [
        pytest.param(False, False, id="all-in-one-thread"),
        pytest.param(True, False, id="a-provider-in-threads-for-an-async-handler"),
        pytest.param(False, True, id="held-by-a-stream"),
    ],
)
def test_two_hundred_requests_share_five_connections(is_async_handler: bool, is_stream: bool) -> None:
    """All threads wait for a connection, and still those who have one can give it back."""
    app = App("test", extensions=())
    pool = Pool()

    def connect() -> Iterator[Connection]:
        pool.take()
        try:
            yield Connection()
        finally:
            pool.give()

    app.provide(Connection, connect)

    async def handler(db: Connection) -> str:
        await asyncio.sleep(0)
        return "x"

    def handler_in_thread(db: Connection) -> str:
        time.sleep(0.0005)
        return "x"

    def stream(db: Connection) -> Iterator[str]:
        yield "x"

    app.add_route("/", handler if is_async_handler else stream if is_stream else handler_in_thread)

    async def main() -> list[tuple[int, str]]:
        async with AsyncTestClient(app) as client:
            answers = await asyncio.gather(*[client.get("/") for _ in range(REQUEST_COUNT)])
            return [(answer.status_code, answer.text) for answer in answers]

    assert [(200, "x")] * REQUEST_COUNT == asyncio.run(main())
    assert (0, 0) == (pool.busy, pool.timeouts)
    assert 1 <= pool.most <= POOL_SIZE


@pytest.mark.pain("P7")
@pytest.mark.parametrize("is_async", [True, False], ids=["async-provider", "sync-provider"])
def test_a_thousand_abandoned_requests_give_their_connections_back(is_async: bool) -> None:
    """Each is given up in the middle of its query; every one is rolled back and counted back in."""
    app = App("test", extensions=())
    counts = {"open": 0, "rolled back": 0, "committed": 0}

    async def connect() -> AsyncIterator[Connection]:
        counts["open"] += 1
        try:
            yield Connection()
            counts["committed"] += 1
        except BaseException:
            await asyncio.sleep(0)
            counts["rolled back"] += 1
            raise
        finally:
            await asyncio.sleep(0)
            counts["open"] -= 1

    lock = threading.Lock()

    def connect_in_thread() -> Iterator[Connection]:
        with lock:
            counts["open"] += 1
        try:
            yield Connection()
            counts["committed"] += 1
        except BaseException:
            with lock:
                counts["rolled back"] += 1
            raise
        finally:
            with lock:
                counts["open"] -= 1

    app.provide(Connection, connect if is_async else connect_in_thread)

    @app.get("/", cancel_on_disconnect=True)
    async def query(db: Connection) -> str:
        reached.release()
        await asyncio.sleep(60)
        return "late"

    reached = threading.Semaphore(0)

    async def main() -> int:
        async with AsyncTestClient(app) as client:
            before = len(asyncio.all_tasks())
            for _ in range(10):
                calls = [asyncio.create_task(client.get("/")) for _ in range(100)]
                for _ in calls:
                    while not reached.acquire(blocking=False):
                        await asyncio.sleep(0)
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
            while counts["open"]:
                await asyncio.sleep(0)
            return len(asyncio.all_tasks()) - before

    assert 0 == asyncio.run(main())
    assert {"open": 0, "rolled back": 1000, "committed": 0} == counts
