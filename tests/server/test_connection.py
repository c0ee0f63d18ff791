"""Tests of a connection without sockets: order, time-outs, back-pressure, ends; time is moved by hand."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.messages import Request, Response

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
QUICK = {
    "header_timeout_seconds": 0.5,
    "keep_alive_timeout_seconds": 1.0,
    "body_timeout_seconds": 0.5,
    "write_timeout_seconds": 0.5,
}


def advance(wire: Any, seconds: float) -> None:
    """Move the clock on in the steps that the sweep would take."""
    for _ in range(int(seconds / 0.25)):
        wire.core.advance(0.25)


@pytest.mark.security("I1")
def test_silent_connection_is_closed_without_an_answer(kit: Any) -> None:
    """A connection that sends nothing is closed when the header time is over, with no 408."""

    async def main() -> None:
        async with kit.wire(**QUICK) as wire:
            advance(wire, 0.5)

            assert not wire.is_closed

            advance(wire, 0.75)
            await wire.settle()

            assert wire.is_closed
            assert b"" == wire.text

    asyncio.run(main())


@pytest.mark.security("I2")
@pytest.mark.parametrize("first", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: "], ids=["request-line", "headers"])
def test_slow_head_is_408(kit: Any, first: bytes) -> None:
    """A head that does not end in time is answered with 408, whenever its bytes come."""

    async def main() -> None:
        async with kit.wire(**QUICK) as wire:
            await wire.send(first)
            advance(wire, 0.5)
            await wire.send(b"T")
            advance(wire, 0.75)
            await wire.settle()

            assert [408] == wire.statuses
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.security("I3")
def test_slow_body_is_408(kit: Any) -> None:
    """A body that stops is answered with 408 by whoever reads it."""

    async def main() -> None:
        async with kit.wire(**QUICK) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            advance(wire, 1.25)
            await wire.settle()

            assert [408] == wire.statuses
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.security("I4")
def test_reader_that_does_not_read_is_cut_off(kit: Any) -> None:
    """A producer waits for a client that reads nothing, and the client is cut off in the end."""
    produced = 0
    ended: list[str] = []

    class Endless:
        content_length = None

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            nonlocal produced
            produced += 1
            return b"x" * 16384

        async def aclose(self) -> None:
            ended.append("closed")

    async def handler(request: Request) -> Response:
        return Response(Endless())

    async def main() -> None:
        async with kit.wire(handler, **QUICK) as wire:
            wire.transport.is_slow = True
            await wire.send(GET % 1)

            assert produced < 10

            advance(wire, 1.5)
            await wire.settle()

            assert wire.transport.was_aborted
            assert ["closed"] == ended

    asyncio.run(main())


@pytest.mark.security("I5")
def test_idle_connection_is_closed(kit: Any) -> None:
    """Between requests only the keep-alive clock runs."""

    async def main() -> None:
        async with kit.wire(**QUICK) as wire:
            await wire.send(GET % 1)
            advance(wire, 1.0)

            assert not wire.is_closed

            advance(wire, 0.75)
            await wire.settle()

            assert wire.is_closed
            assert [200] == wire.statuses

    asyncio.run(main())


@pytest.mark.security("A41")
def test_pipelined_flood_waits(kit: Any) -> None:
    """Of a flood of requests few are parsed ahead, and all are answered in order."""
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return Response(request.path.encode(), media_type="text/plain")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            flood = b"".join(GET % number for number in range(10_000))
            wire.connection.data_received(flood)
            await wire.settle()

            assert ["/0"] == wire.application.requests
            assert wire.transport.is_paused
            assert len(wire.connection._parser.waiting) < 16 + 16384 // len(GET % 1)

            gate.set()
            await wire.settle()

            assert [f"/{number}" for number in range(10_000)] == wire.application.requests
            assert wire.text.endswith(b"/9999")
            assert not wire.transport.is_paused

    asyncio.run(main())


@pytest.mark.pain("P2")
def test_follow_up_has_a_fresh_context(kit: Any) -> None:
    """A pipelined request sees no context variable that the one before it has set."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        seen.append(variable.get())
        variable.set(request.path)
        await asyncio.sleep(0)
        return Response(await _read(request))

    async def main() -> None:
        async with kit.wire(handler) as wire:
            big = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000)
            await wire.send(GET % 1 + GET % 2 + big + GET % 3)

            assert ["default"] * 4 == seen
            assert [200] * 4 == wire.statuses

    asyncio.run(main())


async def _read(request: Request) -> bytes:
    size = 0
    while piece := await request.exchange.read_body(65536):
        size += len(piece)
    return b"%d" % size


@pytest.mark.security("A40")
@pytest.mark.parametrize(
    ("reads", "answer"),
    [
        pytest.param(True, b"HTTP/1.1 100 Continue\r\n\r\n", id="continue-when-read"),
        pytest.param(False, b"HTTP/1.1 413 ", id="no-continue-when-refused"),
    ],
)
def test_expect_continue(kit: Any, reads: bool, answer: bytes) -> None:
    """100 is sent by the first read of the body, and never when the handler answers without it."""

    async def handler(request: Request) -> Response:
        return Response(await _read(request)) if reads else Response(b"", 413)

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")

            assert wire.text.startswith(answer)
            assert reads != wire.is_closed

            await wire.send(b"abc")

            assert [200 if reads else 413] == wire.statuses

    asyncio.run(main())


@pytest.mark.security("A15")
def test_body_larger_than_the_drain_closes(kit: Any) -> None:
    """What nobody reads of a body is dropped up to 64 KiB; with more to come the connection ends."""

    async def handler(request: Request) -> Response:
        return Response(b"early")

    async def main() -> None:
        for length, closed in ((65536, False), (70000, True)):
            async with kit.wire(handler) as wire:
                await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + b"a")

                assert closed == (b"connection: close" in wire.text)

                await wire.send(bytes(length - 1) + GET % 2)

                assert [200] * (1 if closed else 2) == wire.statuses

    asyncio.run(main())


def test_concurrency_limit_is_503(kit: Any) -> None:
    """A request over the limit is refused with 503 and `Retry-After`."""

    async def main() -> None:
        async with kit.wire(max_concurrent_requests=1) as wire:
            wire.core.active_count = 1
            await wire.send(GET % 1)

            assert [503] == wire.statuses
            assert b"retry-after: 1\r\n" in wire.text
            wire.core.active_count = 0

    asyncio.run(main())


@pytest.mark.capability("X38")
@pytest.mark.parametrize(
    ("before", "after", "statuses"),
    [
        pytest.param(b"", GET % 1, [200], id="a-connection-that-is-new"),
        pytest.param(GET % 1, GET % 2, [200, 503], id="a-connection-that-is-kept"),
        pytest.param(GET % 1 + (GET % 2)[:9], (GET % 2)[9:], [200, 200], id="a-head-that-has-begun"),
        pytest.param(GET % 1 + (GET % 2)[:9], (GET % 2)[9:] + GET % 3, [200, 200, 503], id="a-request-behind-it"),
    ],
)
def test_requests_that_come_after_the_stop_are_refused(
    kit: Any, before: bytes, after: bytes, statuses: list[int]
) -> None:
    """What had begun to arrive is answered; the last answer of the connection says that it is the last."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(before)
            wire.core.begin_stopping(refuses_requests=True)
            await wire.send(after)

            assert statuses == wire.statuses
            assert 1 == wire.text.count(b"connection: close\r\n")
            assert statuses.count(503) == wire.text.count(b"retry-after: 1\r\n")
            assert wire.is_closed

    asyncio.run(main())


def test_pipelined_requests_are_answered_when_the_server_stops(kit: Any) -> None:
    """Those that have arrived, each in its turn, and only the last of them ends the connection."""

    async def main() -> None:
        gate = asyncio.Event()

        async def handler(request: Any) -> Any:
            await gate.wait()
            return kit.Response(request.path.encode())

        async with kit.wire(handler) as wire:
            await wire.send(GET % 1 + GET % 2 + GET % 3)
            wire.core.begin_stopping(refuses_requests=True)
            gate.set()
            await wire.settle()

            assert [200, 200, 200] == wire.statuses
            assert wire.text.endswith(b"/3")
            assert b"connection: close\r\n" in wire.text.rpartition(b"/2")[2]
            assert b"connection: close\r\n" not in wire.text.rpartition(b"/2")[0]

    asyncio.run(main())


def test_whoever_hands_over_answers_what_still_comes(kit: Any) -> None:
    """A kept connection ends with the answer to its next request, which nobody refuses."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(GET % 1)
            wire.core.begin_stopping(refuses_requests=False)
            await wire.send(GET % 2)

            assert [200, 200] == wire.statuses
            assert b"connection: close\r\n" in wire.text.rpartition(b"HTTP/1.1")[2]
            assert wire.is_closed

    asyncio.run(main())


def test_idle_connections_are_shed_first(kit: Any) -> None:
    """At the limit the longest idle connection goes; when none is idle the new one gets 503."""

    async def main() -> None:
        async with kit.wire(max_connections=1) as wire:
            wire_type = type(wire)
            await wire.send(GET % 1)
            second = wire_type(wire.core)
            await second.settle()

            assert wire.transport.is_over
            assert not second.is_closed

            wire.core.advance(0.25)
            third = wire_type(wire.core)
            await third.settle()

            assert [503] == third.statuses
            for one in (second, third):
                one.transport.close()
            await second.settle()

    asyncio.run(main())


@pytest.mark.pain("P10")
def test_disconnect_wakes_and_is_499(kit: Any) -> None:
    """A client that leaves ends the reading of its body; callbacks run once; the event says 499."""
    called: list[str] = []

    async def handler(request: Request) -> Response:
        request.exchange.on_disconnect(lambda: called.append("left"))
        return Response(await _read(request))

    async def main() -> None:
        application = kit.Application(handler, listens=True)
        async with kit.wire(application=application) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            wire.transport.close()
            await wire.settle()

            assert ["left"] == called
            assert set() == wire.core.orphans
            assert 0 == wire.core.active_count
            finished = dict(application.events)["request_finished"]
            assert 499 == finished["status_code"]

    asyncio.run(main())


def test_half_closed_client_is_answered(kit: Any) -> None:
    """A client that sends no more still gets its answer, and the handler can know that it may be gone."""
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return Response(str(request.is_disconnected))

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(GET % 1)
            wire.connection.eof_received()
            gate.set()
            await wire.settle()

            assert wire.text.endswith(b"True")
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.parametrize(("raised", "code"), [(SystemExit(5), 5), (SystemExit(), 0), (KeyboardInterrupt(), 130)])
def test_exit_in_a_handler(kit: Any, raised: BaseException, code: int) -> None:
    """A handler that exits gets its client a 500, and the server is asked to stop with that code."""

    async def handler(request: Request) -> Response:
        raise raised

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(GET % 1)

            assert [500] == wire.statuses
            assert [code] == wire.exits
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.parametrize(("raised", "code"), [(SystemExit(5), 5), (KeyboardInterrupt(), 130)])
def test_exit_after_the_response(kit: Any, raised: BaseException, code: int) -> None:
    """What runs at the end of a request may ask for the exit too; the loop goes on until the server has stopped."""

    async def handler(request: Request) -> Response:
        def leave(request: Request) -> None:
            raise raised

        request.on_end(leave)
        return Response(b"done")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(GET % 1)

            assert [200] == wire.statuses
            assert [code] == wire.exits
            assert wire.core.active_count == 0

    asyncio.run(main())


def test_pending_request_survives_the_garbage_collector(kit: Any) -> None:
    """A request that waits for something that only it refers to is not collected."""

    async def handler(request: Request) -> Response:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, lambda: waiting.done() or waiting.set_result(None))
        await waiting
        return Response(b"done")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(GET % 1)
            gc.collect()
            await asyncio.sleep(0.03)

            assert wire.text.endswith(b"done")

    asyncio.run(main())


@pytest.mark.pain("P47")
def test_requests_leave_no_garbage(kit: Any) -> None:
    """Nothing of a finished request is left for the garbage collector."""

    async def main() -> None:
        async with kit.wire() as wire:
            post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            broken = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz"
            await wire.send(GET % 1, post)
            gc.collect()
            before = {id(thing) for thing in gc.get_objects() if type(thing) is Request}
            gc.disable()
            try:
                for _ in range(20):
                    await wire.send(GET % 1, post)
                await wire.send(broken)
                left = [thing for thing in gc.get_objects() if type(thing) is Request and id(thing) not in before]
            finally:
                gc.enable()

            assert [] == left

    asyncio.run(main())


def test_server_errors_are_events(kit: Any) -> None:
    """What the server refuses by itself is an event with the route `-`."""

    async def main() -> None:
        application = kit.Application(listens=True)
        async with kit.wire(application=application) as wire:
            await wire.send(b"GET / HTTP/1.1\r\n\r\n")
            finished = dict(application.events)["request_finished"]

            assert ("-", 400) == (finished["route"], finished["status_code"])

    asyncio.run(main())


def test_client_disconnected_is_no_exception(kit: Any) -> None:
    """`except Exception` in a handler does not swallow the client's leaving."""

    assert not issubclass(ClientDisconnected, Exception)


@pytest.mark.security("A44")
@pytest.mark.security("J12")
def test_bytes_behind_a_handshake_are_refused(kit: Any) -> None:
    """What comes before the answer is neither a frame nor a request: 400 and a close, and no handler sees it."""
    handshake = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(handshake + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [400] == wire.statuses
            assert [] == wire.application.requests
            assert wire.is_closed

    asyncio.run(main())
