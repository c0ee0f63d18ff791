"""Tests of the sending half of a connection: waiting for slow readers, and the ways in which it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.server.wire import Phase

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def test_writing_to_a_connection_that_is_gone(kit: Any) -> None:
    """After the end there is nothing to write to, and whoever tries is told that the client is gone."""

    async def main() -> None:
        async with kit.wire() as wire:
            connection = wire.connection
            wire.transport.close()
            await wire.settle(3)

            assert Phase.LOST is connection.phase

            for write in (lambda: connection.write(b"a"), lambda: connection.write_lines([b"a", b"b"])):
                with pytest.raises(ClientDisconnected):
                    write()
            with pytest.raises(ClientDisconnected):
                await connection.drain()
            connection.abort()

            assert b"" == wire.text

    asyncio.run(main())


def test_drain_waits_for_the_client(kit: Any) -> None:
    """Waiting ends when the transport has room; two may wait, and one that is cancelled disturbs no other."""

    async def main() -> None:
        async with kit.wire() as wire:
            connection = wire.connection
            await asyncio.wait_for(connection.drain(), 1)
            connection.pause_writing()
            waiting = [asyncio.ensure_future(connection.drain()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.sleep(0)

            assert [True, False, False] == [one.done() for one in waiting]

            connection.resume_writing()
            await asyncio.wait_for(asyncio.gather(*waiting[1:]), 1)

    asyncio.run(main())


def test_drain_ends_with_the_connection(kit: Any) -> None:
    """Whoever waits for a client that leaves is told so."""

    async def main() -> None:
        async with kit.wire() as wire:
            wire.connection.pause_writing()
            waiting = asyncio.ensure_future(wire.connection.drain())
            await asyncio.sleep(0)
            wire.transport.close()
            with pytest.raises(ClientDisconnected):
                await asyncio.wait_for(waiting, 1)

    asyncio.run(main())


def test_lingering_takes_no_more_than_its_share(kit: Any) -> None:
    """After a refusal the answer is followed by the end, and what still comes is dropped up to 64 KiB or a second."""

    async def main() -> None:
        for extra, seconds in ((65537, 0.0), (100, 1.5)):
            async with kit.wire() as wire:
                await wire.send(b"GET / HTTP/1.1\r\n\r\n")

                assert wire.transport.has_eof
                assert Phase.LINGERING is wire.connection.phase

                wire.connection.data_received(bytes(min(extra, 65536)))

                assert Phase.LINGERING is wire.connection.phase

                if seconds:
                    for _ in range(int(seconds / 0.25)):
                        wire.core.advance(0.25)
                else:
                    wire.connection.data_received(b"x")
                await wire.settle()

                assert Phase.LOST is wire.connection.phase
                assert [400] == wire.statuses

    asyncio.run(main())


def test_cut_is_a_reset(kit: Any) -> None:
    """A cut connection is reset, so that its end cannot be taken for the end of a body."""

    async def main() -> None:
        async with kit.wire() as wire:
            with socket.socket(socket.AF_INET) as tcp:
                wire.transport.socket = tcp
                wire.connection.abort()

                assert struct.pack("ii", 1, 0) == tcp.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
                assert wire.transport.was_aborted
                assert Phase.CLOSING is wire.connection.phase

    asyncio.run(main())


@pytest.mark.security("I4")
@pytest.mark.parametrize(
    ("taken_per_step", "is_cut"), [pytest.param(0, True, id="nothing"), pytest.param(400, False, id="enough")]
)
def test_slow_reader(kit: Any, taken_per_step: int, is_cut: bool) -> None:
    """A reader is cut off when it takes nothing for the time-out, and not while it takes what it must."""

    async def handler(request: Any) -> Any:
        return kit.Response(b"x" * 200_000)

    async def main() -> None:
        async with kit.wire(handler, write_timeout_seconds=1, min_transfer_bytes_per_second=1000) as wire:
            wire.transport.is_slow = True
            await wire.send(GET % 1)
            for _ in range(12):
                wire.transport.unsent_bytes -= taken_per_step
                wire.core.advance(0.25)

            assert is_cut == wire.transport.was_aborted

    asyncio.run(main())
