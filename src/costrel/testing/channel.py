"""An accepted WebSocket in memory: two queues of messages and one end.

The application sees it as a `WebSocketChannel`; the client puts messages in and takes messages out at the other end.
Messages that were sent before the end are still delivered after it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from costrel.errors import Disconnect

__all__ = ["MemoryChannel"]

MAX_QUEUE_COUNT = 16


class MemoryChannel:
    """Both ends of one socket.

    Args:
        loop: where both ends run.

    Attributes:
        closed: how it was closed, by whichever side; `None` while it is open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.closed: Disconnect | None = None
        self._loop = loop
        self._to_application: deque[str | bytes] = deque()
        self._to_client: deque[str | bytes] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._changed: asyncio.Future[None] | None = None

    # The application's end.

    async def receive(self) -> str | bytes:
        """Wait for the next message; see `WebSocketChannel.receive`."""
        while not self._to_application:
            if self.closed is not None:
                raise Disconnect(self.closed.code, self.closed.reason)
            self._arrived = self._loop.create_future()
            await self._arrived
        return self._to_application.popleft()

    async def send(self, message: str | bytes) -> None:
        """Send one message, and wait while 16 are not taken; see `WebSocketChannel.send`."""
        while len(self._to_client) >= MAX_QUEUE_COUNT and self.closed is None:
            self._taken = self._loop.create_future()
            await self._taken
        if self.closed is not None:
            raise Disconnect(self.closed.code, self.closed.reason)
        self._to_client.append(message)
        _resolve(self._changed)

    async def close(self, code: int, reason: str) -> None:
        """Close; see `WebSocketChannel.close`."""
        self._end(code, reason)

    # The client's end.

    def put(self, message: str | bytes) -> None:
        """Send a message to the application.

        Raises:
            Disconnect: the socket is closed.
        """
        if self.closed is not None:
            raise Disconnect(self.closed.code, self.closed.reason)
        self._to_application.append(message)
        _resolve(self._arrived)

    def take(self) -> str | bytes | None:
        """Take the oldest message from the application, `None` when there is none now."""
        if not self._to_client:
            return None
        message = self._to_client.popleft()
        _resolve(self._taken)
        return message

    def next_change(self) -> asyncio.Future[None]:
        """Return a future that is done when a message or the end has come."""
        if self._changed is None or self._changed.done():
            self._changed = self._loop.create_future()
        return self._changed

    def leave(self, code: int = 1000, reason: str = "") -> None:
        """Close from the client's side; does nothing when it is closed."""
        self._end(code, reason)

    def lose(self) -> None:
        """End it as a lost connection does, if nobody has closed it."""
        self._end(1006, "")

    def _end(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = Disconnect(code, reason)
        for waiter in (self._arrived, self._taken, self._changed):
            _resolve(waiter)


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
