"""One HTTP request of an RSGI server and its response: that server's side of the seam.

Reading the body and listening for a disconnect are two things here, unlike with ASGI. How a response is sent has to be
known with its head: whole, as a file, in pieces, or without content. So the head of a response with a length waits for
the first piece; that of a stream goes out at once.

A body that breaks off ends like a complete one. It is told apart by its Content-Length, or by the empty piece that the
server gives for the error before the one for the end.

Spec: RSGI 1.5, HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState
from costrel.gateways.client_watch import ClientWatch
from costrel.gateways.rsgi_cutting import cut_connection
from costrel.gateways.rsgi_interface import FieldPair, RSGIProtocol, RSGIScope, RSGIStream
from costrel.gateways.rsgi_reading import SafeReader
from costrel.http import RequestHeaders, has_no_content
from costrel.messages import TLSInfo, WebSocketChannel

__all__ = ["RSGIExchange", "text_fields"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

FieldLine = tuple[bytes, bytes]


class RSGIExchange(ClientWatch):
    """The `Exchange` and the `PathSink` of the RSGI gateway.

    Args:
        loop_state: what the application has on the loop.
        scope: the head of the request.
        protocol: takes the response; `None` for a handshake, which is answered otherwise.

    Attributes:
        status_code: of the response, 0 before its head was decided on.
        expected_bytes: the length of the request's body when its head says it, else `None`.
        has_trailers: whether the request may have trailer fields.
        bytes_received: how much of the request's body the server has given.
        bytes_sent: how much of the body was given to the server.
        is_complete: whether the server has the whole response.
        is_aborted: whether the application cut it off.
        body_complete: whether the whole body was received.
    """

    channel: WebSocketChannel | None = None
    request_trailers: RequestHeaders | None = None
    tls: TLSInfo | None = None
    status_code: int = 0
    expected_bytes: int | None = None
    has_trailers: bool = False
    bytes_sent: int = 0
    bytes_received: int = 0
    is_complete: bool = False
    is_aborted: bool = False
    body_complete: bool = False
    sends_trailers: bool = False
    sends_paths: bool = True
    _held = b""
    _is_reading = False
    _reader: SafeReader[bytes | None] | None = None
    _listener: asyncio.Task[None] | None = None
    _fields: list[FieldPair] | None = None
    _has_length = False
    _stream: RSGIStream | None = None

    def __init__(self, loop_state: LoopState, scope: RSGIScope, protocol: RSGIProtocol | None) -> None:
        self.loop_state = loop_state
        self._scope = scope
        self._protocol = protocol
        self._is_head = scope.method == "HEAD"
        self.peer: tuple[str, int] | None = _address_of(scope.client)
        self.body_complete = protocol is None

    # What the application asks of it.

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body; see `Exchange.read_body`."""
        if not self._held and not self.body_complete:
            if self._is_reading:
                raise RuntimeError("two tasks read the body of one request at the same time")
            self._is_reading = True
            try:
                await self._receive()
            finally:
                self._is_reading = False
        held = self._held
        piece, self._held = held[:max_bytes], held[max_bytes:]
        return piece

    async def _receive(self) -> None:
        """Wait until some of the body is held or it is complete."""
        if self.is_gone or self._protocol is None:
            raise ClientDisconnected
        if self._reader is None:
            pieces = aiter(self._protocol)
            self._reader = SafeReader(lambda: _next_of(pieces))
        piece = await self._reader.next()
        if piece:
            self.bytes_received += len(piece)
            self._held = piece
            self.body_complete = self.bytes_received == self.expected_bytes
            return
        # The end is an empty piece and then none; an error is one more empty piece, and so are trailer fields.
        empty_count = 0
        while piece is not None:
            empty_count += 1
            piece = await self._reader.next()
        if self.expected_bytes is not None or (empty_count > 1 and not self.has_trailers):
            self.lose()
            raise ClientDisconnected
        self.body_complete = True

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Do nothing: RSGI has no interim responses."""

    def start_listening(self) -> None:
        """Have a task wait for the disconnect; a handshake has none, its socket tells."""
        if self._protocol is not None and not self.is_gone:
            self._listener = self.loop_state.loop.create_task(self._listen(), name="costrel.rsgi.disconnect")

    async def _listen(self) -> None:
        if self._protocol is not None:
            await self._protocol.client_disconnect()
            if not self.is_complete:
                self.lose()

    def abort(self) -> None:
        """Cut the response off."""
        self.is_aborted = True
        if not self.is_complete:
            self._cut()
        self.lose()

    # What the sender of the response asks of it.

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Decide on status and header fields; they go out with the first piece, or now if there is no length."""
        if self.is_gone or self._protocol is None:
            raise ClientDisconnected
        pairs = text_fields(fields)
        self.status_code = status_code
        if self._is_head or has_no_content(status_code):
            self.is_complete = True
            self._protocol.response_empty(status_code, pairs)
        elif any(name == b"content-length" for name, _ in fields):
            self._fields = pairs
            self._has_length = True
        else:
            self._stream = self._protocol.response_stream(status_code, pairs)

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Send a piece of the body; how fast the client reads RSGI does not say."""
        if self.is_gone:
            raise ClientDisconnected
        fields, self._fields = self._fields, None
        if fields is not None and self._protocol is not None:
            if is_last:
                self.is_complete = True
                self.bytes_sent = len(piece)
                self._protocol.response_bytes(self.status_code, fields, piece)
                return
            self._stream = self._protocol.response_stream(self.status_code, fields)
        if self._stream is not None:
            if piece:
                try:
                    await self._stream.send_bytes(piece)
                except RuntimeError:
                    self.lose()
                    raise ClientDisconnected from None
                self.bytes_sent += len(piece)
            if is_last:
                self.is_complete = True
                self._stream = None

    async def send_path(self, path: str, size_bytes: int) -> None:
        """Have the server send a file as the whole body."""
        if self.is_gone or self._protocol is None:
            raise ClientDisconnected
        fields, self._fields = self._fields or [], None
        self.is_complete = True
        self._protocol.response_file(self.status_code, fields, path)
        self.bytes_sent = size_bytes

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Do nothing: RSGI has no trailer fields, and `sends_trailers` says so."""

    # What the gateway asks of it.

    def send_plain(self, status_code: int, fields: list[FieldPair], body: bytes) -> None:
        """Send a whole response whose fields are text already."""
        if self._protocol is not None:
            self.status_code = status_code
            self.is_complete = True
            self._protocol.response_bytes(status_code, fields, body)
            self.bytes_sent = len(body)

    def end(self) -> None:
        """Let go of the server; a stream that broke off is cut before that makes it look complete."""
        if self._stream is not None and not (self.is_complete or self.is_gone or self._has_length):
            self._cut()
        self.is_watched = True
        self.forget_callbacks()
        self.channel = self._stream = None
        for waiting in (self._reader, self._listener):
            if isinstance(waiting, SafeReader):
                waiting.stop()
            elif waiting is not None:
                waiting.cancel()
        self._held = b""

    def _cut(self) -> None:
        if not cut_connection(self._scope.server, self._scope.client):
            logger.warning("response_not_cut path=%.200r reason=connection_not_found", self._scope.path)


async def _next_of(pieces: AsyncIterator[bytes]) -> bytes | None:
    # COMPAT: granian 2.8 crashes when its awaitable is given to `anext` with a default.
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        return None


def text_fields(lines: Sequence[FieldLine]) -> list[FieldPair]:
    """Make the header fields of a response text; the server sends it as UTF-8."""
    return [(name.decode("ascii"), _text_of(value)) for name, value in lines]


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _address_of(text: str) -> tuple[str, int] | None:
    """Read ``host:port``; there is none on a Unix socket."""
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None
