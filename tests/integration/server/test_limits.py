"""Too many connections, too many requests, too much pipelined: what the server does at its limits."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from costrel import App

pytestmark = pytest.mark.integration
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def waiting_app(gate: asyncio.Event, seen: list[int]) -> App:
    app = App()

    @app.get("/{number}")
    async def wait(number: int) -> str:
        seen.append(number)
        await gate.wait()
        return str(number)

    return app


@pytest.mark.security("I7")
def test_too_many_connections(run: Any, net: Any) -> None:
    """At the limit the longest idle connection makes room; when all are busy a new one gets 503 and is closed."""

    async def main() -> None:
        gate = asyncio.Event()
        app = waiting_app(gate, [])
        async with (
            net.running(app, max_connections=2) as server,
            net.client(server) as idle,
            net.client(server) as busy,
        ):
            gate.set()
            await idle.send(GET % 1)
            await idle.answer()
            gate.clear()
            await busy.send(GET % 2)
            async with net.client(server) as third:
                await third.send(GET % 3)

                assert b"" == await idle.rest()

                answer = await net.talk(server, b"")

                assert [503] == net.statuses(answer)
                assert b"retry-after: 1\r\n" in answer

                gate.set()

                assert [200, 200] == [(await busy.answer())[0], (await third.answer())[0]]

    run(main)


@pytest.mark.pain("P4")
def test_too_many_requests(run: Any, net: Any) -> None:
    """A request over the limit is answered at once with 503 and when to try again; those in flight finish."""

    async def main() -> None:
        gate = asyncio.Event()
        seen: list[int] = []
        async with net.running(waiting_app(gate, seen), max_concurrent_requests=3) as server:
            inside = [asyncio.ensure_future(net.talk(server, close(GET % number))) for number in range(3)]

            assert await net.until(lambda: len(seen) == 3)

            over = await net.talk(server, GET % 3)

            assert [503] == net.statuses(over)
            assert b"retry-after: 1\r\n" in over

            gate.set()

            assert all(
                answer.endswith(b"\r\n\r\n%d" % number) for number, answer in enumerate([await i for i in inside])
            )
            assert [200] == net.statuses(await net.talk(server, close(GET % 4)))

    run(main)


@pytest.mark.pain("P4")
def test_blocking_handlers_share_a_small_resource(run: Any, net: Any) -> None:
    """Two hundred handlers that block for one of five resources all finish, and nothing waits for itself."""
    app = App()
    pool = threading.Semaphore(5)

    @app.get("/{number}")
    def use(number: int) -> str:
        assert pool.acquire(timeout=5)
        try:
            return str(number)
        finally:
            pool.release()

    async def main() -> None:
        async with net.running(app) as server:
            answers = await asyncio.gather(*[net.talk(server, close(GET % number)) for number in range(200)])

            assert [[200]] * 200 == [net.statuses(answer) for answer in answers]

    run(main)


@pytest.mark.security("A41")
@pytest.mark.security("I8")
def test_pipelined_flood(run: Any, net: Any) -> None:
    """Of a flood one request runs, few wait, the rest stays in the socket; then all are answered in order."""

    async def main() -> None:
        gate = asyncio.Event()
        seen: list[int] = []
        flood = b"".join(GET % number for number in range(5_000)) + close(GET % 5_000)
        async with net.running(waiting_app(gate, seen)) as server, net.client(server) as client:
            sending = asyncio.ensure_future(client.send(flood))
            await asyncio.sleep(0.1)

            assert [0] == seen

            connection = next(iter(server._core.connections))

            assert connection._is_reading_paused
            assert len(connection._parser.waiting) < 16 + 16384 // len(GET % 1)

            gate.set()
            answers = await client.rest()
            await sending

            assert 5_001 == len(net.statuses(answers))
            assert list(range(5_001)) == seen

    run(main)


def test_pending_request_survives_the_garbage_collector(run: Any, net: Any) -> None:
    """A request that waits for something that nothing else refers to is held by its connection."""
    app = App()
    collected: list[int] = []

    @app.get("/")
    async def index() -> str:
        loop = asyncio.get_running_loop()
        ours = loop.create_future()
        # A weak reference is all that anybody else has of what this request waits for.
        weak = weakref.ref(ours)

        def finish() -> None:
            collected.append(gc.collect())
            future = weak()
            if future is not None:
                future.set_result(None)

        loop.call_later(0.05, finish)
        await ours
        return "survived"

    async def main() -> None:
        async with net.running(app) as server:
            gc.collect()
            answer = await net.talk(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1)

            assert answer.endswith(b"survived")
            assert 1 == len(collected)

    run(main)


def close(request: bytes) -> bytes:
    """Return the same request, after which the connection ends."""
    return request[:-2] + b"Connection: close\r\n\r\n"
