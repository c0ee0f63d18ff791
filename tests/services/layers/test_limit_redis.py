"""`Limit` on a real server: exact among processes, and a server that is away, slow, restarted or never there.

Run as a program it is one of the processes: it asks its application many times at once.
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
from costrel.layers import Limit
from costrel.testing import AsyncTestClient

pytest.importorskip("limits", reason="The package `limits` is needed, and there is none.")

PATIENCE_SECONDS = 40
SLOW_SECONDS = 2.0
CALLS = 100


def url_for(url: str) -> str:
    """Return the URL with keys of its own, and with patience for a host that is busy."""
    return f"{url}?prefix={secrets.token_hex(6)}:&operation_timeout_seconds=10"


def app_with(*limits: Limit) -> App:
    app = App("test", use=list(limits))

    @app.get("/")
    async def index() -> str:
        return "in"

    @app.on_stop
    async def close() -> None:
        for limit in limits:
            await limit.aclose()

    return app


async def ask(app: App, count: int) -> list[int]:
    """Ask so many times at once."""
    async with AsyncTestClient(app) as client:
        responses = await asyncio.gather(*(client.get("/") for _ in range(count)))
        return [response.status_code for response in responses]


@pytest.mark.capability("C146")
def test_of_a_hundred_calls_at_once_the_number_gets_in(redis_url: str) -> None:
    """Exactly the number, as in memory."""
    found = asyncio.run(ask(app_with(Limit("37/hour", store=url_for(redis_url))), CALLS))

    assert (37, 63) == (found.count(200), found.count(429))


@pytest.mark.capability("C146")
def test_two_processes_share_a_limit(redis_url: str) -> None:
    """They know it by its routes, its rates and its prefix, and let in the number together."""
    url = url_for(redis_url)
    command = [sys.executable, str(Path(__file__)), url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        answers = [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()

    assert 2 * CALLS == sum(map(len, answers))
    assert 130 == sum(found.count(200) for found in answers)


def test_two_limits_do_not_share(redis_url: str) -> None:
    """Another rate, another key or another name is another limit."""
    url = url_for(redis_url)
    limits = [
        Limit("5/hour", store=url),
        Limit("6/hour", store=url),
        Limit("5/hour", store=url, by="user"),
        Limit("5/hour", store=url, name="other"),
    ]

    async def scenario() -> None:
        for limit in limits:
            assert [200] * 5 == (await ask(app_with(limit), 5))[:5]
        assert [429] == await ask(app_with(Limit("5/hour", store=url, name="other")), 1)

    asyncio.run(scenario())


def test_the_answer_says_how_the_limit_stands(redis_url: str) -> None:
    """The fields are those of a limit in memory."""
    limit = Limit("2/minute; 2000/hour", store=url_for(redis_url), name="api")

    async def scenario() -> None:
        async with AsyncTestClient(app_with(limit)) as client:
            await client.get("/")
            second, refused = await client.get("/"), await client.get("/")
        assert '"api 2/minute";q=2;w=60, "api 2000/hour";q=2000;w=3600' == second.headers["ratelimit-policy"]
        assert second.headers["ratelimit"].startswith('"api 2/minute";r=0;t=')
        assert '"api 2000/hour";r=1998;t=' in second.headers["ratelimit"]
        assert 429 == refused.status_code
        assert 50 < int(refused.headers["retry-after"]) <= 60
        assert ["api 2/minute"] == refused.json()["violated-policies"]

    asyncio.run(scenario())


def test_room_comes_back_when_it_was_said(redis_url: str) -> None:
    """A client that waits as long as it was told is let in."""

    async def scenario() -> None:
        async with AsyncTestClient(app_with(Limit("1/second", store=url_for(redis_url)))) as client:
            assert 200 == (await client.get("/")).status_code
            refused = await client.get("/")
            assert (429, "1") == (refused.status_code, refused.headers["retry-after"])
            await asyncio.sleep(1.01)
            assert 200 == (await client.get("/")).status_code

    asyncio.run(scenario())


def test_a_cost_is_counted(redis_url: str) -> None:
    """Who asks for too much at once waits a whole period at most."""
    limit = Limit("5/minute", store=url_for(redis_url), cost=lambda request: int(request.query["n"]))

    async def scenario() -> list[tuple[int, str | None]]:
        async with AsyncTestClient(app_with(limit)) as client:
            answers = [await client.get(f"/?n={n}") for n in (3, 3, 0, 2, 1)]
        return [(answer.status_code, answer.headers.get("retry-after")) for answer in answers]

    assert [(200, None), (429, "60"), (200, None), (200, None), (429, "60")] == asyncio.run(scenario())


def test_two_loops_share_a_limit(redis_url: str) -> None:
    """Each has connections of its own."""
    limit = Limit("3/hour", store=url_for(redis_url))

    assert [200, 200] == asyncio.run(ask(app_with(limit), 2))
    assert [200, 429] == sorted(asyncio.run(ask(app_with(limit), 2)))


@pytest.mark.parametrize(("policy", "expected"), [("open", 200), ("closed", 503)])
def test_a_server_that_is_killed_is_away_until_it_is_started(
    redis_of_our_own: Any, caplog: pytest.LogCaptureFixture, policy: str, expected: int
) -> None:
    """There is one line, nobody waits long, and nobody has to start the application again."""
    limit = Limit("2/hour", store=url_for(redis_of_our_own.url), on_store_failure=policy)

    async def scenario() -> None:
        async with AsyncTestClient(app_with(limit)) as client:
            assert [200, 200, 429] == [(await client.get("/")).status_code for _ in range(3)]
            redis_of_our_own.stop()
            began_at = time.monotonic()
            assert {expected} == {(await client.get("/")).status_code for _ in range(50)}
            assert time.monotonic() - began_at < 2
            redis_of_our_own.start()
            async with asyncio.timeout(5):
                while "ratelimit" not in (await client.get("/")).headers:
                    await asyncio.sleep(0.05)
            # The server has forgotten what it knew, scripts and numbers; one of the two is used up by the wait.
            assert [200, 429] == [(await client.get("/")).status_code for _ in range(2)]

    with caplog.at_level(logging.INFO, "costrel.limit"):
        asyncio.run(scenario())

    messages = [record.getMessage() for record in caplog.records if record.name == "costrel.limit"]
    assert ["limit_unavailable", "limit_available"] == [message.split()[0] for message in messages]


def test_a_restart_between_two_requests_is_not_noticed(redis_of_our_own: Any) -> None:
    """The idle connection is dead, and the next request opens another one."""

    async def scenario() -> None:
        limit = Limit("2/hour", store=url_for(redis_of_our_own.url), on_store_failure="closed")
        async with AsyncTestClient(app_with(limit)) as client:
            assert 200 == (await client.get("/")).status_code
            redis_of_our_own.stop()
            redis_of_our_own.start()
            await asyncio.sleep(0.05)
            assert [200, 200, 429] == [(await client.get("/")).status_code for _ in range(3)]

    asyncio.run(scenario())


def test_a_slow_server_is_waited_for_a_quarter_of_a_second() -> None:
    """Two seconds for each answer: the first requests wait a little, the next not at all."""

    async def scenario() -> None:
        async with slow_server() as url, AsyncTestClient(app_with(Limit("1/hour", store=url))) as client:
            began_at = time.monotonic()
            answers = await asyncio.gather(*(client.get("/") for _ in range(10)))
            assert {200} == {answer.status_code for answer in answers}
            assert 0.2 < time.monotonic() - began_at < SLOW_SECONDS - 0.5
            began_at = time.monotonic()
            assert 200 == (await client.get("/")).status_code
            assert time.monotonic() - began_at < 0.2

    asyncio.run(scenario())


@asynccontextmanager
async def slow_server() -> AsyncIterator[str]:
    """Listen, and hold back each answer."""
    writers: list[asyncio.StreamWriter] = []

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(4096):
            await asyncio.sleep(SLOW_SECONDS)
            writer.write(b"+OK\r\n")

    server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("policy", "expected"), [("open", [200, 200, 200]), ("local", [200, 429, 429]), ("closed", [503, 503, 503])]
)
def test_an_address_that_nobody_answers(policy: str, expected: list[int]) -> None:
    """The application starts all the same, and does what the policy says."""
    app = app_with(Limit("1/minute", store="redis://127.0.0.1:1/0", on_store_failure=policy))

    with app.test_client() as client:
        assert expected == [client.get("/").status_code for _ in range(3)]


def main() -> None:
    """Be one of two processes."""
    found = asyncio.run(ask(app_with(Limit("130/hour", store=sys.argv[1])), CALLS))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
