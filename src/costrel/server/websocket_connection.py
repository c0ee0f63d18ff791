"""One open WebSocket: the connection after its handshake, as the loop and as the handler see it.

`WebSocketConnection` is the protocol object of the loop from the handshake on, and the `WebSocketChannel` that the
handler reads from and writes to. Messages wait in a bounded queue; when it is full, nothing more is read. What ends the
conversation takes effect when the handler has come to it, or a moment later, so that its answers to earlier messages
still go out. Its times are numbers that the core's sweep looks at.

Spec: RFC 6455 §5.5, §7.
"""

from __future__ import annotations

import asyncio
import logging

from websockets.extensions.permessage_deflate import PerMessageDeflate

from costrel.errors import Disconnect, Mistake, ProgrammerError
from costrel.server.core import SWEEP_SECONDS, ServerCore
from costrel.server.exchange import NativeExchange
from costrel.server.websocket_frames import MAX_CONTROL_FRAMES, Ending, FrameReader
from costrel.server.wire import Phase, Wire

__all__ = ["WebSocketConnection"]

logger: logging.Logger = logging.getLogger("costrel.server")

ABNORMAL_CLOSURE = 1006
SERVICE_RESTART = 1012

CONTROL_WINDOW_SECONDS = 10.0
"""How long the budget of `MAX_CONTROL_FRAMES` lasts."""

ANSWER_SECONDS = 1.0
"""How long a handler may still answer what came before the other end has closed."""

LINGER_SECONDS = 1.0
"""How long a connection is kept after a violation, so that the other end gets to read the close frame."""

# Looked up once: a member of an enum is a slow global on Python 3.11.
_OPEN, _LINGERING, _CLOSING, _LOST = Phase.HANDLING, Phase.LINGERING, Phase.CLOSING, Phase.LOST


class WebSocketConnection(Wire):
    """An open WebSocket.

    Args:
        core: what it shares with all connections.
        transport: the connection; nothing behind the handshake has been read from it.
        exchange: the handshake's.
        deflate: the compression that was agreed on.

    Attributes:
        closed: how it was closed, by whichever side; `None` as long as messages may be sent.
    """

    __slots__ = (
        "_asked_at",
        "_budget_since",
        "_ending_since",
        "_exchange",
        "_has_heard",
        "_is_answering",
        "_is_counted",
        "_is_reading_paused",
        "_reader",
        "_receiver",
        "_remove_stopping",
        "_silent_since",
        "closed",
    )

    phase: Phase
    since: float

    def __init__(
        self,
        core: ServerCore,
        transport: asyncio.Transport,
        exchange: NativeExchange,
        deflate: PerMessageDeflate | None,
    ) -> None:
        super().__init__(core)
        settings = core.settings
        self._transport = transport
        self.phase = _OPEN
        self.closed: Disconnect | None = None
        self._exchange: NativeExchange | None = exchange
        self._reader = FrameReader(
            settings.ws_max_message_bytes, settings.ws_max_fragments, settings.ws_max_queue_count, deflate
        )
        self._receiver: asyncio.Future[None] | None = None
        self._is_answering = self._is_reading_paused = self._has_heard = False
        self._silent_since = self._budget_since = core.now
        self._asked_at: float | None = None
        self._ending_since: float | None = None
        # An open socket is bounded by the number of connections, not by that of requests in flight.
        core.active_count -= 1
        self._is_counted = False
        core.connections[self] = None
        self._remove_stopping = core.loop_state.on_stopping(self._stop)

    # Called by the transport.

    def data_received(self, data: bytes) -> None:
        """Parse what was read, and wake the handler once for all of it."""
        self._has_heard = True
        if self.phase is not _OPEN:
            return
        reader = self._reader
        answers = reader.feed(data)
        if answers:
            self._write(answers)
        if reader.messages:
            receiver = self._receiver
            if receiver is not None and not receiver.done():
                receiver.set_result(None)
            if not self._is_reading_paused and reader.is_full and self._transport is not None:
                self._is_reading_paused = True
                self._transport.pause_reading()
        if reader.ending is not None:
            self._come_to(reader.ending)

    def eof_received(self) -> bool:
        """Take the end of the stream for the loss of the connection, unless a close frame came before."""
        self._got_eof = True
        if self._reader.ending is None or self.closed is not None:
            self._lose()
            self._close()
        # The end of a stream of TLS is the end of the connection, whatever is asked for here.
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the handler know, if it does not know yet."""
        self.phase = _LOST
        self._transport = None
        self._core.connections.pop(self, None)
        self._remove_stopping()
        self._lose()
        self._core.connection_closed()

    # Called by the handler, through `WebSocket`.

    async def receive(self) -> str | bytes:
        """Wait for the next message; see `WebSocketChannel.receive`."""
        reader = self._reader
        messages = reader.messages
        self._is_answering = False
        while not messages:
            if self._is_reading_paused or reader.has_unread:
                self._read_on()
                if messages:
                    break
            if reader.ending is not None:
                self._finish(reader.ending)
            if self.closed is not None:
                raise Disconnect(self.closed.code, self.closed.reason)
            if self._receiver is not None and not self._receiver.done():
                raise _received_twice()
            receiver = self._receiver = self._core.loop.create_future()
            try:
                await receiver
            finally:
                if self._receiver is receiver:
                    self._receiver = None
        self._is_answering = True
        return messages.popleft()

    async def send(self, message: str | bytes) -> None:
        """Send one message; see `WebSocketChannel.send`."""
        transport = self._transport
        if self.closed is not None or transport is None:
            raise self._closed_error()
        data = self._reader.encode(message)
        self._written_bytes += len(data)
        transport.write(data)
        if self._is_write_paused:
            await self._wait_for_room()

    async def close(self, code: int, reason: str) -> None:
        """Close; see `WebSocketChannel.close`. The answer of the other end is not waited for."""
        self.end(code, reason)

    # What the connection does by itself.

    def end(self, code: int, reason: str) -> None:
        """Begin the closing handshake; does nothing when somebody has."""
        reader = self._reader
        if self.closed is not None:
            return
        if reader.ending is not None:
            self._finish(reader.ending)
            return
        frame = reader.close(code, reason)
        self._set_closed(code, reason)
        self._write(frame)
        self.since = self._core.now
        self._read_on()
        if self._got_eof:
            self._close()

    def release(self) -> None:
        """Let go of the request, which has ended; the closing handshake may still go on."""
        if not self._is_counted:
            # The core takes one away for every request that ends.
            self._is_counted = True
            self._core.active_count += 1
        self._exchange = None

    @property
    def sent_bytes(self) -> int:
        """Bytes of frames with messages that were handed to the transport."""
        return self._written_bytes

    def _come_to(self, ending: Ending) -> None:
        """End the conversation if the handler has nothing more to say to what came before; else a little later."""
        if self.closed is not None or not (self._reader.messages or self._is_answering):
            self._finish(ending)

    def _finish(self, ending: Ending) -> None:
        """End the conversation as the other end, or its mistake, wants it."""
        if self.phase is not _OPEN:
            return
        self._set_closed(ending.code, ending.reason)
        self._write(ending.answer)
        if ending.is_clean:
            self._close()
        else:
            self._linger()
        if self._exchange is not None:
            self._exchange.disconnect()

    def _lose(self) -> None:
        """Note that the connection is lost; what was read before can still be received."""
        ending = self._reader.ending
        if ending is not None:
            self._set_closed(ending.code, ending.reason)
        else:
            self._set_closed(ABNORMAL_CLOSURE, "")
        if self._exchange is not None:
            self._exchange.disconnect()

    def _set_closed(self, code: int, reason: str) -> None:
        """Note how the socket was closed, the first time, and wake whoever waits."""
        if self.closed is None:
            self.closed = Disconnect(code, reason)
        for waiter in (self._receiver, self._drain_waiter):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def _closed_error(self) -> Disconnect:
        closed = self.closed
        return Disconnect(closed.code, closed.reason) if closed is not None else Disconnect(ABNORMAL_CLOSURE)

    async def _wait_for_room(self) -> None:
        """Wait while the other end reads too slowly."""
        while self._is_write_paused and self.closed is None:
            if self._drain_waiter is None or self._drain_waiter.done():
                self._drain_waiter = self._core.loop.create_future()
            await asyncio.shield(self._drain_waiter)
        if self.closed is not None:
            raise self._closed_error()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and self.phase is _OPEN:
            self._transport.write(data)

    def _read_on(self) -> None:
        """Look at what was read before, and read on when there is room."""
        reader = self._reader
        if reader.has_unread:
            self._write(reader.feed(b""))
            if reader.ending is not None and self.closed is not None:
                self._finish(reader.ending)
        if self._is_reading_paused and self._transport is not None and not reader.is_full:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _on_linger(self) -> None:
        self._read_on()

    def _stop(self) -> None:
        """Close because the server stops, which waits for the handler as for any request."""
        if not self._is_counted:
            self._is_counted = True
            self._core.active_count += 1
        self.end(SERVICE_RESTART, "The server is stopping.")

    # Called by the core.

    @property
    def is_idle(self) -> bool:
        """Never: somebody listens at the other end."""
        return False

    def note_stop(self) -> None:
        """Do nothing: the socket is told by itself."""

    def close_idle(self) -> None:
        """Do nothing: the socket is closed by a handshake."""

    def cancel(self) -> str:
        """Do nothing: the request is cancelled where its task is."""
        return ""

    def sweep(self, elapsed_seconds: float) -> None:
        """Look whether something has taken too long; called every quarter of a second."""
        core, transport = self._core, self._transport
        if transport is not None and transport.get_write_buffer_size():
            self._sweep_writing(transport.get_write_buffer_size())
        else:
            self._write_pace = None
        if self.phase is _LINGERING:
            if core.now - self.since > LINGER_SECONDS + SWEEP_SECONDS:
                self._close()
        elif self.phase is _OPEN:
            if core.now - self._budget_since > CONTROL_WINDOW_SECONDS:
                self._budget_since = core.now
                self._reader.control_budget = MAX_CONTROL_FRAMES
            self._sweep_open()

    def _sweep_open(self) -> None:
        settings, now, ending = self._core.settings, self._core.now, self._reader.ending
        if self.closed is not None:
            if now - self.since > settings.ws_close_timeout_seconds + SWEEP_SECONDS:
                self.abort()
        elif ending is not None:
            if self._ending_since is None:
                self._ending_since = now
            elif now - self._ending_since > ANSWER_SECONDS:
                self._finish(ending)
        elif self._has_heard or self._is_reading_paused:
            # While nothing is read it is us who do not listen.
            self._has_heard = False
            self._silent_since, self._asked_at = now, None
        elif self._asked_at is not None:
            if now - self._asked_at > settings.ws_ping_timeout_seconds:
                logger.info("websocket_silent silent_seconds=%.1f", now - self._silent_since)
                self.abort()
        elif now - self._silent_since > settings.ws_ping_interval_seconds:
            self._asked_at = now
            self._write(self._reader.ping())


def _received_twice() -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-WEBSOCKET-002",
            "Two tasks wait for the next message of one WebSocket.",
            why="Each message goes to one of them, and nobody could say which.",
            fix="Receive in one task and hand the messages on, for example through an `asyncio.Queue`.",
        )
    )
