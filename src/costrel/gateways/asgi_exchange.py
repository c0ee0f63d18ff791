"""One HTTP request of an ASGI server and its response: that server's side of the seam.

There is one reader of the server's messages at a time. Mostly it is whoever reads the body. A disconnect is a message
too, so it is known only to who waits for it: as soon as somebody asks, whether the client is gone or to be told of it,
a task takes over the reading, hands pieces of the body on and waits for the disconnect. A request that nobody asks
costs no task.

Spec: ASGI HTTP 2.5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState
from costrel.gateways.asgi_lifespan import Message, Receive, Send
from costrel.http import RequestHeaders
from costrel.messages import TLSInfo, WebSocketChannel

__all__ = ["ASGIExchange"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

FieldLine = tuple[bytes, bytes]


class ASGIExchange:
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

    __slots__ = (
        "_arrived",
        "_callbacks",
        "_gone",
        "_held",
        "_is_gone",
        "_is_reading",
        "_listener",
        "_receive",
        "_send",
        "_taken",
        "_types",
        "_wants_listener",
        "body_complete",
        "bytes_received",
        "bytes_sent",
        "channel",
        "early_hints",
        "is_aborted",
        "is_complete",
        "loop_state",
        "peer",
        "request_trailers",
        "sends_paths",
        "sends_trailers",
        "status_code",
        "tells_disconnect",
        "tls",
        "watches_stream",
    )

    bytes_received: int
    bytes_sent: int
    early_hints: bool
    is_aborted: bool
    is_complete: bool
    sends_paths: bool
    sends_trailers: bool
    status_code: int
    watches_stream: bool

    def __init__(self, loop_state: LoopState, scope: Message, receive: Receive, send: Send) -> None:
        self.loop_state: LoopState = loop_state
        client = scope.get("client")
        self.peer: tuple[str, int] | None = (client[0], client[1]) if client else None
        self.tls: TLSInfo | None = None
        self.channel: WebSocketChannel | None = None
        self.request_trailers: RequestHeaders | None = None
        self.status_code = self.bytes_sent = self.bytes_received = 0
        self.is_complete = self.is_aborted = self.watches_stream = False
        extensions = scope.get("extensions")
        if extensions:
            self.tls = _tls_of(extensions.get("tls"))
            self.sends_trailers = "http.response.trailers" in extensions
            self.sends_paths = "http.response.pathsend" in extensions and scope["type"] == "http"
            self.early_hints = "http.response.early_hint" in extensions
        else:
            self.sends_trailers = self.sends_paths = self.early_hints = False
        is_websocket = scope["type"] == "websocket"
        self.body_complete: bool = is_websocket
        self.tells_disconnect: bool = not is_websocket
        self._types = ("websocket.http.response.start", "websocket.http.response.body") if is_websocket else _HTTP_TYPES
        self._receive = receive
        self._send = send
        self._held = b""
        self._is_gone = self._is_reading = self._wants_listener = False
        self._listener: asyncio.Task[None] | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[[], None]] | None = None

    # What the application asks of it.

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone; asking the first time begins to listen for it."""
        if not self._is_gone and not self._wants_listener:
            self._want_listener()
        return self._is_gone

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body; see `Exchange.read_body`."""
        while not self._held:
            if self.body_complete:
                return b""
            if self._is_gone:
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
                if self._wants_listener:
                    self._start_listener()
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

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        if self._is_gone:
            return
        if self._gone is None:
            self._gone = self.loop_state.loop.create_future()
        self._want_listener()
        # Shielded, because others may wait for the same future.
        await asyncio.shield(self._gone)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away; at once if it is gone."""
        if self._is_gone:
            _call_safely(callback)
            return
        if self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)
        self._want_listener()

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
            self._want_listener()

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Send a piece of the body; the server makes it wait while the client reads too slowly."""
        # Before it is sent: servers report a disconnect to whoever listens as soon as they have the last piece.
        self.is_complete = is_last
        await self._emit({"type": self._types[1], "body": piece, "more_body": not is_last})
        self.bytes_sent += len(piece)

    async def send_whole(self, status_code: int, fields: list[FieldLine], body: bytes) -> None:
        """Send a whole response at once, with its length; most are sent so.

        Raises:
            ClientDisconnected: the client is gone.
        """
        if self._is_gone:
            raise ClientDisconnected
        size = len(body)
        # Before it is sent, as in `send_piece`.
        self.is_complete = True
        send = self._send
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": status_code,
                    "headers": [*fields, (b"content-length", b"%d" % size)],
                }
            )
            self.status_code = status_code
            await send({"type": "http.response.body", "body": body})
        except OSError:
            self.lose()
            raise ClientDisconnected from None
        self.bytes_sent = size

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
        if self._is_gone:
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
        if self._is_gone:
            return
        self._is_gone = True
        for waiter in (self._arrived, self._gone):
            _resolve(waiter)
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            _call_safely(callback)

    def end(self) -> None:
        """Let go of the server; nobody listens to it any more."""
        self.tells_disconnect = False
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        self._callbacks = self.channel = None
        self._held = b""

    # The one reader.

    def _want_listener(self) -> None:
        """Have a task read from now on, as soon as nobody else does."""
        if self._wants_listener or not self.tells_disconnect:
            return
        self._wants_listener = True
        if self._is_reading:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # A `def` handler asks, in its thread.
            self.loop_state.loop.call_soon_threadsafe(self._start_listener)
        else:
            self._start_listener()

    def _start_listener(self) -> None:
        is_over = self._is_gone or self.is_complete or not self.tells_disconnect
        if self._listener is None and not is_over and not self._is_reading:
            self._listener = self.loop_state.loop.create_task(self._listen(), name="costrel.asgi.disconnect")

    async def _listen(self) -> None:
        """Read until the client is gone; at most one piece of the body is held meanwhile."""
        while not self._is_gone:
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
        piece = message.get("body", b"")
        self.bytes_received += len(piece)
        self._held += piece
        if not message.get("more_body", False):
            self.body_complete = True


_HTTP_TYPES = ("http.response.start", "http.response.body")
_TLS_VERSIONS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


def _tls_of(extension: Message | None) -> TLSInfo | None:
    """Read the TLS extension of a scope."""
    if extension is None:
        return None
    return TLSInfo(version=_TLS_VERSIONS.get(extension.get("tls_version") or 0, ""))


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _call_safely(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("disconnect_callback_failed callback=%r", callback)
