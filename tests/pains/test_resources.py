"""Requests that wait for a connection never hold up those that have one and want to give it back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from costrel import App, EventStream, Response, StreamResponse
from costrel.execution import ExecutionStats
from costrel.testing import AsyncTestClient

REQUEST_COUNT = 200
POOL_SIZE = 5
WAIT_SECONDS = 30.0

Lifetime = Literal["handler", "response"]


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


class User:
    """What is made with a connection."""


def pieces() -> Iterator[str]:
    """Make a stream that takes several pulls."""
    for piece in "abc":
        time.sleep(0.001)
        yield piece


def held_by(pool: Pool) -> Iterator[str]:
    """Make a stream of a connection that somebody has taken for it."""
    try:
        yield from pieces()
    finally:
        pool.give()


def taken_in(pool: Pool) -> Iterator[str]:
    """Make a stream that takes its connection itself."""
    pool.take()
    yield from held_by(pool)


def app_with(pool: Pool, lifetime: Lifetime = "handler") -> App:
    """Make an app whose connections are of a pool."""
    app = App("test", extensions=())

    def connect() -> Iterator[Connection]:
        pool.take()
        try:
            yield Connection()
        finally:
            pool.give()

    app.provide(Connection, connect, lifetime=lifetime)
    return app


def plain(pool: Pool) -> App:
    """Make an app whose handler uses a connection in one step."""
    app = app_with(pool)

    @app.get("/")
    def handler(db: Connection) -> str:
        time.sleep(0.0005)
        return "abc"

    return app


def plain_async(pool: Pool) -> App:
    """Make an app whose async handler uses a connection."""
    app = app_with(pool)

    @app.get("/")
    async def handler(db: Connection) -> str:
        await asyncio.sleep(0.0005)
        return "abc"

    return app


def split(pool: Pool) -> App:
    """Make an app whose handler comes back to a thread after a step on the loop."""
    app = app_with(pool)

    async def load(db: Connection) -> User:
        await asyncio.sleep(0)
        return User()

    app.provide(User, load)

    @app.get("/")
    def handler(db: Connection, user: User) -> str:
        return "abc"

    return app


def late_hook(pool: Pool) -> App:
    """Make an app with a hook after the handler, while the connection is still held."""
    app = app_with(pool, "response")

    @app.get("/")
    async def handler(db: Connection) -> str:
        return "abc"

    @app.after_request
    def after(response: Response) -> None:
        return None

    return app


def late_error(pool: Pool) -> App:
    """Make an app whose error handler runs while the connection is still held."""
    app = app_with(pool, "response")

    @app.get("/")
    async def handler(db: Connection) -> str:
        raise LookupError

    @app.errorhandler(LookupError)
    def answer(error: LookupError) -> tuple[str, int]:
        return "abc", 200

    return app


def generator(pool: Pool) -> App:
    """Make an app whose handler is a generator that holds a provider."""
    app = app_with(pool)

    @app.get("/")
    def handler(db: Connection) -> Iterator[str]:
        yield from pieces()

    return app


def generator_with_hook(pool: Pool) -> App:
    """Make an app with a hook between the first piece and the others."""
    app = generator(pool)

    @app.after_request
    def after(response: Response) -> None:
        return None

    return app


def returned(pool: Pool) -> App:
    """Make an app whose handler returns a stream."""
    app = app_with(pool)

    @app.get("/")
    def handler(db: Connection) -> StreamResponse:
        return StreamResponse(pieces())

    return app


def returned_async(pool: Pool) -> App:
    """Make an app whose async handler returns a plain generator."""
    app = app_with(pool)

    @app.get("/")
    async def handler(db: Connection) -> StreamResponse:
        return StreamResponse(pieces())

    return app


def events(pool: Pool) -> App:
    """Make an app whose stream has its head sent before it begins."""
    app = app_with(pool)

    @app.get("/")
    def handler(db: Connection) -> EventStream:
        return EventStream(pieces())

    return app


def taken_by_handler(pool: Pool) -> App:
    """Make an app whose handler takes a connection for its stream, without a provider."""
    app = App("test", extensions=())

    @app.get("/")
    def handler() -> StreamResponse:
        pool.take()
        return StreamResponse(held_by(pool))

    return app


def taken_by_stream(pool: Pool) -> App:
    """Make an app whose generator takes its connection itself."""
    app = App("test", extensions=())

    @app.get("/")
    def handler() -> Iterator[str]:
        yield from taken_in(pool)

    return app


def taken_by_stream_of_async(pool: Pool) -> App:
    """Make an app whose async handler returns a generator that takes its connection itself."""
    app = App("test", extensions=())

    @app.get("/")
    async def handler() -> StreamResponse:
        return StreamResponse(taken_in(pool))

    return app


STEPS = [plain, plain_async, split, late_hook, late_error]
STREAMS = [
    generator,
    generator_with_hook,
    returned,
    returned_async,
    events,
    taken_by_handler,
    taken_by_stream,
    taken_by_stream_of_async,
]


@pytest.mark.pain("P4")
@pytest.mark.parametrize("make", [*STEPS, *STREAMS], ids=lambda make: make.__name__)
def test_two_hundred_requests_share_five_connections(make: Callable[[Pool], App]) -> None:
    """All threads wait for a connection, and still those who have one can go on and give it back."""
    pool = Pool()
    app = make(pool)
    seen: list[ExecutionStats] = []
    app.add_route("/stats", lambda: seen.append(app.execution.stats()), inline=True)

    async def main() -> list[tuple[int, str]]:
        async with AsyncTestClient(app) as client:
            requests = [client.get("/", timeout_seconds=WAIT_SECONDS) for _ in range(REQUEST_COUNT)]
            answers = await asyncio.gather(*requests)
            await client.get("/stats")
            return [(answer.status_code, text_of(answer)) for answer in answers]

    answers = asyncio.run(main())
    stats = seen[0]

    assert [(200, "abc")] * REQUEST_COUNT == answers
    assert (0, 0) == (pool.busy, pool.timeouts)
    assert 1 <= pool.most <= POOL_SIZE
    assert (40, 40, 0, 0) == (stats.handlers.threads, stats.begun.threads, stats.begun.busy, stats.begun.waiting)
    assert 0 == stats.handlers.rejected_count + stats.begun.rejected_count
    if make in STREAMS:
        assert stats.begun.done_count >= REQUEST_COUNT


def text_of(answer: Any) -> str:
    """Return the text of an answer, of events their data."""
    text: str = answer.text
    return text.replace("data: ", "").replace("\n\n", "")


@pytest.mark.pain("P4")
@pytest.mark.parametrize("make", STREAMS, ids=lambda make: make.__name__)
def test_clients_that_leave_give_their_connections_back(make: Callable[[Pool], App]) -> None:
    """A stream that is broken off is closed in a thread that no handler can keep from it."""
    pool = Pool()
    app = make(pool)

    async def leave_early(client: AsyncTestClient) -> None:
        async with client.stream("GET", "/", timeout_seconds=WAIT_SECONDS) as answer:
            await anext(aiter(answer.aiter_bytes()))

    async def main() -> None:
        async with AsyncTestClient(app) as client:
            await asyncio.gather(*[leave_early(client) for _ in range(REQUEST_COUNT)])

    asyncio.run(main())

    assert (0, 0) == (pool.busy, pool.timeouts)


@pytest.mark.pain("P4")
def test_streams_and_handlers_share_five_connections() -> None:
    """Streams that have begun and handlers that wait for the same pool finish together."""
    pool = Pool()
    app = generator(pool)

    @app.get("/plain")
    def page(db: Connection) -> str:
        return "abc"

    async def main() -> list[str]:
        async with AsyncTestClient(app) as client:
            paths = ["/", "/plain"] * (REQUEST_COUNT // 2)
            answers = await asyncio.gather(*[client.get(path, timeout_seconds=WAIT_SECONDS) for path in paths])
            return [answer.text for answer in answers]

    assert ["abc"] * REQUEST_COUNT == asyncio.run(main())
    assert (0, 0) == (pool.busy, pool.timeouts)
