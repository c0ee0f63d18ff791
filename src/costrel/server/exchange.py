"""One request and its response on a native connection: the server's side of the seam.

A `NativeExchange` is made by the parser as soon as a head is complete, waits its turn on the connection, and lives
until the request's last byte and teardown. It holds what was read of the head and what is known of the client; the
body is in its `BodyQueue`. Several can wait on one connection; only one is being answered. How bytes become exchanges
is in `parsing`, how a response is written in `writer`, and who is next in `connection`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from costrel.errors import HTTPError, RequestEnded
from costrel.execution import LoopState
from costrel.http import Headers, RequestHeaders, status_line
from costrel.messages import TLSInfo, WebSocketChannel
from costrel.server.body_queue import BodyQueue
from costrel.server.framing import Refusal

__all__ = ["Carrier", "NativeExchange"]

logger: logging.Logger = logging.getLogger("costrel.server")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Carrier(Protocol):
    """What an exchange needs of the connection that carries it."""

    loop_state: LoopState
    peer: tuple[str, int] | None
    request_count: int
    tls: TLSInfo | None

    def note_forwarded(self) -> None:
        """Note that the first request came with a field that proxies write."""
        ...

    def body_arrived(self, byte_count: int) -> None:
        """Note that so many more bytes of bodies are held in memory."""
        ...

    def body_taken(self, byte_count: int) -> None:
        """Note that so many fewer bytes of bodies are held; reading may go on."""
        ...

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport.

        Raises:
            ClientDisconnected: the connection is gone.
        """
        ...

    async def drain(self) -> None:
        """Wait while the client reads too slowly."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...


class NativeExchange:
    """The `Exchange` of the native server; see `costrel.messages.Exchange` for what the names promise.

    Args:
        carrier: the connection.
        method: upper-case.
        version: ``1.0`` or ``1.1``.
        keep_alive: whether the client would use the connection again.
        raw_headers: lower-case names and values, in order.

    Attributes:
        path: the decoded path.
        raw_path: the path as sent.
        query_string: what stood behind ``?``.
        body: what comes of the body, `None` for a request without one, or with one that came with its head.
        arrived: the whole body if it came with the head and nobody has taken it, else `None`.
        refusal: what the server answers by itself, `None` for a request that an application answers.
        is_websocket: whether it is the handshake of a WebSocket.
        has_early_bytes: whether something was read together with such a handshake, behind it.
        is_plain: whether the simplest answer will do once the body is there: HTTP/1.1, not HEAD, and the connection
            goes on.
        status_code: the final status, 0 before it was sent.
        bytes_sent: bytes of the response's body so far, without what frames them.
        started_at: `time.perf_counter` at its start; set only when somebody listens to what it is for.
    """

    # What hardly any request has stands on the class; an instance keeps what differs.
    # PERF: six attributes instead of seventeen, saves 55 ns a request (benchmarks/tricks.py::few_attributes, 3.11)
    body: BodyQueue | None = None
    arrived: bytes | None = None
    refusal: Refusal | None = None
    is_websocket = False
    has_early_bytes = False
    is_disconnected: bool = False
    is_plain: bool = False
    status_code: int = 0
    bytes_sent: int = 0
    _watchers: list[Callable[[], None]] | None = None

    # Trailers are dropped on this transport.
    channel: WebSocketChannel | None = None
    request_trailers: RequestHeaders | None = None
    tls: TLSInfo | None = None

    path: str
    raw_path: bytes
    query_string: bytes
    started_at: float

    def __init__(
        self, carrier: Carrier, method: str, version: str, keep_alive: bool, raw_headers: list[tuple[bytes, bytes]]
    ) -> None:
        self.carrier: Carrier | None = carrier
        self.loop_state: LoopState = carrier.loop_state
        self.peer: tuple[str, int] | None = carrier.peer
        self.method = method
        self.version = version
        self.keep_alive: bool = keep_alive
        self.raw_headers = raw_headers

    @property
    def head_sent(self) -> bool:
        """Whether a final status has been sent."""
        return self.status_code != 0

    @property
    def body_complete(self) -> bool:
        """Whether all of the body has arrived; true when there is none."""
        return self.body is None or self.body.is_complete

    # What the parser and the connection tell it.

    def feed_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self.body is not None:
            grown_bytes = self.body.put(piece)
            if self.carrier is not None and grown_bytes:
                self.carrier.body_arrived(grown_bytes)

    def fail_body(self, error: HTTPError) -> None:
        """Note that the rest of the body will never come, or not in time; the connection cannot be used again."""
        self.keep_alive = False
        if self.body is not None:
            self.body.fail(error)

    def disconnect(self) -> None:
        """Note that the client is gone, and tell whoever asked."""
        if self.is_disconnected:
            return
        self.is_disconnected = True
        self.keep_alive = False
        if self.body is not None:
            self.body.wake()
        watchers, self._watchers = self._watchers, None
        for watcher in watchers or ():
            _call_safely(watcher)

    def discard_body(self) -> None:
        """Drop what is held of the body and what still comes of it."""
        body = self.body
        if body is not None:
            body.is_discarding = True
            dropped_bytes = body.drop()
            if dropped_bytes and self.carrier is not None:
                self.carrier.body_taken(dropped_bytes)

    def end(self) -> None:
        """Let go of the connection, so that nothing that keeps the request keeps the connection too."""
        if self.body is not None:
            self.discard_body()
            # Once raised it holds the frames that it came through, and those hold the exchange.
            self.body.error = None
        self.carrier = self._watchers = self.arrived = None

    # What the application asks of it.

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return the whole body if all of it is here; see `Exchange.take_arrived`."""
        arrived = self.arrived
        if arrived is not None and len(arrived) <= max_bytes:
            self.arrived = None
            return arrived
        body = self.body
        if body is None or not body.is_complete or not body.held_bytes == body.received_bytes <= max_bytes:
            return None
        piece = body.take(max_bytes)
        if self.carrier is not None:
            self.carrier.body_taken(len(piece))
        return piece

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body; see `Exchange.read_body`."""
        arrived = self.arrived
        if arrived is not None:
            self.arrived = arrived[max_bytes:] or None
            return arrived[:max_bytes]
        body = self.body
        while body is not None:
            if body.has_pieces:
                piece = body.take(max_bytes)
                if self.carrier is not None:
                    self.carrier.body_taken(len(piece))
                return piece
            if body.is_complete:
                break
            body.raise_if_ended_early(self.is_disconnected)
            if self.carrier is None:
                raise RequestEnded("read_body")
            if body.expects_continue:
                body.expects_continue = False
                if not self.status_code:
                    self.carrier.write(CONTINUE)
            await body.wait()
        return b""

    async def send_informational(self, status_code: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send an interim response, unless the client speaks HTTP/1.0 or has its final one (RFC 9110 §15.2)."""
        if not 100 <= status_code <= 199 or status_code == 101:
            raise ValueError(f"an interim response has a status from 100 to 199 other than 101, not {status_code}")
        fields = Headers(headers).to_wire()
        if self.version == "1.0" or self.head_sent or self.carrier is None:
            return
        if status_code == 100 and self.body is not None:
            self.body.expects_continue = False
        self.carrier.write(b"%b%b\r\n" % (status_line(status_code), fields))
        await self.carrier.drain()

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        if self.is_disconnected:
            return
        gone: asyncio.Future[None] = self.loop_state.loop.create_future()
        self.on_disconnect(lambda: None if gone.done() else gone.set_result(None))
        await gone

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away; at once if it is gone."""
        if self.is_disconnected:
            _call_safely(callback)
        elif self._watchers is None:
            self._watchers = [callback]
        else:
            self._watchers.append(callback)

    def abort(self) -> None:
        """Cut the connection, so that the client sees the response as incomplete."""
        self.keep_alive = False
        if self.carrier is not None:
            self.carrier.abort()


def _call_safely(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("disconnect_callback_failed callback=%r", callback)
