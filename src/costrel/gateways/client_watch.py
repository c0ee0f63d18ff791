"""Whether the client of one request is still there, for servers that tell it only to who waits.

A request that nobody asks costs no task. As soon as somebody asks, whether the client is gone or to be told of it, the
exchange begins to listen in the way of its server and calls `ClientWatch.lose` when the client has left.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from costrel.execution import LoopState

__all__ = ["ClientWatch"]

logger: logging.Logger = logging.getLogger("costrel.gateway")


class ClientWatch(ABC):
    """What an exchange says of its client; a gateway's exchange derives from it and says how it listens.

    Attributes:
        loop_state: what the application has on the loop.
        is_gone: whether the client is known to be gone; unlike `is_disconnected` it begins nothing.
        is_watched: whether somebody has asked, so that the server is listened to.
        is_used: whether the exchange has something to let go of, so that it has to be ended.
    """

    loop_state: LoopState
    is_gone: bool = False
    is_watched: bool = False
    is_used: bool = False
    _gone: asyncio.Future[None] | None = None
    _callbacks: list[Callable[[], None]] | None = None

    @abstractmethod
    def start_listening(self) -> None:
        """Listen to the server from now on, if it can tell; called on the loop, when the first has asked."""

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone; asking the first time begins to listen for it."""
        if not self.is_gone and not self.is_watched:
            self.watch()
        return self.is_gone

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        if self.is_gone:
            return
        if self._gone is None:
            self._gone = self.loop_state.loop.create_future()
        self.watch()
        # Shielded, because others may wait for the same future.
        await asyncio.shield(self._gone)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the client goes away; at once if it is gone."""
        if self.is_gone:
            _call_safely(callback)
            return
        if self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)
        self.watch()

    def lose(self) -> None:
        """Note that the client is gone, and tell whoever asked."""
        if self.is_gone:
            return
        self.is_gone = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            _call_safely(callback)

    def forget_callbacks(self) -> None:
        """Tell nobody any more: the exchange is over."""
        self._callbacks = None

    def watch(self) -> None:
        """Begin to listen, unless that has begun."""
        if self.is_watched:
            return
        self.is_watched = self.is_used = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # A `def` handler asks, in its thread.
            self.loop_state.loop.call_soon_threadsafe(self.start_listening)
        else:
            self.start_listening()


def _call_safely(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("disconnect_callback_failed callback=%r", callback)
