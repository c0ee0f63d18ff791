"""Letting an exit run to its end although its task is cancelled meanwhile.

The coroutine is driven by hand, in the same task and context, so that context variables, tokens and whatever else is
bound to the task stay valid. What it waits for is never what the task waits for: the task waits for a future in
between, and a cancellation hits only that one. It is kept and raised when the exit has ended.

After a deadline the exit gets the cancellation itself. An `asyncio.timeout` inside an exit cancels the task too and
cannot be told from others: when it fires, the exit goes on until that deadline and then sees its timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

__all__ = ["EXIT_TIMEOUT_SECONDS", "shielded"]

EXIT_TIMEOUT_SECONDS = 5.0

_T = TypeVar("_T")


class _Shielded:
    """Awaitable that drives one coroutine and keeps cancellations from it; yields its result and what was kept."""

    __slots__ = ("_cancelling_before", "_coroutine", "_task", "_timeout_seconds", "cancelled")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], timeout_seconds: float) -> None:
        self._coroutine = coroutine
        self._timeout_seconds = timeout_seconds
        self.cancelled: asyncio.CancelledError | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling_before = 0

    @property
    def is_cancelled_by_others(self) -> bool:
        """Whether a cancellation is left that nobody inside has taken back, as a timeout does."""
        return self._task is not None and self._task.cancelling() > self._cancelling_before

    def __await__(self) -> Generator[Any, None, Any]:
        coroutine = self._coroutine
        ends_at: float | None = None
        gives_up = False
        while True:
            try:
                waited_for = coroutine.throw(asyncio.CancelledError()) if gives_up else coroutine.send(None)
            except StopIteration as end:
                return end.value
            gives_up = False
            if self._task is None:
                self._task = asyncio.current_task()
                self._cancelling_before = self._task.cancelling() if self._task is not None else 0
            if waited_for is None:  # a bare yield, as of `asyncio.sleep(0)`
                try:
                    yield None
                except asyncio.CancelledError as error:
                    self.cancelled = error
                continue
            loop = asyncio.get_running_loop()
            if ends_at is None:
                ends_at = loop.time() + self._timeout_seconds
            waited_for._asyncio_future_blocking = False
            gives_up = yield from self._wait(loop, waited_for, ends_at)

    def _wait(
        self, loop: asyncio.AbstractEventLoop, inner: asyncio.Future[Any], ends_at: float
    ) -> Generator[Any, None, bool]:
        """Wait until `inner` is done, whatever is cancelled meanwhile; return whether the deadline came first."""
        while not inner.done():
            outer = loop.create_future()

            def wake(_: object = None, outer: asyncio.Future[None] = outer) -> None:
                if not outer.done():
                    outer.set_result(None)

            inner.add_done_callback(wake)
            timer = loop.call_at(ends_at, wake)
            try:
                yield from outer
            except asyncio.CancelledError as error:
                self.cancelled = error
            finally:
                timer.cancel()
                inner.remove_done_callback(wake)
            if not inner.done() and loop.time() >= ends_at:
                inner.cancel()
                return True
        return False


async def shielded(coroutine: Coroutine[Any, Any, _T], timeout_seconds: float = EXIT_TIMEOUT_SECONDS) -> _T:
    """Run a coroutine to its end in the current task, and only then let a cancellation of the task through.

    Args:
        coroutine: for example the exit of a provider.
        timeout_seconds: how long it may wait in all; then it is cancelled.

    Returns:
        What it returned.

    Raises:
        asyncio.CancelledError: the task was cancelled meanwhile; the coroutine has ended all the same.
        BaseException: whatever the coroutine raised, when the task was not cancelled.
    """
    shield = _Shielded(coroutine, timeout_seconds)
    result: _T = await shield
    if shield.cancelled is not None and shield.is_cancelled_by_others:
        raise shield.cancelled
    return result
