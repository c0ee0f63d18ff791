"""Sessions in a Redis server: two processes share them, and the server may be away, slow or back."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from typing import Any

import pytest
from session_process import answer_of, make_app, peers

from costrel.stores import RedisStore


def url_of(redis_url: str) -> str:
    """Return a URL with a prefix of its own."""
    return f"{redis_url}?prefix={secrets.token_hex(6)}:&operation_timeout_seconds=10"


@pytest.mark.capability("C084")
@pytest.mark.pain("P31")
def test_two_processes_share_sessions(redis_url: str) -> None:
    """What one keeps the other reads; requests at once to both lose nothing; a revoked session is gone in both."""
    with peers(url_of(redis_url), 2) as (one, two):
        _, anonymous, _ = one.get("/set/first")
        for number, peer in enumerate((one, two)):
            peer.send(*[(f"/slow/k{number}{index}", anonymous) for index in range(10)])
        statuses = [answer[0] for peer in (one, two) for answer in peer.answers()]
        merged = json.loads(two.get("/see", anonymous)[2])
        _, known, _ = two.get("/login", anonymous)
        after = [one.get("/see", cookie)[2] for cookie in (anonymous, known)]
        revoked = one.get("/revoke")[2]
        gone = two.get("/see", known)

    assert [200] * 20 == statuses
    assert sorted(["first", *(f"k{number}{index}" for number in range(2) for index in range(10))]) == merged
    assert ("[]", sorted([*merged, "user"])) == (after[0], json.loads(after[1]))
    assert ("1", [200, "", "[]"]) == (revoked, gone)


def test_a_server_that_is_killed_is_503_for_sessions_alone(
    redis_of_our_own: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is logged out, pages without a session are served, there is one line, and all is well afterwards."""

    async def scenario() -> None:
        store = RedisStore(redis_of_our_own.url)
        async with make_app(store).async_test_client() as client:

            async def get(path: str, cookie: str = "") -> list[Any]:
                client.cookies.clear()
                return answer_of(await client.get(path, cookies={"session": cookie} if cookie else None))

            cookie = (await get("/set/a"))[1]
            redis_of_our_own.stop()
            began_at = time.monotonic()
            answers = [await get(path, cookie) for path in ("/see", "/set/b", "/free") * 10]
            assert time.monotonic() - began_at < 3
            assert {(503, ""), (200, "")} == {(status, cookie) for status, cookie, _ in answers}
            assert {"free"} == {text for status, _, text in answers if status == 200}
            assert [503, ""] == (await get("/set/a"))[:2]
            redis_of_our_own.start()
            async with asyncio.timeout(5):
                while (await get("/see", cookie))[0] != 200:
                    await asyncio.sleep(0.05)
            # This server keeps nothing on disk: the session is gone, and the next one is as good as any.
            status, cookie, _ = await get("/set/c", cookie)
            assert (200, '["c"]') == (status, (await get("/see", cookie))[2])
        await store.aclose()

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())

    events = [record.getMessage().split()[0] for record in caplog.records if record.name == "costrel.store"]
    assert ["store_unavailable", "store_available"] == events
    assert [] == [record.getMessage() for record in caplog.records if record.exc_info]


def pause(url: str, seconds: float) -> None:
    """Have the server answer nobody for some time."""
    redis = pytest.importorskip("redis", reason="The package `redis` is needed, and there is none.")
    with redis.Redis.from_url(url) as client:
        client.client_pause(int(seconds * 1000))


def test_a_server_that_is_slow_in_the_middle_loses_no_session(redis_of_our_own: Any) -> None:
    """Requests fail after a bounded time, and the session is what it was when the server goes on."""

    async def scenario() -> None:
        store = RedisStore(redis_of_our_own.url, operation_timeout_seconds=0.3)
        async with make_app(store).async_test_client() as client:
            cookie = answer_of(await client.get("/set/a"))[1]
            pause(redis_of_our_own.url, 1.5)
            began_at = time.monotonic()
            refused = [await client.get(path, cookies={"session": cookie}) for path in ("/see", "/set/b", "/see")]
            assert time.monotonic() - began_at < 2
            assert [503] * 3 == [response.status_code for response in refused]
            async with asyncio.timeout(5):
                while (seen := await client.get("/see", cookies={"session": cookie})).status_code != 200:
                    await asyncio.sleep(0.05)
            assert "a" in seen.json()
        await store.aclose()

    asyncio.run(scenario())
