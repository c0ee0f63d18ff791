"""`Idempotency` with records in Redis: two processes, and a server that is away, slow or back.

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
from costrel.layers import Idempotency
from costrel.stores import RedisStore
from costrel.testing import AsyncTestClient

KEY = {"idempotency-key": '"k1"'}
REQUESTS = 25
KEYS = 4
PATIENCE_SECONDS = 40
BOUND_SECONDS = 1.3


async def take_part(url: str) -> None:
    """Send the same requests as the other process, and print the status codes and texts."""
    store = RedisStore(url.partition("?prefix=")[0], prefix=url.partition("?prefix=")[2], operation_timeout_seconds=10)
    app = App("test", use=[Idempotency(store)])

    @app.post("/<int:number>")
    async def pay(number: int) -> str:
        count = await store.increment(f"runs{number}")
        await asyncio.sleep(0.02)
        return f"run {count}"

    await store.increment("present")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.get("present") != b"2":
            await asyncio.sleep(0.002)
    answers: dict[int, list[str]] = {number: [] for number in range(KEYS)}
    async with AsyncTestClient(app) as client:

        async def send(number: int) -> None:
            while True:
                response = await client.post(f"/{number}", headers={"idempotency-key": f"key{number}"})
                if response.status_code != 409:
                    answers[number].append(f"{response.status_code} {response.text}")
                    return
                await asyncio.sleep(0.01)

        await asyncio.gather(*(send(number) for number in range(KEYS) for _ in range(REQUESTS)))
    await store.aclose()
    print(json.dumps(answers))


def test_two_processes_run_a_handler_once(redis_url: str) -> None:
    """A hundred requests of each, with four keys: four runs, and everybody gets their answers."""
    url = f"{redis_url}?prefix={secrets.token_hex(6)}:"
    command = [sys.executable, str(Path(__file__)), url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        answers = [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()

    assert [{str(number): ["200 run 1"] * REQUESTS for number in range(KEYS)}] * 2 == answers


class Till:
    """An application that counts how often its handler ran, and may do something while it runs."""

    def __init__(self, url: str, **options: Any) -> None:
        self.count = 0
        self.meanwhile: Any = None
        self.store = RedisStore(url, prefix=f"{secrets.token_hex(6)}:")
        self.app = App("test", use=[Idempotency(self.store, **options)])
        self.app.add_route("/", self.pay, methods=["POST"])

    async def pay(self) -> str:
        self.count += 1
        if self.meanwhile is not None:
            await asyncio.to_thread(self.meanwhile)
        return f"run {self.count}"


async def answered(client: AsyncTestClient, key: str = "k1") -> tuple[int, str]:
    response = await client.post("/", headers={"idempotency-key": key})
    return response.status_code, response.text if response.status_code == 200 else ""


def test_a_server_that_is_away_is_503_until_it_is_back(redis_of_our_own: Any) -> None:
    """The handler does not run meanwhile, and nobody has to start the application again."""

    async def scenario() -> None:
        till = Till(redis_of_our_own.url)
        async with AsyncTestClient(till.app, raise_app_exceptions=False) as client:
            assert (200, "run 1") == await answered(client)
            redis_of_our_own.stop()
            began_at = time.monotonic()
            assert [(503, "")] * 20 == [await answered(client, f"away{number}") for number in range(20)]
            assert time.monotonic() - began_at < 2
            assert 1 == till.count
            redis_of_our_own.start()
            async with asyncio.timeout(5):
                while (await answered(client, "back"))[0] == 503:
                    await asyncio.sleep(0.05)
            assert (200, "run 2") == await answered(client, "back")
        await till.store.aclose()

    asyncio.run(scenario())


def test_a_server_that_leaves_while_the_handler_runs(redis_of_our_own: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets its answer, and the log says that it is not kept."""

    async def scenario() -> None:
        till = Till(redis_of_our_own.url)
        till.meanwhile = redis_of_our_own.stop
        async with AsyncTestClient(till.app, raise_app_exceptions=False) as client:
            assert (200, "run 1") == await answered(client)
        await till.store.aclose()

    with caplog.at_level(logging.WARNING, "costrel.idempotency"):
        asyncio.run(scenario())
    ours = [record.getMessage().split()[0] for record in caplog.records if record.name == "costrel.idempotency"]
    assert ["idempotency_answer_lost"] == ours


def test_a_server_that_starts_anew_while_the_handler_runs_gets_the_answer(redis_of_our_own: Any) -> None:
    """The hold is forgotten, and nobody has taken its place."""

    async def scenario() -> None:
        till = Till(redis_of_our_own.url)

        def restart() -> None:
            redis_of_our_own.stop()
            redis_of_our_own.start()

        till.meanwhile = restart
        async with AsyncTestClient(till.app) as client:
            assert [(200, "run 1")] * 2 == [await answered(client) for _ in range(2)]
        await till.store.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize(("mode", "expected"), [("closed", (503, "")), ("open", (200, "run 1"))])
def test_a_slow_server_is_waited_for_a_bounded_time(mode: Any, expected: tuple[int, str]) -> None:
    """Once before the handler and once behind it; soon nobody waits at all."""

    async def scenario() -> None:
        async with silent_server() as url:
            till = Till(url, on_store_failure=mode)
            async with AsyncTestClient(till.app, raise_app_exceptions=False) as client:
                began_at = time.monotonic()
                assert expected == await answered(client)
                assert time.monotonic() - began_at < 2 * BOUND_SECONDS
                await asyncio.gather(*(answered(client, f"k{number}") for number in range(2, 50)))
                began_at = time.monotonic()
                await answered(client, "last")
                assert time.monotonic() - began_at < 0.1
            await till.store.aclose()

    asyncio.run(scenario())


def test_a_process_that_died_keeps_its_key_for_its_time(redis_url: str) -> None:
    """Then the request is done."""

    async def scenario() -> None:
        till = Till(redis_url, lock_seconds=0.3)
        begun, never = asyncio.Event(), asyncio.Event()

        async def die() -> str:
            begun.set()
            await never.wait()
            return ""

        dying = App("test", use=[Idempotency(till.store, lock_seconds=0.3)])
        dying.add_route("/", die, methods=["POST"])
        async with AsyncTestClient(dying) as first, AsyncTestClient(till.app) as client:
            task = asyncio.create_task(answered(first))
            async with asyncio.timeout(5):
                await begun.wait()
                status_codes = {(await answered(client))[0]}
                while 200 not in status_codes:
                    await asyncio.sleep(0.02)
                    status_codes.add((await answered(client))[0])
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert ({409, 200}, 1) == (status_codes, till.count)
        await till.store.aclose()

    asyncio.run(scenario())


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Listen, and answer nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(take_part(sys.argv[1]))
