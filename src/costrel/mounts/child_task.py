"""Running a foreign coroutine in a task of its own, for those that cannot be driven by hand.

It is for an application that keeps an AnyIO scope open while it sends, below layers that use such scopes too: each
needs a task in which its scopes are the innermost. The price is what a second task costs: context variables that the
application sets are not seen outside it, and every piece takes two turns of the loop. At most one piece is under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from costrel.mounts.hand_over import CLOSE_SECONDS, HandOver, closed_error, is_wanted_end

__all__ = ["ChildTask"]

logger: logging.Logger = logging.getLogger("costrel.mounts")

T = TypeVar("T")
MAX_REFUSED_COUNT = 16


class ChildTask(Generic[T]):
    """A foreign coroutine in a task of its own; see `Runner` for what the names promise.

    Args:
        coroutine: not started yet; nobody else may use it from now on.
        loop: the running loop.
        name: what runs, for the log and for the task.
    """

    __slots__ = (
        "_changed",
        "_coroutine",
        "_is_woken",
        "_loop",
        "_name",
        "_pieces",
        "_refused_count",
        "_task",
        "has_ended",
        "is_closing",
        "late_error",
        "on_wait",
    )

    def __init__(self, coroutine: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop, name: str) -> None:
        self.has_ended: bool = False
        self.late_error: Exception | None = None
        self.is_closing: bool = False
        self.on_wait: Callable[[], object] | None = None
        self._coroutine = coroutine
        self._loop = loop
        self._name = name
        self._pieces: HandOver[T] = HandOver()
        self._task: asyncio.Task[object] | None = None
        self._changed: asyncio.Future[None] | None = None
        self._refused_count = 0
        self._is_woken = False

    def begin(self) -> T | None:
        """Start the task; see `Runner.begin`."""
        self._started()
        return None

    async def advance(self) -> T | None:
        """Wait for the next piece; see `Runner.advance`."""
        pieces = self._pieces
        pieces.release()
        task = self._started()
        while not self.has_ended:
            if pieces:
                return pieces.take()
            if task.done():
                self.has_ended = True
                task.result()
                break
            if self._is_woken:
                self._is_woken = False
                break
            if self.on_wait is not None:
                self.on_wait()
            try:
                await self._wait()
            except asyncio.CancelledError as error:
                await self._pass_cancellation(task, error)
        return None

    def leave(self, piece: T) -> Awaitable[None]:
        """Hand a piece over, and wait; see `Runner.leave`."""
        return self.hand_over(piece)

    def run_on(self) -> bool:
        """Let the sender go on, in its task; see `Runner.run_on`."""
        self._pieces.release()
        return self.has_ended

    async def hand_over(self, piece: T) -> None:
        """Hand a piece over and wait; see `Runner.hand_over`."""
        if self.is_closing or self.has_ended:
            self._refused_count += 1
            if self._refused_count > MAX_REFUSED_COUNT:
                # One that goes on and on must not keep the loop from what else there is.
                await asyncio.sleep(0)
            raise closed_error()
        await self._pieces.put_and_wait(piece, self._notify)

    def wake(self) -> None:
        """Let `advance` return; see `Runner.wake`."""
        self._is_woken = True
        self._notify()

    async def close(self, *, has_been_told: bool) -> None:
        """End the coroutine before its time; see `Runner.close`."""
        if self.has_ended or self.is_closing:
            return
        self.is_closing = True
        task = self._task
        if task is None:
            self.has_ended = True
            self._coroutine.close()
            return
        is_paused = bool(self._pieces) or self._pieces.is_waited_with
        self._pieces.close()
        if not (is_paused or has_been_told):
            task.cancel()
        await self._wait_end(task)

    def _started(self) -> asyncio.Task[object]:
        task = self._task
        if task is None:
            task = self._task = self._loop.create_task(self._coroutine, name=f"costrel.mount.{self._name}")
            task.add_done_callback(lambda _: self._notify())
        return task

    async def _wait(self) -> None:
        changed = self._changed = self._loop.create_future()
        try:
            await changed
        finally:
            self._changed = None

    def _notify(self) -> None:
        changed = self._changed
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def _pass_cancellation(self, task: asyncio.Task[object], error: asyncio.CancelledError) -> None:
        """Cancel the child as we were cancelled; it may answer yet, within a limit.

        Raises:
            asyncio.CancelledError: it did not.
        """
        task.cancel(*error.args)
        timer = self._loop.call_later(CLOSE_SECONDS, self._notify)
        try:
            await self._wait()
        finally:
            timer.cancel()
        if not task.done() and not self._pieces:
            self.is_closing = True
            await self._give_up(task)
            raise error

    async def _wait_end(self, task: asyncio.Task[object]) -> None:
        """Wait until the child has ended; cancel it after a while, and close it after another."""
        for _ in range(2):
            try:
                await asyncio.wait((task,), timeout=CLOSE_SECONDS)
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait((task,), timeout=CLOSE_SECONDS)
                if not task.done():
                    await self._give_up(task)
                raise
            if task.done():
                self.has_ended = True
                error = None if task.cancelled() else task.exception()
                if error is not None and not is_wanted_end(error):
                    logger.error("mount_close_failed mount=%s", self._name, exc_info=error)
                return
            task.cancel()
        await self._give_up(task)

    async def _give_up(self, task: asyncio.Task[object]) -> None:
        """End a task whose coroutine ignores that it is cancelled."""
        self.has_ended = True
        logger.error("mount_did_not_end mount=%s close_seconds=%g", self._name, CLOSE_SECONDS)
        try:
            self._coroutine.close()
        except Exception:
            logger.exception("mount_close_failed mount=%s", self._name)
        # The coroutine is over, which its task learns when it is woken; it fails then, for nobody.
        task.cancel()
        await asyncio.wait((task,), timeout=CLOSE_SECONDS)
        if task.done() and not task.cancelled():
            task.exception()
