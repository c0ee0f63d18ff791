"""An accepted WebSocket of an RSGI server, as handlers' `WebSocket` wants it.

RSGI hands over that the peer has closed, but not its code and reason, and takes a code for the end but sends none. So
a handler sees 1005, no status received, where the peer has closed, and 1006 where it was lost.

Spec: RSGI 1.5, WebSocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from costrel.errors import Disconnect
from costrel.gateways.rsgi_interface import RSGIMessage, RSGISocket, RSGISocketProtocol
from costrel.gateways.rsgi_reading import SafeReader

__all__ = ["RSGIChannel"]

NO_STATUS_RECEIVED = 1005
ABNORMAL_CLOSURE = 1006


class RSGIChannel:
    """The `WebSocketChannel` of the RSGI gateway.

    Args:
        socket: what the server gave for the accepted handshake.
        protocol: the handshake, which also closes.
        on_close: called once when the peer has closed or is lost.

    Attributes:
        closed: how it was closed, by whichever side; `None` while it is open.
    """

    __slots__ = ("_on_close", "_protocol", "_reader", "_sending", "_socket", "closed")

    def __init__(self, socket: RSGISocket, protocol: RSGISocketProtocol, on_close: Callable[[], None]) -> None:
        self._socket: RSGISocket | None = socket
        self._protocol: RSGISocketProtocol | None = protocol
        self._on_close = on_close
        self._reader = SafeReader(lambda: _receive(socket))
        # The server refuses what is sent while it still sends something else.
        self._sending = asyncio.Lock()
        self.closed: Disconnect | None = None

    async def receive(self) -> str | bytes:
        """Wait for the next message; see `WebSocketChannel.receive`."""
        self._check_open()
        try:
            message = await self._reader.next()
        except RuntimeError:
            raise self._lose(ABNORMAL_CLOSURE) from None
        if message.kind == 0:
            raise self._lose(NO_STATUS_RECEIVED)
        return message.data

    async def send(self, message: str | bytes) -> None:
        """Send one message; see `WebSocketChannel.send`."""
        async with self._sending:
            socket = self._check_open()
            try:
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)
            except RuntimeError:
                raise self._lose(ABNORMAL_CLOSURE) from None

    async def close(self, code: int, reason: str) -> None:
        """Close; see `WebSocketChannel.close`. The server sends neither code nor reason."""
        async with self._sending:
            if self.closed is None and self._protocol is not None:
                self.closed = Disconnect(code, reason)
                self._protocol.close(code)
                self.end()

    def end(self) -> None:
        """Let go of the server, which keeps the connection as long as somebody holds the socket."""
        if self.closed is None:
            self.closed = Disconnect(ABNORMAL_CLOSURE)
        self._reader.stop()
        self._socket = self._protocol = None

    def _check_open(self) -> RSGISocket:
        if self.closed is not None:
            raise Disconnect(self.closed.code, self.closed.reason)
        if self._socket is None:
            raise Disconnect(ABNORMAL_CLOSURE)
        return self._socket

    def _lose(self, code: int) -> Disconnect:
        if self.closed is None:
            self.closed = Disconnect(code)
            self.end()
            self._on_close()
        return Disconnect(self.closed.code, self.closed.reason)


async def _receive(socket: RSGISocket) -> RSGIMessage:
    return await socket.receive()
