"""The sending half of a connection, its phases and its end.

`Wire` writes, waits for slow readers, cuts off those that read nothing, and knows the three ways in which a connection
ends: closed at once, closed after a moment in which the client may still read the answer, or cut. What is read and
what is answered is the business of `Connection`, which builds on it.

Spec: RFC 9112 §9.6.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from enum import IntEnum

from costrel.errors import ClientDisconnected
from costrel.server.core import ServerCore
from costrel.server.pace import ReadingPace, WritePace

__all__ = ["Phase", "Wire"]

logger: logging.Logger = logging.getLogger("costrel.server")

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Phase(IntEnum):
    """What a connection is doing; the later half is about its end."""

    NEW = 0
    """Nothing has arrived yet."""
    HEAD = 1
    """A part of a head has arrived."""
    HANDLING = 2
    """A request is being answered."""
    KEEP_ALIVE = 3
    """It is idle between two requests."""
    DRAINING = 4
    """The response is complete, and the rest of the request's body is read and dropped."""
    LINGERING = 5
    """All is said; what still comes is dropped, so that the client gets to read the answer."""
    CLOSING = 6
    """The transport is closed, once it has sent what it holds."""
    LOST = 7
    """There is no connection any more."""


_NEW, _LINGERING, _CLOSING, _LOST = Phase.NEW, Phase.LINGERING, Phase.CLOSING, Phase.LOST


class Wire(asyncio.Protocol):
    """A connection as something to write to.

    Args:
        core: what it shares with all others.

    Attributes:
        phase: what it is doing.
        since: the time of the core's clock at which it began to.
    """

    __slots__ = (
        "_core",
        "_drain_waiter",
        "_got_eof",
        "_is_waiting_for_socket",
        "_is_write_paused",
        "_transport",
        "_write_pace",
        "_written_bytes",
        "phase",
        "since",
    )

    def __init__(self, core: ServerCore) -> None:
        self._core = core
        self.phase: Phase = _NEW
        self.since: float = core.now
        self._transport: asyncio.Transport | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self._is_write_paused = self._got_eof = self._is_waiting_for_socket = False
        self._written_bytes = 0
        self._write_pace: WritePace | None = None

    def _on_room(self) -> None:
        """Called when the client has taken what waited for it."""

    def _on_linger(self) -> None:
        """Called when nothing more will be said; what is read from now on is dropped."""

    def pause_writing(self) -> None:
        """Note that the client takes its responses too slowly."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Go on with what waited for the client."""
        self._is_write_paused = False
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_result(None)
        self._on_room()

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; see `ResponseSink`."""
        transport = self._transport
        if transport is None or self.phase >= _LINGERING:
            raise ClientDisconnected
        self._written_bytes += len(data)
        transport.write(data)

    def write_lines(self, pieces: list[bytes]) -> None:
        """Hand several pieces to the transport at once; see `ResponseSink`."""
        transport = self._transport
        if transport is None or self.phase >= _LINGERING:
            raise ClientDisconnected
        self._written_bytes += sum(map(len, pieces))
        transport.writelines(pieces)

    async def drain(self) -> None:
        """Wait while the client reads too slowly; see `ResponseSink`."""
        while self._is_write_paused and self._transport is not None:
            if self._drain_waiter is None or self._drain_waiter.done():
                self._drain_waiter = self._core.loop.create_future()
            await asyncio.shield(self._drain_waiter)
        if self._transport is None:
            raise ClientDisconnected

    async def lend_socket(self) -> socket.socket | None:
        """Wait until the transport holds nothing, and return a copy of its socket; see `FileSink`."""
        transport = self._transport
        plain = transport.get_extra_info("socket") if transport is not None else None
        if transport is None or plain is None or transport.get_extra_info("sslcontext") is not None:
            return None
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(0, 0)
        try:
            await self.drain()
        finally:
            transport.set_write_buffer_limits(high, low)
        return socket.socket(fileno=os.dup(plain.fileno()))

    async def wait_writable(self, lent: socket.socket) -> None:
        """Wait until the socket takes more; see `FileSink`."""
        loop = self._core.loop
        waiter = self._drain_waiter = loop.create_future()
        loop.add_writer(lent, _set_done, waiter)
        self._is_waiting_for_socket = True
        try:
            await waiter
        finally:
            self._is_waiting_for_socket = False
            loop.remove_writer(lent)
        if self._transport is None:
            raise ClientDisconnected

    def count_sent(self, byte_count: int) -> None:
        """Note that so many bytes went past the transport; see `FileSink`."""
        self._written_bytes += byte_count

    def abort(self) -> None:
        """Cut the connection, with a reset where the end of the connection would be the end of a body."""
        transport = self._transport
        if transport is None or self.phase is _LOST:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            except OSError:
                pass
        self._enter(_CLOSING)
        transport.abort()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = self._core.now

    def _close(self) -> None:
        """Close the transport once it has sent what it holds."""
        if self._transport is not None and self.phase < _CLOSING:
            self._enter(_CLOSING)
            self._transport.close()

    def _close_politely(self, *, has_unread: bool) -> None:
        """Close at once if the client has sent nothing that was not read, else linger."""
        if has_unread and not self._got_eof:
            self._linger()
        else:
            self._close()

    def _linger(self) -> None:
        """Send no more, and drop what still comes for a moment, so that a reset does not eat the answer.

        Spec:
            RFC 9112 §9.6.
        """
        transport = self._transport
        if transport is None or self.phase >= _LINGERING:
            return
        if self._got_eof:
            self._close()
            return
        self._enter(_LINGERING)
        if transport.can_write_eof():
            transport.write_eof()
        self._on_linger()

    def _sweep_writing(self, unsent_bytes: int) -> None:
        """Cut off a client that takes nothing of its response, or next to nothing for long."""
        settings = self._core.settings
        now, taken_bytes = self._core.now, self._written_bytes - unsent_bytes
        if self._write_pace is None:
            self._write_pace = WritePace(now, taken_bytes)
        timeout_seconds, min_rate = settings.write_timeout_seconds, settings.min_transfer_bytes_per_second
        pace = self._write_pace.judge(now, taken_bytes, timeout_seconds, min_rate)
        if pace is not ReadingPace.FINE:
            logger.info("slow_reader_cut_off pace=%s unsent_bytes=%d", pace.value, unsent_bytes)
            self.abort()


def _set_done(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
