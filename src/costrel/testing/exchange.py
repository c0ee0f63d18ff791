"""A request and its response in memory: the test clients' side of the seam.

A `MemoryExchange` is fed with the body of a request and keeps what the application sends, until the client takes it.
It implements `Exchange` for the application and `ResponseSink` for whoever sends; the client looks at the rest. With
`is_streaming` the application waits until a piece was taken, as with a socket whose other end reads slowly; without
it everything is kept.

Everything here runs on one event loop. Who starts the application is in `calls`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence

from costrel.errors import ClientDisconnected, OutsideRequest
from costrel.execution import LoopState
from costrel.http import RequestHeaders
from costrel.messages import TLSInfo, WebSocketChannel

__all__ = ["DetachedExchange", "MemoryExchange", "RequestContent"]

logger: logging.Logger = logging.getLogger("costrel.testing")

RequestContent = bytes | Iterable[bytes] | AsyncIterable[bytes]
FieldLine = tuple[bytes, bytes]


class DetachedExchange:
    """The exchange of a request that no client has sent: it has a body, and nowhere to answer to.

    Args:
        content: the body of the request.
        peer: address and port of the client.

    Attributes:
        loop_state: never set; asking for it raises `OutsideRequest`.
    """

    loop_state: LoopState
    is_disconnected = False
    status_code: int = 0
    request_trailers: RequestHeaders | None = None
    tls: TLSInfo | None = None
    channel: WebSocketChannel | None = None

    def __init__(self, content: RequestContent, peer: tuple[str, int] | None) -> None:
        self.peer = peer
        self._pieces = _iterate(content)
        self._rest = b""

    def __getattr__(self, name: str) -> LoopState:  # reached only for what is not set, such as `loop_state`
        raise OutsideRequest(name)

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Return the next piece of the body, ``b""`` at its end; see `Exchange.read_body`."""
        while not self._rest:
            pieces = self._pieces
            try:
                self._rest = await anext(pieces) if isinstance(pieces, AsyncIterator) else next(pieces)
            except (StopIteration, StopAsyncIteration):
                return b""
        piece, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return piece

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Drop an interim response."""

    async def wait_disconnected(self) -> None:
        """Wait for ever: nobody can leave."""
        await asyncio.get_running_loop().create_future()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Forget the callback: nobody can leave."""

    def abort(self) -> None:
        """Do nothing: there is nothing to cut off."""


class MemoryExchange:
    """One request of a test client and its response; see `Exchange` for what the names promise.

    Args:
        content: the body of the request.
        peer: address and port of the client.
        loop_state: what the application has on the loop.
        is_streaming: whether the application waits until the client takes what it sends.

    Attributes:
        status_code: of the response, 0 before its head was sent.
        fields: the header fields of the response.
        trailers: its trailer fields.
        informational: interim responses, as pairs of status and fields.
        bytes_sent: how much of the body was sent.
        is_complete: whether the application has sent everything.
        is_aborted: whether it cut the response off.
    """

    sends_trailers = True

    bytes_sent: int
    is_aborted: bool
    is_complete: bool
    status_code: int

    def __init__(
        self,
        content: RequestContent,
        peer: tuple[str, int] | None,
        loop_state: LoopState,
        *,
        is_streaming: bool = False,
    ) -> None:
        self.loop_state = loop_state
        self.peer = peer
        self.tls: TLSInfo | None = None
        self.channel: WebSocketChannel | None = None
        self.request_trailers: RequestHeaders | None = None
        self.is_disconnected: bool = False
        self.status_code = self.bytes_sent = 0
        self.fields: list[FieldLine] = []
        self.trailers: list[FieldLine] = []
        self.informational: list[tuple[int, list[FieldLine]]] = []
        self.is_complete = self.is_aborted = False
        self._body = DetachedExchange(content, peer)
        self.is_streaming = is_streaming
        self._pieces: deque[bytes] = deque()
        self._changed: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._disconnect_callbacks: list[Callable[[], None]] = []

    # What the application asks of it.

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Return the next piece of the body; see `Exchange.read_body`."""
        if self.is_disconnected:
            raise ClientDisconnected
        return await self._body.read_body(max_bytes)

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Keep an interim response for the test."""
        self.informational.append((status_code, list(headers)))

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        if self.is_disconnected:
            return
        if self._gone is None:
            self._gone = self.loop_state.loop.create_future()
        # Shielded, because others may wait for the same future.
        await asyncio.shield(self._gone)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away; at once if it is gone."""
        if self.is_disconnected:
            callback()
        else:
            self._disconnect_callbacks.append(callback)

    def abort(self) -> None:
        """Cut the response off, so that the client sees that it is not complete."""
        self.is_aborted = True
        self.disconnect()

    # What the sender of the response asks of it.

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Keep the head and show it to the client."""
        if self.is_disconnected:
            raise ClientDisconnected
        self.status_code = status_code
        self.fields = fields
        self.notify()

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Keep a piece of the body until the client takes it."""
        if piece:
            while self.is_streaming and self._pieces and not self.is_disconnected:
                self._taken = self.loop_state.loop.create_future()
                await self._taken
            if self.is_disconnected:
                raise ClientDisconnected
            self.bytes_sent += len(piece)
            self._pieces.append(piece)
            self.notify()
        self.is_complete = is_last

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Keep the trailer fields."""
        self.trailers = list(fields)

    # What the client does with it.

    def next_change(self) -> asyncio.Future[None]:
        """Return a future that is done when the application has sent something more."""
        if self._changed is None or self._changed.done():
            self._changed = self.loop_state.loop.create_future()
        return self._changed

    def take_piece(self) -> bytes:
        """Take the oldest piece of the body that is there, ``b""`` when there is none now."""
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        _resolve(self._taken)
        return piece

    def disconnect(self) -> None:
        """Leave: from now on the application sees that the client is gone."""
        if self.is_disconnected:
            return
        self.is_disconnected = True
        for waiter in (self._taken, self._gone, self._changed):
            _resolve(waiter)
        callbacks, self._disconnect_callbacks = self._disconnect_callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                logger.exception("disconnect_callback_failed callback=%r", callback)

    def notify(self) -> None:
        """Show the client that something has changed."""
        _resolve(self._changed)


def _iterate(content: RequestContent) -> Iterator[bytes] | AsyncIterator[bytes]:
    if isinstance(content, bytes):
        return iter((content,))
    return aiter(content) if isinstance(content, AsyncIterable) else iter(content)


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
