"""Cached functions written as ``def``: their callers are threads, and the cache lives on an event loop.

There is one loop for all of them in a process, in a thread of its own, begun with the first call that needs it. The
function itself runs in a thread that is made for it, so one cached function may call another, however many wait.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

__all__ = ["LoopThread", "run_at_once", "run_in_thread", "shared_loop"]

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, which ends with the process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it; never called on that thread itself.

        Raises:
            BaseException: what the coroutine raised.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop()).result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="costrel-cache", daemon=True).start()
            return self._loop

    def forget(self) -> None:
        """Begin another one at the next call: a process that was forked has the loop but not its thread."""
        self._guard = threading.Lock()
        self._loop = None


shared_loop: LoopThread = LoopThread()
os.register_at_fork(after_in_child=shared_loop.forget)


def run_at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without a loop.

    Raises:
        RuntimeError: it did wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine that was to be done at once has waited")


async def run_in_thread(function: Callable[[], T], context: Context) -> T:
    """Call a function in a new thread and wait for it; cancelled, the thread goes on and nobody hears of it.

    Raises:
        Exception: what the function raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(value: T) -> None:
        if not future.cancelled():
            future.set_result(value)

    def fail(error: BaseException) -> None:
        if not future.cancelled():
            future.set_exception(error)

    def work() -> None:
        try:
            value = context.run(function)
        except StopIteration as error:
            # A future cannot hold it.
            failure = RuntimeError("a cached function raised StopIteration")
            failure.__cause__ = error
            loop.call_soon_threadsafe(fail, failure)
        except BaseException as error:
            loop.call_soon_threadsafe(fail, error)
        else:
            loop.call_soon_threadsafe(tell, value)

    threading.Thread(target=work, name="costrel-cached-function", daemon=True).start()
    return await future
