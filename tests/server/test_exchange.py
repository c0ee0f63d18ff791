"""Tests of one exchange: reading, interim responses, and a client that leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from costrel.errors import BadRequest, ClientDisconnected, RequestEnded
from costrel.execution import LoopState
from costrel.server.body_queue import BodyQueue
from costrel.server.exchange import NativeExchange


@dataclass
class Carrier:
    """A connection that remembers what an exchange asks of it."""

    loop_state: LoopState
    peer: tuple[str, int] | None = ("192.0.2.1", 40000)
    held_bytes: int = 0
    written: bytes = b""
    calls: list[str] = field(default_factory=list)

    def body_arrived(self, byte_count: int) -> None:
        self.held_bytes += byte_count

    def body_taken(self, byte_count: int) -> None:
        self.held_bytes -= byte_count

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        self.calls.append("drain")

    def abort(self) -> None:
        self.calls.append("abort")


def run(test: Callable[[NativeExchange, Carrier], Awaitable[None]], *, version: str = "1.1", length: int = 9) -> None:
    """Run a test with an exchange whose body has `length` bytes and waits for 100; 0 is no body."""

    async def main() -> None:
        state = LoopState.start(asyncio.get_running_loop())
        carrier = Carrier(state)
        exchange = NativeExchange(carrier, "POST", version, True, [])
        if length:
            exchange.body = BodyQueue(state.loop, length, True)
        await test(exchange, carrier)
        await state.aclose(1.0)

    asyncio.run(main())


def test_reading() -> None:
    """Pieces come in the size asked for, the connection knows what is held, and after the end there is nothing."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        exchange.feed_body(b"abcde")

        assert 5 == carrier.held_bytes
        assert b"abc" == await exchange.read_body(3)
        assert 2 == carrier.held_bytes

        exchange.feed_body(b"fghi")
        assert exchange.body is not None
        exchange.body.complete()

        assert b"defghi" == await exchange.read_body(100)
        assert [b"", b""] == [await exchange.read_body(1), await exchange.read_body(1)]
        assert (0, b"", True) == (carrier.held_bytes, carrier.written, exchange.body_complete)

    run(check)


def test_request_without_a_body() -> None:
    """There is nothing to read, at once and for ever."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        assert b"" == await exchange.read_body(10)
        assert exchange.body_complete

    run(check, length=0)


@pytest.mark.security("A40")
@pytest.mark.parametrize(("status_code", "written"), [(0, b"HTTP/1.1 100 Continue\r\n\r\n"), (200, b"")])
def test_continue(status_code: int, written: bytes) -> None:
    """The first read that has to wait sends 100, unless a final status has gone out; later reads do not."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        exchange.status_code = status_code
        for _ in range(2):
            reading = asyncio.ensure_future(exchange.read_body(10))
            await asyncio.sleep(0)
            exchange.feed_body(b"a")

            assert b"a" == await reading

        assert written == carrier.written

    run(check)


def test_failed_body() -> None:
    """What arrived before a body failed can be read; then the failure is raised, each time."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        exchange.feed_body(b"abc")
        exchange.fail_body(BadRequest("broken"))

        assert b"abc" == await exchange.read_body(10)

        for _ in range(2):
            with pytest.raises(BadRequest, match="broken"):
                await exchange.read_body(10)

        assert not exchange.keep_alive

    run(check)


def test_disconnect(caplog: pytest.LogCaptureFixture) -> None:
    """Leaving wakes the reader and every watcher once, and one that fails stops no other."""
    called: list[str] = []

    def fail() -> None:
        raise ValueError("broken")

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        for callback in (lambda: called.append("first"), fail, lambda: called.append("third")):
            exchange.on_disconnect(callback)
        waiting = asyncio.ensure_future(exchange.wait_disconnected())
        reading = asyncio.ensure_future(exchange.read_body(10))
        await asyncio.sleep(0)
        exchange.disconnect()
        exchange.disconnect()
        await asyncio.wait_for(waiting, 1)
        with pytest.raises(ClientDisconnected):
            await reading
        await exchange.wait_disconnected()
        exchange.on_disconnect(lambda: called.append("late"))

        assert exchange.is_disconnected
        assert not exchange.keep_alive

    with caplog.at_level(logging.ERROR, "costrel.server"):
        run(check)

    assert ["first", "third", "late"] == called
    assert 1 == len(caplog.records)


@pytest.mark.capability("C048")
def test_interim_response() -> None:
    """An interim response is written and waits for the client; 100 is then not sent again."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        await exchange.send_informational(103, [(b"link", b"</a.css>")])
        await exchange.send_informational(100, [])
        reading = asyncio.ensure_future(exchange.read_body(10))
        await asyncio.sleep(0)
        exchange.feed_body(b"a")
        await reading

        assert b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" == carrier.written
        assert ["drain", "drain"] == carrier.calls

    run(check)


@pytest.mark.parametrize("status_code", [99, 101, 200])
def test_interim_response_with_a_final_status(status_code: int) -> None:
    """Only 100 to 199 without 101 are interim."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        with pytest.raises(ValueError, match=str(status_code)):
            await exchange.send_informational(status_code, [])

    run(check)


@pytest.mark.parametrize("why", ["1.0", "final", "ended"])
def test_interim_response_that_nobody_would_understand(why: str) -> None:
    """Clients of HTTP/1.0, and those that have their answer, get no interim response."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        if why == "final":
            exchange.status_code = 200
        if why == "ended":
            exchange.end()
        await exchange.send_informational(103, [])

        assert b"" == carrier.written

    run(check, version="1.0" if why == "1.0" else "1.1")


@pytest.mark.security("A48")
def test_interim_field_that_would_split() -> None:
    """The fields of an interim response are checked like all others."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        with pytest.raises(ValueError):
            await exchange.send_informational(103, [(b"link", b"a\r\nX-Evil: 1")])

        assert b"" == carrier.written

    run(check)


@pytest.mark.pain("P47")
def test_end_lets_go() -> None:
    """After its end an exchange holds neither connection nor body, and reading says that the request is over."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        exchange.feed_body(b"abc")
        exchange.on_disconnect(lambda: None)
        exchange.end()

        assert 0 == carrier.held_bytes
        assert exchange.carrier is None
        assert exchange._watchers is None

        with pytest.raises(RequestEnded):
            await exchange.read_body(1)
        exchange.abort()

        assert [] == carrier.calls

    run(check)


def test_abort() -> None:
    """Cutting an exchange cuts its connection."""

    async def check(exchange: NativeExchange, carrier: Carrier) -> None:
        exchange.abort()

        assert ["abort"] == carrier.calls
        assert not exchange.keep_alive

    run(check)
