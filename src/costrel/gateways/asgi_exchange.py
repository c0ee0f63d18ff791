"""One HTTP request of an ASGI server and its response: that server's side of the seam.

There is one reader of the server's messages at a time. Mostly it is whoever reads the body. A disconnect is a message
too, so it is known only to who waits for it: as soon as somebody asks (`ClientWatch`), a task takes over the reading,
hands pieces of the body on and waits for the disconnect.

Spec: ASGI HTTP 2.5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState
from costrel.gateways.asgi_lifespan import Message, Receive, Send
from costrel.gateways.client_watch import ClientWatch
from costrel.http import RequestHeaders
from costrel.messages import TLSInfo, WebSocketChannel

__all__ = ["ASGIExchange"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

FieldLine = tuple[bytes, bytes]


class ASGIExchange(ClientWatch):
    """The `Exchange` and the `ResponseSink` of the ASGI gateway.

    Args:
        loop_state: what the application has on the loop.
        scope: of the connection.
        receive: gives the server's messages.
        send: takes the application's.

    Attributes:
        status_code: of the response, 0 before its head was sent.
        bytes_received: how much of the request's body the server has given.
        bytes_sent: how much of the body was given to the server.
        is_complete: whether the server has the whole response.
        watches_stream: whether to listen for a disconnect once the head was sent, because the server's `send` does not
            tell.
        is_aborted: whether the application cut it off.
        body_complete: whether the whole body was received.
    """

    # What hardly any request has stands on the class; an instance keeps what differs.
    channel: WebSocketChannel | None = None
    request_trailers: RequestHeaders | None = None
    tls: TLSInfo | None = None
    status_code: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    is_complete: bool = False
    is_aborted: bool = False
    watches_stream: bool = False
    body_complete: bool = False
    tells_disconnect: bool = True
    sends_trailers: bool = False
    sends_paths: bool = False
    early_hints: bool = False
    _types = ("http.response.start", "http.response.body")
    _held = b""
    _is_reading = False
    _listener: asyncio.Task[None] | None = None
    _arrived: asyncio.Future[None] | None = None
    _taken: asyncio.Future[None] | None = None

    def __init__(self, loop_state: LoopState, scope: Message, receive: Receive, send: Send) -> None:
        self.loop_state: LoopState = loop_state
        client = scope.get("client")
        self.peer: tuple[str, int] | None = client if type(client) is tuple else _peer_of(client)
        self._receive = receive
        self._send = send
        is_websocket = scope["type"] == "websocket"
        if is_websocket:
            self.body_complete = True
            self.is_used: bool = True
            self.tells_disconnect = False
            self._types = _HANDSHAKE_TYPES
        extensions = scope.get("extensions")
        if extensions:
            self.tls = _tls_of(extensions.get("tls"))
            self.sends_trailers = "http.response.trailers" in extensions
            self.sends_paths = "http.response.pathsend" in extensions and not is_websocket
            self.early_hints = "http.response.early_hint" in extensions

    # What the application asks of it.

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body; see `Exchange.read_body`."""
        while not self._held:
            if self.body_complete:
                return b""
            if self.is_gone:
                raise ClientDisconnected
            if self._is_reading:
                raise RuntimeError("two tasks read the body of one request at the same time")
            self._is_reading = True
            try:
                if self._listener is not None:
                    self._arrived = self.loop_state.loop.create_future()
                    await self._arrived
                else:
                    self._take_message(await self._receive())
            finally:
                self._is_reading = False
                if self.is_watched:
                    self.start_listening()
        held = self._held
        piece, self._held = held[:max_bytes], held[max_bytes:]
        if not self._held:
            _resolve(self._taken)
        return piece

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Send 103 to a server that knows it; other interim responses have no message in ASGI and are dropped."""
        links = [value for name, value in headers if name == b"link"]
        if status_code == 103 and links and self.early_hints and not self.status_code:
            await self._emit({"type": "http.response.early_hint", "links": links})

    def abort(self) -> None:
        """Cut the response off; the gateway tells the server by raising."""
        self.is_aborted = True
        self.lose()

    # What the sender of the response asks of it.

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Send status and header fields."""
        message: Message = {"type": self._types[0], "status": status_code, "headers": fields}
        if has_trailers:
            message["trailers"] = True
        await self._emit(message)
        self.status_code = status_code
        if self.watches_stream:
            self.watch()

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Send a piece of the body; the server makes it wait while the client reads too slowly."""
        # Before it is sent: servers report a disconnect to whoever listens as soon as they have the last piece.
        self.is_complete = is_last
        await self._emit({"type": self._types[1], "body": piece, "more_body": not is_last})
        self.bytes_sent += len(piece)

    async def send_path(self, path: str, size_bytes: int) -> None:
        """Have the server send a file as the whole body."""
        # Before it is sent, as in `send_piece`.
        self.is_complete = True
        await self._emit({"type": "http.response.pathsend", "path": path})
        self.bytes_sent += size_bytes

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Send the trailer fields."""
        await self._emit({"type": "http.response.trailers", "headers": list(fields), "more_trailers": False})

    async def _emit(self, message: Message) -> None:
        if self.is_gone:
            raise ClientDisconnected
        try:
            await self._send(message)
        except OSError:
            # ASGI 2.4: the client is gone.
            self.lose()
            raise ClientDisconnected from None

    # What the gateway asks of it.

    def lose(self) -> None:
        """Note that the client is gone, and tell whoever asked."""
        super().lose()
        _resolve(self._arrived)

    def end(self) -> None:
        """Let go of the server; nobody listens to it any more."""
        self.tells_disconnect = False
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        self.forget_callbacks()
        if self.channel is not None or self._held:
            self.channel = None
            self._held = b""

    # The one reader.

    def start_listening(self) -> None:
        """Have a task read from now on, as soon as nobody else does."""
        is_over = self.is_gone or self.is_complete or not self.tells_disconnect
        if self._listener is None and not is_over and not self._is_reading:
            self._listener = self.loop_state.loop.create_task(self._listen(), name="costrel.asgi.disconnect")

    async def _listen(self) -> None:
        """Read until the client is gone; at most one piece of the body is held meanwhile."""
        while not self.is_gone:
            if self._held and not self.body_complete:
                self._taken = self.loop_state.loop.create_future()
                await self._taken
                continue
            try:
                message = await self._receive()
            except Exception:
                logger.exception("receive_failed")
                self.lose()
                return
            if self.is_complete:
                return
            self._take_message(message)
            _resolve(self._arrived)

    def _take_message(self, message: Message) -> None:
        if message["type"] != "http.request":
            self.lose()
            return
        self.is_used = True
        piece = message.get("body", b"")
        self.bytes_received += len(piece)
        self._held += piece
        if not message.get("more_body", False):
            self.body_complete = True


_HANDSHAKE_TYPES = ("websocket.http.response.start", "websocket.http.response.body")
_TLS_VERSIONS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


def _tls_of(extension: Message | None) -> TLSInfo | None:
    """Read the TLS extension of a scope."""
    if extension is None:
        return None
    return TLSInfo(version=_TLS_VERSIONS.get(extension.get("tls_version") or 0, ""))


def _peer_of(client: Sequence[Any] | None) -> tuple[str, int] | None:
    """Read the address of the client where it is no tuple."""
    return (client[0], client[1]) if client else None


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
