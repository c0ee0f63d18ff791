"""Slow clients on real sockets, with limits of fractions of a second."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel import App, Response, StreamResponse

pytestmark = pytest.mark.integration
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
QUICK = {
    "header_timeout_seconds": 0.3,
    "keep_alive_timeout_seconds": 0.4,
    "body_timeout_seconds": 0.3,
    "write_timeout_seconds": 0.3,
}
LATEST_SECONDS = 1.5


@pytest.mark.security("I1")
def test_silent_connection(run: Any, net: Any) -> None:
    """A connection that sends nothing is closed in time, without a word."""

    async def main() -> None:
        async with net.running(**QUICK) as server, net.client(server) as client:
            began = time.monotonic()

            assert b"" == await client.rest()
            assert 0.3 <= time.monotonic() - began < LATEST_SECONDS

    run(main)


@pytest.mark.security("I2")
def test_dribbled_head(run: Any, net: Any) -> None:
    """A head that comes byte by byte has its time as a whole, on a new connection and on a used one."""

    async def dribble(server: Any, before: bytes) -> tuple[list[int], float]:
        async with net.client(server) as client:
            if before:
                await client.send(before)
                await client.answer()
            answer = asyncio.ensure_future(client.rest())
            began = time.monotonic()
            for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100:
                with contextlib.suppress(ConnectionError):
                    await client.send(bytes([byte]))
                if answer.done():
                    break
                await asyncio.sleep(0.05)
            return net.statuses(await answer), time.monotonic() - began

    async def main() -> None:
        async with net.running(**QUICK) as server:
            for statuses, seconds in await asyncio.gather(dribble(server, b""), dribble(server, GET % 1)):
                assert [408] == statuses
                assert 0.25 <= seconds < LATEST_SECONDS + 1

    run(main)


@pytest.mark.security("I3")
def test_body_that_stops(run: Any, net: Any) -> None:
    """A body that stops is 408, and a body for which nobody waits has all the time of its handler."""
    app = App()

    @app.post("/read")
    async def read(body: bytes) -> str:
        return "read"

    @app.get("/think")
    async def think() -> str:
        await asyncio.sleep(0.7)
        return "thought"

    async def talk(server: Any, line: bytes, length: bytes) -> bytes:
        data: bytes = await net.talk(
            server, line + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " + length + b"\r\n\r\nabc"
        )
        return data

    async def main() -> None:
        async with net.running(app, **QUICK) as server:
            stopped, thought = await asyncio.gather(
                talk(server, b"POST /read", b"100"), talk(server, b"GET /think", b"3")
            )

            assert [408] == net.statuses(stopped)
            assert thought.endswith(b"thought")

    run(main)


@pytest.mark.security("I4")
@pytest.mark.capability("C040")
def test_reader_that_does_not_read(run: Any, net: Any) -> None:
    """The producer of a stream waits for its client, is closed when the client is cut off, and others go on."""
    produced = 0
    ended: list[str] = []
    app = App()

    @app.get("/endless")
    async def endless() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal produced
            try:
                while True:
                    produced += 1
                    yield b"x" * 65536
            finally:
                ended.append("finally")

        return StreamResponse(pieces())

    @app.get("/")
    async def index() -> str:
        return "Hello"

    async def main() -> None:
        async with net.running(app, **QUICK) as server:
            host, _, port = server.addresses[0].rpartition(":")
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.connect((host, int(port)))
                slow.setblocking(False)
                slow.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.sleep(0.1)
                before = produced
                async with net.client(server) as client:
                    await client.send(GET.replace(b"/%d", b"/"))

                    assert 200 == (await client.answer())[0]

                await asyncio.sleep(0.1)

                assert before == produced
                assert await net.until(lambda: bool(ended))

            assert ["finally"] == ended
            assert produced * 65536 < 16 * 1024 * 1024

    run(main)


@pytest.mark.security("I5")
def test_idle_connection(run: Any, net: Any) -> None:
    """Between two requests a connection may be silent for the keep-alive time, and is then closed without a word."""

    async def main() -> None:
        async with net.running(**QUICK) as server, net.client(server) as client:
            for number in range(2):
                await client.send(GET % number)

                assert 200 == (await client.answer())[0]

                await asyncio.sleep(0.2)
            began = time.monotonic()

            assert b"" == await client.rest()
            assert 0.1 <= time.monotonic() - began < LATEST_SECONDS

    run(main)
