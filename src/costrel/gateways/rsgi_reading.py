"""Waiting for the next piece or message of an RSGI server without losing it.

A wait may be given up, by a deadline or by `asyncio.wait_for`, while the server is about to hand something over. Then
what comes belongs to the next wait. So a task of its own waits for the server, and whoever waits for that task may
give up without harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

__all__ = ["SafeReader"]

T = TypeVar("T")


class SafeReader(Generic[T]):
    """One reader of one source.

    Args:
        read: waits for the next thing; called again only when the call before it has ended.
    """

    __slots__ = ("_read", "_waiting")

    def __init__(self, read: Callable[[], Coroutine[None, None, T]]) -> None:
        self._read: Callable[[], Coroutine[None, None, T]] | None = read
        self._waiting: asyncio.Task[T] | None = None

    async def next(self) -> T:
        """Wait for the next thing; when the caller is cancelled, the next call gets it.

        Raises:
            RuntimeError: it was stopped.
            Exception: whatever the source raised.
        """
        waiting = self._waiting
        if waiting is None:
            if self._read is None:
                raise RuntimeError("the server was let go of")
            waiting = self._waiting = asyncio.get_running_loop().create_task(self._read(), name="costrel.rsgi.read")
        try:
            return await asyncio.shield(waiting)
        finally:
            if waiting.done():
                self._waiting = None

    def stop(self) -> None:
        """Wait for nothing any more, and let go of the source."""
        self._read = None
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
