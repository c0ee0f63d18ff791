"""An accepted WebSocket of an ASGI server, as handlers' `WebSocket` wants it.

Spec: ASGI WebSocket 2.5.
"""

from __future__ import annotations

from collections.abc import Callable

from costrel.errors import Disconnect
from costrel.gateways.asgi_lifespan import Message, Receive, Send

__all__ = ["ASGIChannel"]

NO_STATUS_RECEIVED = 1005
ABNORMAL_CLOSURE = 1006


class ASGIChannel:
    """The `WebSocketChannel` of the ASGI gateway.

    Args:
        receive: gives the server's messages.
        send: takes the application's.
        on_close: called once when the peer has closed or is lost.

    Attributes:
        closed: how it was closed, by whichever side; `None` while it is open.
    """

    __slots__ = ("_on_close", "_receive", "_send", "closed")

    def __init__(self, receive: Receive, send: Send, on_close: Callable[[], None]) -> None:
        self._receive = receive
        self._send = send
        self._on_close = on_close
        self.closed: Disconnect | None = None

    async def receive(self) -> str | bytes:
        """Wait for the next message; see `WebSocketChannel.receive`."""
        self._check_open()
        message = await self._receive()
        if message["type"] == "websocket.receive":
            text: str | None = message.get("text")
            if text is not None:
                return text
            content: bytes = message.get("bytes") or b""
            return content
        self._lose(message.get("code") or NO_STATUS_RECEIVED, message.get("reason") or "")
        raise Disconnect(message.get("code") or NO_STATUS_RECEIVED, message.get("reason") or "")

    async def send(self, message: str | bytes) -> None:
        """Send one message; see `WebSocketChannel.send`."""
        key = "text" if isinstance(message, str) else "bytes"
        await self._emit({"type": "websocket.send", key: message})

    async def close(self, code: int, reason: str) -> None:
        """Close; see `WebSocketChannel.close`."""
        if self.closed is None:
            self.closed = Disconnect(code, reason)
            try:
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
            except OSError:
                self._on_close()

    async def _emit(self, message: Message) -> None:
        self._check_open()
        try:
            await self._send(message)
        except OSError:
            self._lose(ABNORMAL_CLOSURE, "")
            raise Disconnect(ABNORMAL_CLOSURE) from None

    def _check_open(self) -> None:
        if self.closed is not None:
            raise Disconnect(self.closed.code, self.closed.reason)

    def _lose(self, code: int, reason: str) -> None:
        self.closed = Disconnect(code, reason)
        self._on_close()
