"""Tests of an open WebSocket without sockets: order, queue, keep-alive, closing; time is moved by hand."""

from __future__ import annotations

import asyncio
import gc
import struct
import weakref
from typing import Any

import pytest

from costrel.errors import Disconnect, ProgrammerError
from costrel.messages import Request, Response, SocketHandler, WebSocket, switching_response

HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Make a masked frame of less than 64 KiB."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def sent_close(code: int, reason: bytes = b"") -> bytes:
    return bytes([0x88, 2 + len(reason)]) + struct.pack("!H", code) + reason


def serving(handler: Any) -> Any:
    """Return what answers a handshake with 101 and a handler."""

    async def answer(request: Request) -> Response:
        socket = WebSocket(request)
        return switching_response(SocketHandler(socket, lambda: handler(socket))).owned_by(request.exchange)

    return answer


class Talk:
    """An open socket, and what has come from the server behind the handshake."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.start = len(wire.text)

    @property
    def received(self) -> bytes:
        return self.wire.text[self.start :]

    @property
    def channel(self) -> Any:
        return self.wire.transport.protocol

    async def send(self, *pieces: bytes) -> None:
        await self.wire.send(*pieces)

    async def advance(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.25)):
            self.wire.core.advance(0.25)
        await self.wire.settle()


async def opened(wire: Any) -> Talk:
    await wire.send(HANDSHAKE % b"")
    assert [101] == wire.statuses
    return Talk(wire)


async def echo(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(message)


@pytest.fixture
def talking(kit: Any) -> Any:
    """Run a test with an open socket of a handler."""

    def talking(handler: Any, test: Any, **settings: Any) -> None:
        async def main() -> None:
            async with kit.wire(serving(handler), **settings) as wire:
                await test(await opened(wire))

        asyncio.run(main())

    return talking


def test_messages_come_back_in_order(talking: Any) -> None:
    """Text and bytes are what they were."""

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") + frame(BINARY, b"b"), frame(TEXT, b"c"))

        assert b"\x81\x01a\x82\x01b\x81\x01c" == talk.received

    talking(echo, test)


def test_one_read_wakes_the_handler_once(talking: Any) -> None:
    """Ten messages of one read are taken without another turn of the loop between them."""
    turns: list[int] = []

    async def handler(socket: WebSocket) -> None:
        loop = asyncio.get_running_loop()
        turn = 0

        def count() -> None:
            nonlocal turn
            turn += 1
            loop.call_soon(count)

        loop.call_soon(count)
        async for _ in socket:
            turns.append(turn)
            if len(turns) == 10:
                return

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") * 10)

        assert (10, 1) == (len(turns), len(set(turns)))

    talking(handler, test)


# Closing.


@pytest.mark.capability("C108")
@pytest.mark.parametrize(
    ("code", "expected"),
    [(1000, 1000), (1001, 1001), (3000, 3000), (4999, 4999)],
    ids=["normal", "away", "3000", "4999"],
)
def test_the_peer_closes(talking: Any, code: int, expected: int) -> None:
    """The handler learns the code, the close frame is answered, and the connection is closed at once."""
    seen: list[Disconnect] = []

    async def handler(socket: WebSocket) -> None:
        try:
            await socket.receive()
        except Disconnect as error:
            seen.append(error)
            raise

    async def test(talk: Talk) -> None:
        await talk.send(close_frame(code, b"bye"))

        assert [(expected, "bye")] == [(error.code, error.reason) for error in seen]
        assert sent_close(code, b"bye") == talk.received
        assert talk.wire.is_closed

    talking(handler, test)


def test_what_came_before_the_close_is_answered_first(talking: Any) -> None:
    """Messages in the same read as a close frame are answered, and then the close frame is."""

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") + frame(TEXT, b"b") + close_frame(1000))

        assert b"\x81\x01a\x81\x01b" + sent_close(1000) == talk.received

    talking(echo, test)


@pytest.mark.security("J4")
def test_what_came_before_a_violation_is_answered_first(talking: Any) -> None:
    """Then the close frame tells what was wrong, and the connection stays a moment for it to be read."""

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") + frame(3) + frame(TEXT, b"never"))

        assert talk.received.startswith(b"\x81\x01a\x88")
        assert struct.pack("!H", 1002) == talk.received[5:7]
        assert talk.wire.transport.has_eof
        assert not talk.wire.transport.is_over

        await talk.send(b"x" * 1000)
        await talk.advance(1.75)

        assert talk.wire.transport.is_over

    talking(echo, test)


def test_a_handler_that_takes_long_does_not_keep_the_peer_waiting(talking: Any) -> None:
    """It may answer what came before for a second; then the close frame is answered for it."""
    seen: list[int] = []

    async def handler(socket: WebSocket) -> None:
        await socket.receive()
        await asyncio.get_running_loop().create_future()

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") + close_frame(1000))

        assert b"" == talk.received

        await talk.advance(1.0)

        assert b"" == talk.received

        await talk.advance(0.75)

        assert sent_close(1000) == talk.received
        assert talk.wire.is_closed
        seen.append(1)

    talking(handler, test)

    assert [1] == seen


def test_a_handler_that_only_sends_is_told_at_once(talking: Any) -> None:
    """Nothing was left to answer, so the close frame is answered although nobody receives."""
    seen: list[Disconnect] = []
    go_on = asyncio.Event()

    async def handler(socket: WebSocket) -> None:
        await go_on.wait()
        try:
            await socket.send("tick")
        except Disconnect as error:
            seen.append(error)

    async def test(talk: Talk) -> None:
        await talk.send(close_frame(1001))

        assert sent_close(1001) == talk.received

        go_on.set()
        await talk.wire.settle()

        assert [1001] == [error.code for error in seen]

    talking(handler, test)


@pytest.mark.security("J11")
def test_a_peer_that_never_answers_our_close_frame_is_cut_off(talking: Any) -> None:
    """The closing handshake has its time, and the handler does not wait for it."""
    ended: list[bool] = []

    async def handler(socket: WebSocket) -> None:
        await socket.close(3001, "enough")
        await socket.close(3002, "twice")
        ended.append(True)

    async def test(talk: Talk) -> None:
        await talk.wire.settle()

        assert talk.wire.text.endswith(sent_close(3001, b"enough"))
        assert [True] == ended

        await talk.send(frame(TEXT, b"late"))
        await talk.advance(1.0)

        assert not talk.wire.transport.is_over

        await talk.advance(0.75)

        assert talk.wire.transport.was_aborted

    talking(handler, test, ws_close_timeout_seconds=1.0)


def test_the_answer_to_our_close_frame_closes_the_connection(talking: Any) -> None:
    """At once, and cleanly."""

    async def handler(socket: WebSocket) -> None:
        await socket.receive()

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a"))

        assert sent_close(1000) == talk.received

        await talk.send(close_frame(1000))

        assert talk.wire.transport.is_over
        assert not talk.wire.transport.was_aborted
        assert {} == talk.wire.core.connections

    talking(handler, test)


@pytest.mark.security("J11")
@pytest.mark.parametrize("how", ["eof", "loss"])
def test_a_lost_connection_is_1006_once(talking: Any, how: str) -> None:
    """Messages that had come are delivered before; the reader learns of the loss at each later call."""
    seen: list[object] = []

    async def handler(socket: WebSocket) -> None:
        try:
            while True:
                seen.append(await socket.receive())
        except Disconnect as error:
            seen.append((error.code, socket.request.is_disconnected))
        with pytest.raises(Disconnect) as found:
            await socket.send("a")
        seen.append(found.value.code)

    async def test(talk: Talk) -> None:
        talk.channel.data_received(frame(TEXT, b"a"))
        if how == "eof":
            talk.channel.eof_received()
        else:
            talk.wire.transport.close()
        await talk.wire.settle()

        assert ["a", (1006, True), 1006] == seen
        assert talk.wire.transport.is_over

    talking(handler, test)


def test_the_end_of_the_stream_behind_a_close_frame_still_lets_it_be_answered(talking: Any) -> None:
    """Some clients half-close when they have said goodbye; the code is theirs, not 1006."""
    seen: list[int] = []

    async def handler(socket: WebSocket) -> None:
        assert "a" == await socket.receive()
        await asyncio.sleep(0)
        with pytest.raises(Disconnect) as found:
            await socket.receive()
        seen.append(found.value.code)

    async def test(talk: Talk) -> None:
        talk.channel.data_received(frame(TEXT, b"a") + close_frame(3333))
        talk.channel.eof_received()
        await talk.wire.settle()

        assert ([3333], sent_close(3333)) == (seen, talk.received)
        assert talk.wire.transport.is_over

    talking(handler, test)


@pytest.mark.parametrize(
    ("error", "code"),
    [pytest.param(ValueError("broken"), 1011, id="exception"), pytest.param(None, 1000, id="return")],
)
def test_the_end_of_the_handler_closes(talking: Any, error: Exception | None, code: int) -> None:
    """1000 when it returns, 1011 when it raises, and the exception is logged once."""

    async def handler(socket: WebSocket) -> None:
        await socket.receive()
        if error is not None:
            raise error

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a"))

        assert sent_close(code) == talk.received

    talking(handler, test)


def test_a_handler_that_ends_the_process_closes_with_1011(kit: Any) -> None:
    """The server learns the exit code, and the peer that something went wrong."""

    async def handler(socket: WebSocket) -> None:
        raise SystemExit(7)

    async def main() -> None:
        async with kit.wire(serving(handler)) as wire:
            await wire.send(HANDSHAKE % b"")

            assert wire.text.endswith(sent_close(1011))
            assert [7] == wire.exits

    asyncio.run(main())


# Stopping.


@pytest.mark.pain("P9")
def test_a_server_that_stops_closes_with_1012(talking: Any) -> None:
    """The handler gets `Disconnect`, and the core waits for it as for any request."""
    seen: list[int] = []
    leave = asyncio.Event()

    async def handler(socket: WebSocket) -> None:
        try:
            await socket.receive()
        except Disconnect as error:
            seen.append(error.code)
        await leave.wait()

    async def test(talk: Talk) -> None:
        core = talk.wire.core

        assert 0 == core.active_count

        core.loop_state.begin_stopping()
        await talk.wire.settle()

        assert [1012] == seen
        assert struct.pack("!H", 1012) == talk.received[2:4]
        assert 1 == core.active_count

        leave.set()
        await talk.wire.settle()

        assert 0 == core.active_count

        await talk.send(close_frame(1012))

        assert talk.wire.transport.is_over

    talking(handler, test)


def test_a_cancelled_handler_leaves_nothing_behind(talking: Any) -> None:
    """What the server cancels at the end of its patience ends, and is counted out."""

    async def handler(socket: WebSocket) -> None:
        await asyncio.get_running_loop().create_future()

    async def test(talk: Talk) -> None:
        core = talk.wire.core
        core.loop_state.begin_stopping()
        names = [connection.cancel() for connection in [*core.connections, *core.orphans]]
        await talk.wire.settle()

        assert ["", "GET /chat"] == names
        assert (0, set()) == (core.active_count, core.orphans)

    talking(handler, test)


# Keep-alive.


@pytest.mark.security("J11")
def test_a_silent_peer_is_asked_and_then_cut_off(talking: Any) -> None:
    """A ping after the interval, the end after the time-out, 1006 for the reader."""
    seen: list[int] = []

    async def handler(socket: WebSocket) -> None:
        with pytest.raises(Disconnect) as found:
            await socket.receive()
        seen.append(found.value.code)

    async def test(talk: Talk) -> None:
        await talk.advance(1.0)

        assert b"" == talk.received

        await talk.advance(0.5)

        assert b"\x89\x00" == talk.received

        await talk.advance(0.75)

        assert [] == seen

        await talk.advance(0.5)

        assert ([1006], True) == (seen, talk.wire.transport.was_aborted)

    talking(handler, test, ws_ping_interval_seconds=1, ws_ping_timeout_seconds=1)


@pytest.mark.parametrize("answer", [frame(PONG), frame(TEXT, b"a")], ids=["pong", "message"])
def test_a_peer_that_says_anything_is_alive(talking: Any, answer: bytes) -> None:
    """Pings go on, and nobody is cut off."""

    async def handler(socket: WebSocket) -> None:
        async for _ in socket:
            pass

    async def test(talk: Talk) -> None:
        for _ in range(4):
            await talk.advance(1.75)
            await talk.send(answer)

        assert 3 <= talk.received.count(b"\x89\x00")
        assert not talk.wire.transport.is_over

    talking(handler, test, ws_ping_interval_seconds=1, ws_ping_timeout_seconds=1)


def test_a_peer_is_not_cut_off_while_we_do_not_listen(talking: Any) -> None:
    """When the queue is full nothing is read, so no answer to a ping can be expected."""
    go_on = asyncio.Event()
    count = 0

    async def handler(socket: WebSocket) -> None:
        nonlocal count
        await go_on.wait()
        async for _ in socket:
            count += 1

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a") * 4)

        assert talk.wire.transport.is_paused

        await talk.advance(10)

        assert not talk.wire.transport.is_over

        go_on.set()
        await talk.wire.settle()

        assert 4 == count

    talking(handler, test, ws_ping_interval_seconds=1, ws_ping_timeout_seconds=1, ws_max_queue_count=2)


@pytest.mark.security("J9")
def test_the_budget_of_pings_is_renewed(talking: Any) -> None:
    """A hundred in ten seconds are answered, and so are the next hundred in the next ten."""

    async def test(talk: Talk) -> None:
        for _ in range(3):
            await talk.send(frame(PING) * 100)
            await talk.advance(10.5)

        assert 300 == talk.received.count(b"\x8a\x00")

        await talk.send(frame(PING) * 101)

        assert struct.pack("!H", 1008) in talk.received

    talking(echo, test)


# Back-pressure.


@pytest.mark.security("J10")
@pytest.mark.capability("C111")
@pytest.mark.parametrize("count", [15, 16, 17])
def test_a_full_queue_stops_the_reading(talking: Any, count: int) -> None:
    """Sixteen messages wait for a handler that is busy; then nothing more is read, and nothing is lost."""
    go_on = asyncio.Event()
    seen: list[str | bytes] = []

    async def handler(socket: WebSocket) -> None:
        await go_on.wait()
        async for message in socket:
            seen.append(message)

    async def test(talk: Talk) -> None:
        await talk.send(b"".join(frame(TEXT, b"%d" % number) for number in range(count)))

        assert (count >= 16) == talk.wire.transport.is_paused

        go_on.set()
        await talk.wire.settle()

        assert [str(number) for number in range(count)] == seen
        assert not talk.wire.transport.is_paused

    talking(handler, test)


@pytest.mark.capability("C111")
def test_send_waits_for_a_peer_that_reads_slowly(kit: Any) -> None:
    """What the transport holds is bounded, and sending goes on when it has drained."""
    sent: list[int] = []

    async def handler(socket: WebSocket) -> None:
        for number in range(10):
            await socket.send(b"x" * 30_000)
            sent.append(number)
        await socket.receive()

    async def main() -> None:
        async with kit.wire(serving(handler)) as wire:
            wire.transport.is_slow = True
            await wire.send(HANDSHAKE % b"")
            await wire.settle()

            assert [0, 1] == sent

            wire.transport.is_slow, wire.transport.unsent_bytes = False, 0
            wire.transport.protocol.resume_writing()
            await wire.settle()

            assert list(range(10)) == sent

    asyncio.run(main())


@pytest.mark.parametrize("how", ["stop", "loss", "cut"])
def test_a_send_that_waits_ends_with_the_socket(kit: Any, how: str) -> None:
    """A peer that reads nothing holds no handler: it is cut off, or the socket is closed, and `send` raises."""
    seen: list[int] = []

    async def handler(socket: WebSocket) -> None:
        try:
            while True:
                await socket.send(b"x" * 30_000)
        except Disconnect as error:
            seen.append(error.code)

    async def main() -> None:
        async with kit.wire(serving(handler), write_timeout_seconds=0.5) as wire:
            wire.transport.is_slow = True
            await wire.send(HANDSHAKE % b"")
            await wire.settle()

            assert [] == seen

            if how == "stop":
                wire.core.loop_state.begin_stopping()
            elif how == "loss":
                wire.transport.close()
            else:
                for _ in range(4):
                    wire.core.advance(0.25)
            await wire.settle()

            assert [1012 if how == "stop" else 1006] == seen

    asyncio.run(main())


# Use.


def test_two_receivers_are_told(talking: Any) -> None:
    """The second task that waits gets an error with its code, and the first goes on."""
    seen: list[object] = []

    async def handler(socket: WebSocket) -> None:
        first = asyncio.ensure_future(socket.receive())
        await asyncio.sleep(0)
        with pytest.raises(ProgrammerError) as found:
            await socket.receive()
        seen.append(found.value.mistake.code)
        seen.append(await first)

    async def test(talk: Talk) -> None:
        await talk.wire.settle()
        await talk.send(frame(TEXT, b"a"))

        assert ["COS-WEBSOCKET-002", "a"] == seen

    talking(handler, test)


def test_a_wait_that_is_given_up_loses_no_message(talking: Any) -> None:
    """A time-out around `receive` takes nothing with it."""
    seen: list[object] = []

    async def handler(socket: WebSocket) -> None:
        for _ in range(2):
            waiting = asyncio.ensure_future(socket.receive())
            await asyncio.sleep(0)
            waiting.cancel()
        seen.append(await socket.receive())

    async def test(talk: Talk) -> None:
        await talk.send(frame(TEXT, b"a"))

        assert ["a"] == seen

    talking(handler, test)


def test_a_closed_socket_is_freed_without_the_collector(talking: Any) -> None:
    """Connection, request and channel do not hold each other when the handler has ended."""
    found: list[Any] = []

    async def handler(socket: WebSocket) -> None:
        found.append(weakref.ref(socket.request))
        async for _ in socket:
            pass

    async def test(talk: Talk) -> None:
        gc.disable()
        try:
            await talk.send(close_frame(1000))
            await talk.wire.settle()

            assert None is found[0]()
        finally:
            gc.enable()

    talking(handler, test)


def test_an_open_socket_is_no_request_in_flight(kit: Any) -> None:
    """Sockets are bounded by the number of connections; requests are still answered beside them."""

    async def main() -> None:
        async with kit.wire(serving(echo), max_concurrent_requests=1) as wire:
            await wire.send(HANDSHAKE % b"")

            assert [101] == wire.statuses
            assert 0 == wire.core.active_count
            assert 1 == len(wire.core.connections)

    asyncio.run(main())
