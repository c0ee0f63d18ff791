"""The receiving half of a connection: slices for the parser, and no more than there is room for.

`Intake` feeds the parser, keeps what there is no room for yet, and stops reading from the socket while too much waits:
requests, pieces of bodies, or responses that the client does not take. It also drops the rest of a body that nobody
wants. What it finds is answered by `Connection`, which builds on it; the sending half is `Wire`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from costrel.execution import LoopState
from costrel.messages import TLSInfo
from costrel.server.core import ServerCore
from costrel.server.exchange import NativeExchange
from costrel.server.parser_state import SLICE_BYTES, State
from costrel.server.parsing import RequestParser
from costrel.server.wire import Phase, Wire

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "MAX_DRAIN_BYTES", "Intake"]

HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024
MAX_DRAIN_BYTES = 64 * 1024

# Looked up once: a member of an enum is a slow global on Python 3.11.
_BETWEEN, _HEAD, _STOPPED = State.BETWEEN, State.HEAD, State.STOPPED
_NEW, _HEAD_PHASE, _KEEP_ALIVE = Phase.NEW, Phase.HEAD, Phase.KEEP_ALIVE
_LINGERING, _LOST = Phase.LINGERING, Phase.LOST


class Intake(Wire, ABC):
    """A connection as something to read from.

    Args:
        core: what it shares with all others.

    Attributes:
        peer: address and port of the client, `None` on a Unix socket.
        request_count: requests that were started, where they are limited.
        tls: what was agreed on in its handshake, `None` without TLS.
    """

    __slots__ = (
        "_buffered_bytes",
        "_current",
        "_drain_start_bytes",
        "_draining",
        "_is_reading_paused",
        "_parser",
        "_rest",
        "_resume_scheduled",
        "loop_state",
        "peer",
        "request_count",
        "tls",
    )

    phase: Phase
    since: float

    def __init__(self, core: ServerCore) -> None:
        super().__init__(core)
        self.loop_state: LoopState = core.loop_state
        self.peer: tuple[str, int] | None = None
        self.request_count: int = 0
        self.tls: TLSInfo | None = None
        self._parser = RequestParser(self, core.limits)
        self._current: NativeExchange | None = None
        self._draining: NativeExchange | None = None
        self._rest = b""
        self._is_reading_paused = self._resume_scheduled = False
        self._buffered_bytes = self._drain_start_bytes = 0

    @abstractmethod
    def _start_next(self) -> None:
        """Start the oldest request that waits."""

    @abstractmethod
    def _await_next(self) -> None:
        """Wait for the next request, or start the one that waits already."""

    def data_received(self, data: bytes) -> None:
        """Parse what was read, or keep it until there is room."""
        if self.phase >= _LINGERING:
            self._drain_start_bytes += len(data)
            if self._drain_start_bytes > MAX_DRAIN_BYTES:
                self._close()
            return
        if self._is_reading_paused or self._rest or len(data) > SLICE_BYTES:
            self._rest += data
            self._feed_rest()
            return
        parser = self._parser
        parser.feed(data)
        if self._current is None and len(parser.waiting) == 1 and self._draining is None:
            self._start_next()
            if parser.state is _BETWEEN:
                return
        self._after_feed()

    @property
    def _has_unread(self) -> bool:
        return self._owes_more or self._is_reading_paused

    def _may_feed(self) -> bool:
        parser = self._parser
        return (
            parser.state is not _STOPPED
            and len(parser.waiting) < self._core.settings.max_pipelined_requests
            and self._buffered_bytes < HIGH_WATER_BYTES
            and not self._is_write_paused
        )

    def _feed_rest(self) -> None:
        """Feed what is left of earlier reads, slice by slice, as long as there is room for what it brings."""
        view, start = self._rest, 0
        while start < len(view) and self._may_feed():
            self._parser.feed(view[start : start + SLICE_BYTES])
            start += SLICE_BYTES
        self._rest = b"" if self._parser.state is _STOPPED else view[start:]
        self._after_feed()

    def _after_feed(self) -> None:
        """Start the oldest request, and decide whether to read on."""
        parser = self._parser
        if self._draining is not None:
            self._check_drained(self._draining)
        elif self._current is None:
            if parser.waiting:
                self._start_next()
            elif parser.state is _HEAD and self.phase is _KEEP_ALIVE:
                self._enter(_HEAD_PHASE)
            elif self.phase is _NEW and parser.state is _HEAD:
                self.phase = _HEAD_PHASE
        if self.phase < _LINGERING and (
            self._rest or ((self._current is not None or parser.waiting) and not self._may_feed())
        ):
            self._pause_reading()
            # A task that starts eagerly has perhaps made room before reading was paused, and nobody would say so again.
            if self._rest and self._may_feed():
                self._schedule_resume()

    def _pause_reading(self) -> None:
        if not self._is_reading_paused and self._transport is not None:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        """Read on, first what was kept and then from the socket."""
        self._resume_scheduled = False
        if self.phase is _LOST or not self._is_reading_paused:
            return
        if self.phase < _LINGERING:
            if self._rest:
                self._feed_rest()
            if self._rest or not self._may_feed():
                return
        if self._transport is not None and self._is_reading_paused:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _schedule_resume(self) -> None:
        """Read on soon, outside of the task that made room for it."""
        if self._is_reading_paused and not self._resume_scheduled:
            self._resume_scheduled = True
            self._core.loop.call_soon(self._resume_reading, context=self._core.base_context)

    def note_forwarded(self) -> None:
        """Note that the first request came with a field that proxies write."""
        self._core.note_forwarded(self.peer)

    def body_arrived(self, byte_count: int) -> None:
        """Count what bodies hold in memory."""
        self._buffered_bytes += byte_count

    def body_taken(self, byte_count: int) -> None:
        """Count what bodies hold in memory, and read on when it is little."""
        self._buffered_bytes -= byte_count
        if self._is_reading_paused and self._buffered_bytes < LOW_WATER_BYTES:
            self._schedule_resume()

    @property
    def _owes_more(self) -> bool:
        return bool(self._parser.waiting) or bool(self._rest)

    def _on_linger(self) -> None:
        self._drain_start_bytes = 0
        self._rest = b""
        self._drop_draining()
        self._schedule_resume()

    def _check_drained(self, exchange: NativeExchange) -> None:
        """Look whether the rest of a body that nobody wants has passed."""
        body = exchange.body
        if body is None or body.is_complete:
            self._draining = None
            exchange.end()
            self._await_next()
        elif body.error is not None or body.received_bytes - self._drain_start_bytes > MAX_DRAIN_BYTES:
            self._linger()

    def _drop_draining(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None:
            draining.end()
