"""Requests that wait for a connection never hold up those that have one and want to give it back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

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
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_two_hundred_requests_share_five_connections(kind: str) -> None:
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

    def handler(db: Connection) -> str:
        time.sleep(0.0005)
        return "x"

    async def async_handler(db: Connection) -> str:
        await asyncio.sleep(0.0005)
        return "x"

    app.add_route("/", handler if kind == "def" else async_handler)

    async def main() -> list[tuple[int, str]]:
        async with AsyncTestClient(app) as client:
            answers = await asyncio.gather(*[client.get("/") for _ in range(REQUEST_COUNT)])
            return [(answer.status_code, answer.text) for answer in answers]

    assert [(200, "x")] * REQUEST_COUNT == asyncio.run(main())
    assert (0, 0) == (pool.busy, pool.timeouts)
    assert 1 <= pool.most <= POOL_SIZE
