"""Caches on a real Redis server: two processes, and a server that is away, slow or back.

Run as a program it is one of the two processes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from costrel.app import App
from costrel.layers import Cached, cached
from costrel.messages import Request
from costrel.stores import open_store
from costrel.testing import AsyncTestClient

SLOW_SECONDS = 2.0
PAUSED_BOUND_SECONDS = 0.9
PATIENCE_SECONDS = 40
CALLS = 50


def own_prefix(url: str) -> str:
    return f"{url}?prefix={secrets.token_hex(6)}:&operation_timeout_seconds=10&connect_timeout_seconds=10"


async def take_part(url: str) -> None:
    """Ask for an answer and for a result, with the other process, and print how often they were made."""
    store = open_store(url)
    layer = Cached(60, store=store, tags=("pages",))
    app = App("test", use=[layer])

    @app.get("/")
    async def page() -> str:
        await asyncio.sleep(0.1)
        return str(await store.increment("pages"))

    @cached(60, store=store)
    async def number() -> int:
        await asyncio.sleep(0.1)
        return await store.increment("numbers")

    await store.increment("present")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.get("present") != b"2":
            await asyncio.sleep(0.002)
    async with AsyncTestClient(app) as client:
        pages = await asyncio.gather(*(client.get("/") for _ in range(CALLS)))
        numbers = await asyncio.gather(*(number() for _ in range(CALLS)))
        # Each purges when both have asked, so what is asked then was made after a purge.
        await store.increment("asked")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await store.get("asked") != b"2":
                await asyncio.sleep(0.002)
        await layer.purge("pages")
        last = await client.get("/")
    await number.cache.aclose()
    print(json.dumps([{response.text for response in pages} == {"1"}, set(numbers) == {1}, int(last.text) > 1]))
    await store.aclose()


@pytest.mark.capability("C144")
@pytest.mark.capability("C145")
def test_misses_of_two_processes_are_one_computation(redis_url: str) -> None:
    """A hundred requests and a hundred calls, and a purge reaches both processes."""
    command = [sys.executable, str(Path(__file__)), own_prefix(redis_url)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        answers = [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()

    assert [[True, True, True]] * 2 == answers


def site_with(layer: Cached) -> App:
    """Serve a page that says how often it was made, and one that varies."""
    app, count = App("test", use=[layer]), 0

    @app.get("/{name}")
    async def page(name: str, request: Request) -> str:
        nonlocal count
        count += 1
        return f"page {count}"

    return app


@pytest.mark.capability("C143")
def test_answers_and_results_are_kept_there(redis_url: str) -> None:
    """By the URL of the server; a thread that calls a cached function reaches it too."""
    url = own_prefix(redis_url)
    layer = Cached(60, store=url, vary=["accept"], tags=("pages",))
    count = 0

    @cached(60, store=url, tags=("pages",))
    def number(of: int) -> int:
        nonlocal count
        count += 1
        return count

    async def scenario() -> list[str]:
        async with AsyncTestClient(site_with(layer)) as client:
            asked = [{}, {}, {"Accept": "a/b"}, {"Accept": "a/b"}]
            texts = [(await client.get("/a", headers=fields)).text for fields in asked]
            await layer.purge("pages")
            texts.append((await client.get("/a")).text)
        await layer.aclose()
        return texts

    assert [1, 1, 2] == [number(1), number(1), number(2)]
    assert ["page 1", "page 1", "page 2", "page 2", "page 3"] == asyncio.run(scenario())
    assert 3 == number(1)
    assert number.cache.blocking.drop(1)
    assert 4 == number(1)
    number.cache.blocking.close()


def test_a_server_that_is_killed_costs_no_answer(redis_of_our_own: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Handlers and functions are asked until it is back, and there is one line of the cache."""
    layer = Cached(60, store=redis_of_our_own.url)
    count = 0

    @cached(60, store=redis_of_our_own.url)
    async def number() -> int:
        nonlocal count
        count += 1
        return count

    async def scenario() -> None:
        async with AsyncTestClient(site_with(layer)) as client:
            assert ["page 1", "page 1"] == [(await client.get("/a")).text for _ in range(2)]
            assert [1, 1] == [await number(), await number()]
            redis_of_our_own.stop()
            began_at = time.monotonic()
            texts = [(await client.get("/a")).text for _ in range(10)]
            numbers = [await number() for _ in range(10)]
            assert time.monotonic() - began_at < 2
            assert [f"page {made}" for made in range(2, 12)] == texts
            assert list(range(2, 12)) == numbers
            redis_of_our_own.start()
            async with asyncio.timeout(5):
                while "hit" not in (await client.get("/a")).headers["cache-status"]:
                    await asyncio.sleep(0.05)
            await number()
        await layer.aclose()
        await number.cache.aclose()

    with caplog.at_level(logging.INFO, "costrel.cache"):
        asyncio.run(scenario())

    lines = [record.getMessage().split()[:2] for record in caplog.records if record.name == "costrel.cache"]
    assert ["cache_unavailable", "cache_available"] == [line for line, name in lines if name == "cache=Cached"]


def test_a_restart_loses_answers_and_nothing_else(redis_of_our_own: Any) -> None:
    """The server has forgotten them; they are made and kept again."""
    layer = Cached(60, store=redis_of_our_own.url)

    async def scenario() -> list[str]:
        async with AsyncTestClient(site_with(layer)) as client:
            texts = [(await client.get("/a")).text]
            redis_of_our_own.stop()
            redis_of_our_own.start()
            await asyncio.sleep(0.05)
            texts += [(await client.get("/a")).text for _ in range(2)]
        await layer.aclose()
        return texts

    assert ["page 1", "page 2", "page 2"] == asyncio.run(scenario())


def test_a_slow_server_is_waited_for_a_bounded_time() -> None:
    """Two seconds for each answer: the first request waits for one, and those who come later soon for none."""

    async def scenario() -> None:
        async with slow_server() as url:
            layer = Cached(60, store=url)
            async with AsyncTestClient(site_with(layer)) as client:
                began_at = time.monotonic()
                responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(50)))
                assert time.monotonic() - began_at < SLOW_SECONDS
                assert {200} == {response.status_code for response in responses}
                began_at = time.monotonic()
                await client.get("/a")
                assert time.monotonic() - began_at < PAUSED_BOUND_SECONDS
            await layer.aclose()

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


if __name__ == "__main__":
    asyncio.run(take_part(sys.argv[1]))
