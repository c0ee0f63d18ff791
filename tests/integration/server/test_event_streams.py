"""Server-sent events on real sockets: heartbeats, where a client goes on, and the ends of both sides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from costrel import App, EventStream, Request
from costrel.messages import ServerSentEvent

pytestmark = pytest.mark.integration


def get(*fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


def make_app(ended: list[float], *, kind: str = "async", heartbeat_seconds: float = 15) -> App:
    """An application whose events go on for ever after the first, and that notes when its generator was closed."""
    app = App()

    async def asynchronous(number: int) -> AsyncIterator[ServerSentEvent]:
        try:
            yield ServerSentEvent("a", id=str(number))
            await asyncio.Event().wait()
        finally:
            ended.append(time.monotonic())

    def plain(number: int) -> Iterator[ServerSentEvent]:
        try:
            while True:
                yield ServerSentEvent("a", id=str(number))
                time.sleep(0.05)
        finally:
            ended.append(time.monotonic())

    @app.get("/")
    async def events(request: Request) -> EventStream:
        make = asynchronous if kind == "async" else plain
        return EventStream(make(int(request.last_event_id or 0) + 1), heartbeat_seconds=heartbeat_seconds)

    return app


@pytest.mark.capability("C041")
def test_a_client_goes_on_where_it_was(run: Any, net: Any) -> None:
    """The handler is told what the client has seen, and nothing when that is no id."""

    async def main() -> None:
        async with net.running(make_app([])) as server:
            for fields, expected in (
                ((), b"id: 1\n"),
                (("Last-Event-ID: 41",), b"id: 42\n"),
                (("Last-Event-ID: " + "9" * 1025,), b"id: 1\n"),
            ):
                async with net.client(server) as client:
                    await client.send(get(*fields))
                    head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
                    piece = await asyncio.wait_for(client.reader.readuntil(b"\n\n"), 5)

                    assert b"content-type: text/event-stream\r\n" in head
                    assert b"cache-control: no-store\r\n" in head
                    assert piece.endswith(expected + b"data: a\n\n")

    run(main)


@pytest.mark.capability("C041")
def test_silence_has_a_heartbeat(run: Any, net: Any) -> None:
    """While the generator waits the client gets a comment again and again."""

    async def main() -> None:
        async with net.running(make_app([], heartbeat_seconds=0.02)) as server, net.client(server) as client:
            await client.send(get())
            await asyncio.wait_for(client.reader.readuntil(b"data: a\n\n"), 5)
            for _ in range(3):
                await asyncio.wait_for(client.reader.readuntil(b"\r\n:\n\n\r\n"), 1)

    run(main)


@pytest.mark.security("R4")
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_client_that_leaves_ends_its_events(run: Any, net: Any, kind: str, how: str) -> None:
    """The generator is closed, and its `finally` has run, within a second."""
    ended: list[float] = []

    async def main() -> None:
        async with net.running(make_app(ended, kind=kind)) as server, net.client(server) as client:
            await client.send(get())
            await asyncio.wait_for(client.reader.readuntil(b"data: a\n\n"), 5)
            left = time.monotonic()
            getattr(client, how)()

            assert await net.until(lambda: len(ended) == 1)
            assert ended[0] - left < 1
            assert await net.until(lambda: server._core.active_count == 0)

    run(main)


@pytest.mark.security("R12")
@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_server_that_stops_ends_its_events(run: Any, net: Any, kind: str) -> None:
    """The stream ends in order, with a time to come back at; the stop does not wait for the grace period."""
    ended: list[float] = []

    async def main() -> None:
        async with (
            net.running(make_app(ended, kind=kind), graceful_timeout_seconds=20) as server,
            net.client(server) as client,
        ):
            await client.send(get())
            await asyncio.wait_for(client.reader.readuntil(b"data: a\n\n"), 5)
            began = time.monotonic()
            stopping = asyncio.ensure_future(server.stop())
            rest = await client.rest()
            await stopping

            assert b"\nretry: " in rest
            assert rest.endswith(b"0\r\n\r\n")
            assert 1 == len(ended)
            assert time.monotonic() - began < 2

    run(main)
