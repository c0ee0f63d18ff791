"""Rooms: sockets of one process that hear the same messages.

A room never waits. Each member has a short queue of its own and a task that empties it; a member that reads too slowly
fills its own queue and nobody else's, and is then closed, or misses messages, as the room says.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from costrel.errors import Disconnect
from costrel.messages.response import encode_json
from costrel.messages.websocket import WebSocket

__all__ = ["Room", "WhenSlow"]

logger: logging.Logger = logging.getLogger("costrel.websocket")

WhenSlow = Literal["close", "drop_oldest", "drop_newest"]

TRY_AGAIN_LATER = 1013


class _Member:
    """One socket and what waits for it."""

    __slots__ = ("queue", "socket", "task")

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.queue: deque[str | bytes] = deque()
        self.task: asyncio.Task[None] | None = None


class Room:
    """Sockets that hear the same messages; used on the loop's thread, by sockets of one process.

    Args:
        max_queue_count: messages that may wait for one member, 1 or more, besides what its connection holds.
        when_slow: what happens to a member whose queue is full: ``close`` closes it with 1013, so that it can come
            back; ``drop_oldest`` and ``drop_newest`` let it miss a message.

    Attributes:
        dropped_count: messages that members have missed.

    Raises:
        ValueError: a queue without room, or another policy.
    """

    def __init__(self, *, max_queue_count: int = 64, when_slow: WhenSlow = "close") -> None:
        if max_queue_count < 1:
            raise ValueError(f"max_queue_count is 1 or more, not {max_queue_count}")
        if when_slow not in ("close", "drop_oldest", "drop_newest"):
            raise ValueError(f"when_slow is 'close', 'drop_oldest' or 'drop_newest', not {when_slow!r}")
        self.dropped_count: int = 0
        self._max_queue_count = max_queue_count
        self._when_slow = when_slow
        self._members: dict[WebSocket, _Member] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, socket: object) -> bool:
        return socket in self._members

    def __iter__(self) -> Iterator[WebSocket]:
        return iter(list(self._members))

    def __repr__(self) -> str:
        return f"<Room of {len(self)}>"

    def join(self, socket: WebSocket) -> None:
        """Add a socket; does nothing when it is a member."""
        if socket not in self._members:
            self._members[socket] = _Member(socket)

    def leave(self, socket: WebSocket) -> None:
        """Remove a socket, and drop what waits for it; does nothing when it is no member."""
        member = self._members.pop(socket, None)
        if member is not None:
            member.queue.clear()
            if member.task is not None:
                member.task.cancel()

    @contextmanager
    def joined(self, socket: WebSocket) -> Iterator[None]:
        """Be a member in a block: ``with room.joined(socket):``."""
        self.join(socket)
        try:
            yield
        finally:
            self.leave(socket)

    def broadcast(self, message: str | bytes, *, skip: WebSocket | None = None) -> int:
        """Send a message to every member; it waits for nobody.

        Args:
            message: text or bytes.
            skip: a member that does not get it, for example the one it came from.

        Returns:
            To how many it will be sent, as far as they stay.

        Raises:
            TypeError: it is neither text nor bytes.
        """
        if not isinstance(message, str | bytes):
            raise TypeError(f"A message is `str` or `bytes`, not `{type(message).__name__}`; see `broadcast_json`.")
        count = 0
        for member in list(self._members.values()):
            if member.socket is not skip:
                count += self._post(member, message)
        return count

    def broadcast_json(self, value: object, *, skip: WebSocket | None = None) -> int:
        """Send a value as JSON to every member, encoded once; see `broadcast`.

        Raises:
            TypeError: `value` has no form in JSON.
        """
        return self.broadcast(encode_json(value).decode(), skip=skip)

    def _post(self, member: _Member, message: str | bytes) -> bool:
        """Put a message into a member's queue; false when the member does not get it."""
        queue = member.queue
        if len(queue) >= self._max_queue_count:
            self.dropped_count += 1
            if self._when_slow == "close":
                self._close(member)
                return False
            if self._when_slow == "drop_newest":
                return False
            queue.popleft()
        queue.append(message)
        if member.task is None:
            member.task = asyncio.get_running_loop().create_task(self._send_queued(member), name="room member")
        return True

    async def _send_queued(self, member: _Member) -> None:
        """Send what waits for a member, until nothing does."""
        queue, socket = member.queue, member.socket
        try:
            while queue:
                await socket.send(queue.popleft())
        except Disconnect:
            self._members.pop(socket, None)
        except Exception:
            logger.exception("room_member_failed path=%s", socket.request.path)
            self._members.pop(socket, None)
        finally:
            member.task = None

    def _close(self, member: _Member) -> None:
        """Remove a member that is too slow, and tell it to come back later."""
        logger.info("room_member_too_slow path=%s", member.socket.request.path)
        self.leave(member.socket)
        task = asyncio.get_running_loop().create_task(_close_slow(member.socket), name="room member closes")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close_slow(socket: WebSocket) -> None:
    try:
        await socket.close(TRY_AGAIN_LATER, "Messages were not read fast enough.")
    except Disconnect:
        return
    except Exception:
        logger.exception("room_member_close_failed path=%s", socket.request.path)
