"""Crowds of slow clients at once: each is cut off at its deadline, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel import App, Request, Response, StreamResponse

pytestmark = pytest.mark.integration
QUICK = {
    "header_timeout_seconds": 0.5,
    "keep_alive_timeout_seconds": 0.8,
    "body_timeout_seconds": 0.5,
    "write_timeout_seconds": 0.5,
}
LATEST_SECONDS = 3.0
CROWD = 30


def slow_app() -> App:
    """An application that reads what it gets and has more to say than anybody takes."""
    app = App()

    @app.get("/")
    async def index() -> str:
        return "Hello"

    @app.post("/")
    async def read(request: Request) -> str:
        await request.read()
        return "read"

    @app.get("/endless")
    async def endless() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65536

        return StreamResponse(pieces())

    return app


async def dribble(net: Any, server: Any, begin: bytes, byte: bytes) -> tuple[bytes, float]:
    """Send the beginning and then byte after byte; return the answer and how long the connection lasted."""
    began = time.monotonic()
    async with net.client(server) as client:
        answer = asyncio.ensure_future(client.rest(10))
        with contextlib.suppress(ConnectionError):
            await client.send(begin)
            while not answer.done():
                if byte:
                    await client.send(byte)
                await asyncio.wait({answer}, timeout=0.1)
        return await answer, time.monotonic() - began


async def take_nothing(server: Any) -> float:
    """Ask for a stream and read nothing of it; return how long it took until the connection was cut."""
    host, _, port = server.addresses[0].rpartition(":")
    began = time.monotonic()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((host, int(port)))
        slow.setblocking(False)
        slow.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        # A connection that was cut has an error for whoever writes to it; reading would make room.
        while time.monotonic() - began < 10:
            await asyncio.sleep(0.1)
            if slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                break
    return time.monotonic() - began


@pytest.mark.capability("C174")
@pytest.mark.security("I2")
@pytest.mark.security("I3")
@pytest.mark.security("I4")
@pytest.mark.security("R30")
def test_crowds_of_slow_clients(run: Any, net: Any) -> None:
    """Slow heads and bodies get 408, slow readers are cut, all in time, and nobody else waits for them."""

    async def main() -> None:
        async with net.running(slow_app(), **QUICK) as server:
            heads = [dribble(net, server, b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"x") for _ in range(CROWD)]
            # These begin and then say nothing more.
            bodies = [
                dribble(net, server, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc", b"")
                for _ in range(CROWD)
            ]
            readers = [take_nothing(server) for _ in range(CROWD)]
            slow = asyncio.gather(asyncio.gather(*heads), asyncio.gather(*bodies), asyncio.gather(*readers))
            latencies = []
            while not slow.done():
                began = time.monotonic()
                answer = await net.talk(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                latencies.append(time.monotonic() - began)

                assert answer.endswith(b"Hello")

                await asyncio.sleep(0.02)
            answered_heads, answered_bodies, cut_readers = await slow

            assert [[408]] * CROWD == [net.statuses(answer) for answer, _ in answered_heads]
            assert [[408]] * CROWD == [net.statuses(answer) for answer, _ in answered_bodies]
            lasted = [seconds for _, seconds in (*answered_heads, *answered_bodies)] + list(cut_readers)
            assert 0.4 <= min(lasted)
            assert max(lasted) < LATEST_SECONDS
            assert len(latencies) >= 5
            assert sorted(latencies)[len(latencies) // 2] < 0.5

    run(main)
