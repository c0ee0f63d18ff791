"""Tests of reading: when it stops, when it goes on, and what becomes of a body that nobody wants."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel.server.intake import HIGH_WATER_BYTES, LOW_WATER_BYTES, MAX_DRAIN_BYTES

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.capability("C027")
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_body_that_nobody_takes_stops_reading(kit: Any, step: int) -> None:
    """Reading stops when a body fills the high mark, and goes on when less than the low mark is held."""
    gate = asyncio.Event()
    left: list[int] = []
    exchanges: list[Any] = []

    async def handler(request: Any) -> Any:
        exchanges.append(request.exchange)
        await gate.wait()
        await request.exchange.read_body(HIGH_WATER_BYTES - LOW_WATER_BYTES + step)
        left.append(1)
        await asyncio.sleep(0.01)
        return kit.Response(b"ok")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(POST % 1_000_000)
            await wire.send(bytes(HIGH_WATER_BYTES - 1))

            assert not wire.transport.is_paused

            wire.connection.data_received(b"a")

            assert wire.transport.is_paused

            gate.set()
            while not left:
                await asyncio.sleep(0)
            await asyncio.sleep(0)

            assert (step <= 0) == wire.transport.is_paused

    asyncio.run(main())


@pytest.mark.security("A41")
@pytest.mark.parametrize(("waiting", "is_paused"), [(15, False), (16, True), (17, True)])
def test_requests_that_wait_stop_reading(kit: Any, waiting: int, is_paused: bool) -> None:
    """Sixteen requests may wait while one is answered; then reading stops until there is room."""
    gate = asyncio.Event()

    async def handler(request: Any) -> Any:
        await gate.wait()
        return kit.Response(b"ok")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            for number in range(1 + waiting):
                wire.connection.data_received(GET % number)

            assert is_paused == wire.transport.is_paused

            gate.set()
            await wire.settle()

            assert [200] * (1 + waiting) == wire.statuses
            assert not wire.transport.is_paused

    asyncio.run(main())


def test_client_that_does_not_read_gets_no_more_requests_read(kit: Any) -> None:
    """While answers pile up, nothing more is read and nothing more is started; both go on when the client reads."""

    async def handler(request: Any) -> Any:
        return kit.Response(b"x" * 40_000)

    async def main() -> None:
        async with kit.wire(handler) as wire:
            wire.transport.is_slow = True
            wire.connection.data_received(b"".join(GET % number for number in range(1000)))
            await wire.settle()
            started = len(wire.application.requests)

            assert started <= 3
            assert wire.transport.is_paused

            wire.transport.is_slow = False
            wire.transport.unsent_bytes = 0
            wire.connection.resume_writing()
            await wire.settle()

            assert 1000 == len(wire.application.requests)
            assert [200] * 1000 == wire.statuses

    asyncio.run(main())


@pytest.mark.security("A15")
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_drain_limit(kit: Any, step: int) -> None:
    """Of a chunked body that nobody wants 64 KiB are dropped, and the connection goes on; more of it ends it."""

    async def handler(request: Any) -> Any:
        return kit.Response(b"early")

    async def main() -> None:
        size = MAX_DRAIN_BYTES + step
        async with kit.wire(handler) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")

            assert [200] == wire.statuses

            await wire.send(b"%x\r\n" % size + bytes(size) + b"\r\n", b"0\r\n\r\n", GET % 2)

            assert [200] * (1 if step > 0 else 2) == wire.statuses
            assert (step > 0) == wire.transport.has_eof

    asyncio.run(main())


@pytest.mark.parametrize("size", [70_000, 110_000, 150_000, 200_000])
def test_reader_that_is_faster_than_the_pause(kit: Any, size: int) -> None:
    """A handler that takes the body while the same read is still being fed gets all of it."""

    async def handler(request: Any) -> Any:
        read = 0
        while piece := await request.exchange.read_body(65_536):
            read += len(piece)
        return kit.Response(b"%d" % read)

    async def main() -> None:
        async with kit.wire(handler) as wire:
            wire.connection.data_received(POST % size + bytes(size))
            await wire.settle()

            assert wire.text.endswith(b"%d" % size)
            assert not wire.transport.is_paused

    asyncio.run(main())
