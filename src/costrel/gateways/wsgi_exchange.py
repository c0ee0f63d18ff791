"""One request of a WSGI server and its response: that server's side of the seam.

The application runs on the loop, the server waits in its own thread. That thread is the request's worker: it reads
``wsgi.input``, runs the synchronous steps and takes what the loop tells it, a `Head`, pieces, and the `End`, all from
one mailbox. A piece is handed over and waited for until the server has come back for the next one, so a response is
never made ahead of its client.

WSGI has no way to say that a client has left while nothing is sent. It is known when the server closes the answer, or
when ``wsgi.input`` ends too early.

Spec: PEP 3333.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from costrel.errors import ClientDisconnected
from costrel.execution import Caller, LoopState, WorkerContext
from costrel.gateways.wsgi_request import Environ
from costrel.http import RequestHeaders
from costrel.messages import TLSInfo, WebSocketChannel

__all__ = ["SMALL_BODY_BYTES", "End", "Head", "WSGIExchange"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

FieldLine = tuple[bytes, bytes]

SMALL_BODY_BYTES: Final = 16 * 1024
"""What is not longer is read before the loop is asked, which saves waking two threads."""


@dataclass(slots=True)
class Head:
    """What is told first of a response.

    Args:
        status_code: of the final response.
        fields: the header fields, without those of a single connection.
        body: the whole body when it is there, `None` when pieces follow.
        file: what the server sends instead, from its position on; it closes it.
        is_over: whether the exchange has ended, so that nothing more is told.
    """

    status_code: int
    fields: list[FieldLine]
    body: bytes | None = None
    file: BinaryIO | None = None
    is_over: bool = False


@dataclass(slots=True)
class End:
    """What is told last.

    Args:
        failure: what broke the response off, `None` when it is complete or nobody is left to take it.
    """

    failure: BaseException | None = None


class WSGIExchange:
    """The `Exchange` and the `ResponseSink` of the WSGI gateway; it is used on the loop.

    Args:
        loop_state: what the application has on the loop.
        caller: the thread of the server.
        environ: of the request.
        length: of the request's body, `None` up to the end of the input.

    Attributes:
        worker: the context of the request's threads, which is that of the server's thread alone.
        task: what answers the request.
        status_code: of the response, 0 before its head was told.
        bytes_received: how much of the request's body was read.
        bytes_sent: how much of the response's body was handed over.
        body_complete: whether the whole body was received.
        file_wrapper: what makes a file into an answer that the server sends by itself, `None` when it has none.
        holds_head: whether the head is told together with the whole body, not before.
        is_aborted: whether the application cut the response off.
        is_gone: whether the client is known to be gone.
    """

    channel: WebSocketChannel | None = None
    request_trailers: RequestHeaders | None = None
    tls: TLSInfo | None = None
    sends_trailers: bool = False
    status_code: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    holds_head: bool = False
    is_aborted: bool = False
    is_gone: bool = False
    task: asyncio.Task[None] | None = None
    _arrived = b""
    _held: Head | None = None
    _is_complete = False
    _content_length: int | None = None
    _wanted: asyncio.Future[None] | None = None
    _gone: asyncio.Future[None] | None = None
    _callbacks: list[Callable[[], None]] | None = None

    def __init__(self, loop_state: LoopState, caller: Caller, environ: Environ, length: int | None) -> None:
        self.loop_state: LoopState = loop_state
        self.caller: Caller = caller
        self.worker: WorkerContext = WorkerContext()
        self.worker.caller = caller
        self.peer: tuple[str, int] | None = _peer_of(environ)
        if "SSL_PROTOCOL" in environ:
            self.tls = TLSInfo(environ["SSL_PROTOCOL"], environ.get("SSL_CIPHER") or "")
        self.body_complete: bool = length == 0
        self._left_bytes = length
        self._read = environ["wsgi.input"].read
        self.file_wrapper: Callable[[BinaryIO, int], Iterable[bytes]] | None = environ.get("wsgi.file_wrapper")

    # What the application asks of it.

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone."""
        return self.is_gone

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return the whole body if it was read beforehand; see `Exchange.take_arrived`."""
        arrived = self._arrived
        if not arrived or not self.body_complete or len(arrived) > max_bytes:
            return None
        self._arrived = b""
        return arrived

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body, read by the server's thread; see `Exchange.read_body`."""
        if self._arrived:
            piece, self._arrived = self._arrived[:max_bytes], self._arrived[max_bytes:]
            return piece
        if self.body_complete:
            return b""
        if self.is_gone:
            raise ClientDisconnected
        return await self.caller.submit(self._read_piece, max_bytes)

    def read_beforehand(self) -> None:
        """Read a small body before anybody asks for it; in the server's thread, and before the loop knows of it."""
        try:
            self._arrived = self._read_piece(SMALL_BODY_BYTES)
        except ClientDisconnected:
            # Whoever asks for the body finds it shorter than it should be.
            pass

    def _read_piece(self, max_bytes: int) -> bytes:
        """Read from the server; in its thread."""
        left = self._left_bytes
        try:
            piece: bytes = self._read(max_bytes if left is None or left > max_bytes else left)
        except OSError:
            self.body_complete = True
            raise ClientDisconnected from None
        self.bytes_received += len(piece)
        if left is not None:
            self._left_bytes = left = left - len(piece)
        if not piece or left == 0:
            self.body_complete = True
            if left:
                raise ClientDisconnected
        return piece

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Drop an interim response: WSGI has no way to send one."""

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        if self.is_gone:
            return
        if self._gone is None:
            self._gone = self.loop_state.loop.create_future()
        # Shielded, because others may wait for the same future.
        await asyncio.shield(self._gone)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away; at once if it is gone."""
        if self.is_gone:
            _call_safely(callback)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def abort(self) -> None:
        """Cut the response off; the server is told by an exception."""
        self.is_aborted = True
        self.lose()

    # What the sender of the response asks of it.

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Tell the head, at once or together with the body."""
        if self.is_gone:
            raise ClientDisconnected
        head = Head(status_code, fields)
        if fields and fields[-1][0] == b"content-length":
            self._content_length = int(fields[-1][1])
        if self.holds_head:
            self._held = head
        else:
            self.status_code = status_code
            self.caller.tell(head)

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Hand a piece over, and wait until the server comes back for the next one."""
        if self.is_gone:
            raise ClientDisconnected
        self._is_complete = is_last
        self.bytes_sent += len(piece)
        head = self._held
        if head is not None:
            # The whole response; whoever ends the exchange hands it over.
            head.body = piece
            self.status_code = head.status_code
            return
        if piece:
            self._wanted = self.loop_state.loop.create_future()
            self.caller.tell(piece)
            await self._wanted
            self._wanted = None
            if self.is_disconnected and not is_last:
                raise ClientDisconnected

    def send_file(self, file: BinaryIO, size_bytes: int) -> None:
        """Have the server send an open file as the whole body; the head must have been held."""
        if self._held is None:
            raise RuntimeError("the head of a file is told together with it")
        self._is_complete = True
        self.bytes_sent = size_bytes
        self.status_code = self._held.status_code
        self._held.file = file

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Drop them; never called, because `sends_trailers` says so."""

    # What the gateway asks of it.

    async def refuse(self, status_code: int, text: bytes) -> None:
        """Prepare a fixed text as the whole response."""
        self.holds_head = True
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
        try:
            await self.send_head(status_code, fields, has_trailers=False)
            await self.send_piece(text, is_last=True)
        except ClientDisconnected:
            self.status_code = 499

    async def hand_over(self) -> None:
        """Hand a whole response over before the exchange has ended, and wait until the server has taken it."""
        head, self._held = self._held, None
        if head is not None:
            self._wanted = self.loop_state.loop.create_future()
            self.caller.tell(head)
            await self._wanted
            self._wanted = None

    def want(self) -> None:
        """Note that the server has come back for the next piece."""
        _resolve(self._wanted)

    def leave(self) -> None:
        """Note that the server has closed the answer."""
        if not self._is_complete and self.bytes_sent != self._content_length:
            self.lose()
        _resolve(self._wanted)

    def abandon(self) -> None:
        """Note that the server's thread has gone without waiting for the end: what is left runs in other threads."""
        self.worker.caller = None
        self.caller.leave()
        self.lose()

    def lose(self) -> None:
        """Note that the client is gone, and tell whoever asked."""
        if self.is_gone:
            return
        self.is_gone = True
        _resolve(self._gone)
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            _call_safely(callback)
        _resolve(self._wanted)

    def finish(self, failure: BaseException | None) -> None:
        """Tell the end; nothing is told after it.

        Args:
            failure: what has broken the response off.
        """
        # What is left of the request afterwards has to go elsewhere.
        self.worker.caller = self._callbacks = None
        # It knows the request's context, and that knows this.
        self.task = None
        head, self._held = self._held, None
        if head is not None:
            head.is_over = True
            self.caller.tell(head)
        else:
            self.caller.tell(End(failure))


def _peer_of(environ: Environ) -> tuple[str, int] | None:
    """Return address and port of the client; a Unix socket has none."""
    address: str = environ.get("REMOTE_ADDR") or ""
    if not address:
        return None
    port: str = str(environ.get("REMOTE_PORT") or "")
    return address, int(port) if port.isascii() and port.isdigit() else 0


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _call_safely(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("disconnect_callback_failed callback=%r", callback)
