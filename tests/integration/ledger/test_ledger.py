"""The ledger itself: a server that is good loses nothing, and each way of being bad is reported by its name."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUESTS = 30


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Return the id and the body of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    length = next(int(line[16:]) for line in head if line.lower().startswith("content-length: "))
    return head[0].split(" ")[1].rpartition("/")[2], await reader.readexactly(length)


def answer_of(proof: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(proof), proof)


async def answer_rightly(ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good server: every request of a connection is answered."""
    while True:
        try:
            number, body = await read_request(reader)
        except asyncio.IncompleteReadError:
            break
        writer.write(answer_of(ledger.proof_of(number, body), b"Worker: 7\r\n"))
    writer.close()


async def answer_then_drop(ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It answers the first request and closes when the second has come."""
    number, body = await read_request(reader)
    writer.write(answer_of(ledger.proof_of(number, body)))
    with contextlib.suppress(asyncio.IncompleteReadError):  # the load may end before the second
        await read_request(reader)
    writer.close()


async def answer_half(ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It closes in the middle of the content."""
    number, body = await read_request(reader)
    writer.write(answer_of(ledger.proof_of(number, body))[:-3])
    writer.close()


async def answer_the_head(_ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It closes in the middle of the head."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-")
    writer.close()


async def answer_another(ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It mixes answers up."""
    number, _ = await read_request(reader)
    writer.write(answer_of(ledger.proof_of(number, b"another body")))
    writer.close()


async def reset(_ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It cuts the connection."""
    await read_request(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def turn_away(_ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It says that it is stopping."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
    writer.close()


async def say_nothing(_ledger: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It reads and never answers."""
    await reader.read()
    writer.close()


def run_load(module: Any, serve: Any, **options: Any) -> Any:
    """Run some requests against a server and return the ledger."""

    async def main() -> Any:
        server = await asyncio.start_server(lambda *streams: serve(module, *streams), "127.0.0.1", 0)
        load = module.Load(server.sockets[0].getsockname(), clients=3, patience_seconds=0.2, **options)
        async with server, load.running():
            assert await load.until(lambda ledger: len(ledger.entries) >= REQUESTS)
        return load.ledger

    return asyncio.run(main())


@pytest.mark.parametrize("requests_per_connection", [0, 1, 4])
def test_a_good_server_loses_nothing(ledger: Any, requests_per_connection: int) -> None:
    """Each request has its own right answer, on a connection that is kept or on a new one."""
    kept = run_load(ledger, answer_rightly, requests_per_connection=requests_per_connection)

    assert [] == kept.losses()
    assert len(kept.entries) == kept.count(ledger.Outcome.ANSWERED) >= REQUESTS
    assert {7} == kept.workers()
    assert (requests_per_connection != 1) == any(entry.is_reused for entry in kept.entries)
    assert all(entry.sent_bytes > 80 for entry in kept.entries)


@pytest.mark.parametrize(
    ("serve", "name"),
    [
        pytest.param(answer_half, "TRUNCATED", id="breaks-off-in-the-content"),
        pytest.param(answer_the_head, "TRUNCATED", id="breaks-off-in-the-head"),
        pytest.param(answer_another, "WRONG", id="gives-the-answer-of-another"),
        pytest.param(reset, "RESET", id="resets"),
        pytest.param(turn_away, "TURNED_AWAY", id="turns-away"),
        pytest.param(say_nothing, "TIMED_OUT", id="never-answers"),
    ],
)
def test_a_bad_server_loses_everything(ledger: Any, serve: Any, name: str) -> None:
    """Every single request is reported, and by the right name."""
    kept = run_load(ledger, serve)

    assert {name: len(kept.entries)} == kept.summary()
    assert len(kept.entries) == len(kept.losses())


def test_a_reused_connection_that_is_dropped_is_a_loss(ledger: Any) -> None:
    """The first request of each connection is answered, and each second one is reported."""
    kept = run_load(ledger, answer_then_drop)

    assert {"ANSWERED", "UNANSWERED"} == set(kept.summary())
    assert [entry.id for entry in kept.entries if entry.is_reused] == [entry.id for entry in kept.losses()]


def test_a_connection_closed_between_two_requests_is_none(ledger: Any) -> None:
    """Nothing was sent on it, and any client connects anew."""

    async def answer_and_close(module: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, body = await read_request(reader)
        writer.write(answer_of(module.proof_of(number, body)))
        writer.close()

    kept = run_load(ledger, answer_and_close, pause_seconds=0.02)

    assert [] == kept.losses()


@pytest.mark.parametrize("waiting", [1, 20])
def test_an_accept_queue_that_is_thrown_away_is_a_loss(ledger: Any, waiting: int) -> None:
    """Whoever closes a listening socket resets what waits in it: each of those requests is reported."""

    async def main() -> Any:
        listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        load = ledger.Load(listening.getsockname(), clients=waiting)
        async with load.running():
            assert await load.until(lambda kept: sum(entry.sent_at > 0 for entry in kept.entries) == waiting)
            load.stop()
            listening.close()
        return load.ledger

    kept = asyncio.run(main())

    assert {"RESET": waiting} == kept.summary()


def test_a_server_that_is_not_there_is_a_loss(ledger: Any) -> None:
    """Each connection that is refused is a request that nobody took."""

    async def main() -> Any:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            address = gone.getsockname()
        load = ledger.Load(address, clients=2)
        async with load.running():
            assert await load.until(lambda kept: len(kept.entries) >= 6)
        return load.ledger

    kept = asyncio.run(main())

    assert {"REFUSED": len(kept.entries)} == kept.summary()
