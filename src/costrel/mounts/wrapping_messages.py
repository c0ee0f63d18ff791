"""The three ways between our own application and ASGI messages, when it is what stands inside middleware.

`MessageSink` makes messages of a response, `InnerExchange` a body of the messages that the middleware lets through, and
`InnerChannel` a socket of both. Where the middleware has put a `receive` or `send` of its own in between, it is used.

Spec: ASGI HTTP and WebSocket 2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from costrel.errors import ClientDisconnected, Disconnect
from costrel.execution import LoopState
from costrel.http import RequestHeaders
from costrel.messages import Exchange, TLSInfo, WebSocketChannel
from costrel.mounts.asgi_types import Message, Receive, Send
from costrel.mounts.hand_over import is_wanted_end

__all__ = ["InnerChannel", "InnerExchange", "MessageSink"]

FieldLine = tuple[bytes, bytes]

NO_STATUS_RECEIVED = 1005
ABNORMAL_CLOSURE = 1006


class MessageSink:
    """Where a response goes that middleware is to see; a `ResponseSink`.

    Args:
        send: the middleware's.
        kind: what the types of its messages begin with: ``http.response`` or ``websocket.http.response``.
        sends_trailers: whether trailer fields may be sent.
        sends_head_first: whether the head must not wait for a piece of the body.

    Attributes:
        is_refused: whether nobody wants what is sent any more.
    """

    __slots__ = ("_kind", "_send", "_sends_head_first", "is_refused", "sends_trailers")

    def __init__(self, send: Send, kind: str, *, sends_trailers: bool, sends_head_first: bool) -> None:
        self.sends_trailers: bool = sends_trailers
        self.is_refused: bool = False
        self._send = send
        self._kind = kind
        self._sends_head_first = sends_head_first

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Send status and header fields."""
        message: Message = {"type": f"{self._kind}.start", "status": status_code, "headers": fields}
        if has_trailers:
            message["trailers"] = True
        await self._emit(message)
        if self._sends_head_first:
            # The head is passed on with the first message that has a body, even an empty one.
            await self._emit({"type": f"{self._kind}.body", "body": b"", "more_body": True})

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Send a piece of the body, and wait until the next one is wanted."""
        await self._emit({"type": f"{self._kind}.body", "body": piece, "more_body": not is_last})

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Send the trailer fields."""
        await self._emit({"type": f"{self._kind}.trailers", "headers": list(fields), "more_trailers": False})

    async def _emit(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            # Another one may be the middleware's own.
            if not is_wanted_end(error):
                raise
            self.is_refused = True
            raise ClientDisconnected from None


class InnerExchange:
    """The exchange of a request whose body comes through middleware; anything else is as it was.

    Args:
        outer: the exchange as the transport, or whoever stands outside, has made it.
        receive: the middleware's.
    """

    __slots__ = ("_held", "_is_complete", "_offset", "_outer", "_receive")

    channel: WebSocketChannel | None
    loop_state: LoopState
    peer: tuple[str, int] | None
    request_trailers: RequestHeaders | None
    status_code: int
    tls: TLSInfo | None

    def __init__(self, outer: Exchange, receive: Receive) -> None:
        self._outer = outer
        self._receive: Receive | None = receive
        self._held = b""
        self._offset = 0
        self._is_complete = False

    def __getattr__(self, name: str) -> object:  # reached for all that is not the body's
        return getattr(self._outer, name)

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone."""
        return self._outer.is_disconnected

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body; see `Exchange.read_body`."""
        while self._offset >= len(self._held):
            if self._is_complete:
                return b""
            if self._receive is None:
                raise ClientDisconnected
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientDisconnected
            self._held, self._offset = bytes(message.get("body", b"")), 0
            self._is_complete = not message.get("more_body", False)
        start = self._offset
        self._offset = min(start + max_bytes, len(self._held))
        return self._held[start : self._offset]

    def end(self) -> None:
        """Let go of the middleware, which has ended; there is no more body."""
        self._receive = None

    async def send_informational(self, status_code: int, headers: Sequence[FieldLine]) -> None:
        """Send an interim response, which middleware does not see."""
        await self._outer.send_informational(status_code, headers)

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        await self._outer.wait_disconnected()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away."""
        self._outer.on_disconnect(callback)

    def abort(self) -> None:
        """Cut the connection."""
        self._outer.abort()


class InnerChannel:
    """An accepted WebSocket whose messages go through middleware; a `WebSocketChannel`.

    Args:
        receive: the middleware's.
        send: the middleware's.
    """

    __slots__ = ("_closed", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._closed: Disconnect | None = None

    async def receive(self) -> str | bytes:
        """Wait for the next message; see `WebSocketChannel.receive`."""
        self._check_open()
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise self._close_with(message.get("code") or NO_STATUS_RECEIVED, message.get("reason") or "")
        text: str | None = message.get("text")
        return text if text is not None else bytes(message.get("bytes") or b"")

    async def send(self, message: str | bytes) -> None:
        """Send one message; see `WebSocketChannel.send`."""
        self._check_open()
        key = "text" if isinstance(message, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", key: message})
        except OSError as error:
            if not is_wanted_end(error):
                raise
            raise self._close_with(ABNORMAL_CLOSURE, "") from None

    async def close(self, code: int, reason: str) -> None:
        """Close; see `WebSocketChannel.close`."""
        if self._closed is None:
            self._close_with(code, reason)
            try:
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
            except OSError as error:
                if not is_wanted_end(error):
                    raise

    def _check_open(self) -> None:
        if self._closed is not None:
            raise Disconnect(self._closed.code, self._closed.reason)

    def _close_with(self, code: int, reason: str) -> Disconnect:
        """Note how it was closed, and return what says so; what is kept is never raised."""
        self._closed = Disconnect(code, reason)
        return Disconnect(code, reason)
