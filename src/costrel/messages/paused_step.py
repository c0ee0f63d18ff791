"""Waiting for a coroutine with a limit, without a second task and without cancelling it.

`PausedStep` drives a coroutine by hand in the task that waits for it. What the coroutine waits for is watched beside a
timer and a wake-up call; when one of these comes first, the coroutine stays where it is and can be waited for again.
So a generator keeps its task and its context variables, and nothing is created for it.

There is one thing to know: while a step is paused the task does something else, so a time limit that runs inside the
coroutine interrupts what the task does then. Keep that short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["PausedStep"]

T = TypeVar("T")


class PausedStep(Generic[T]):
    """One run of a coroutine that may be waited for in several goes; always in the same task.

    Args:
        coroutine: not started yet; use nothing but this object with it from now on.
    """

    __slots__ = ("_coroutine", "_gate", "_is_begun", "_result", "is_done", "waiting_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self.waiting_for: asyncio.Future[Any] | None = None
        self._is_begun = False
        self._gate: asyncio.Future[None] | None = None
        self._result: list[T] = []
        self.is_done: bool = False

    def wake(self) -> None:
        """Let a `wait` that is going on return early."""
        gate = self._gate
        if gate is not None and not gate.done():
            gate.set_result(None)

    async def wait(self, timeout_seconds: float | None) -> bool:
        """Run the coroutine until it ends, `timeout_seconds` have passed, or `wake` is called.

        Returns:
            Whether it has ended; `result` has its value then.

        Raises:
            BaseException: what the coroutine raised.
        """
        if self.is_done:
            return True
        loop = asyncio.get_running_loop()
        timer = loop.call_later(timeout_seconds, self.wake) if timeout_seconds is not None else None
        gate = self._gate = loop.create_future()
        try:
            await _Drive(self, gate)
        finally:
            self._gate = None
            if timer is not None:
                timer.cancel()
        return self.is_done

    def result(self) -> T:
        """Return the value of the coroutine, after `wait` returned true."""
        return self._result[0]

    async def cancel(self) -> None:
        """Cancel the coroutine where it waits and let it clean up; does nothing when it has ended.

        Raises:
            Exception: what its clean-up raised.
        """
        if self.is_done:
            return
        if not self._is_begun:
            self.is_done = True
            self._coroutine.close()
            return
        waiting_for, self.waiting_for = self.waiting_for, None
        if waiting_for is not None:
            waiting_for.cancel()
        task = asyncio.current_task()
        cancelling_count = task.cancelling() if task is not None else 0
        try:
            await _Drive(self, None, asyncio.CancelledError())
        except asyncio.CancelledError:
            # Ours comes back and ends here; one that somebody else sent meanwhile goes on.
            if task is not None and task.cancelling() > cancelling_count:
                raise

    def resume(self, error: BaseException | None) -> asyncio.Future[Any] | None:
        """Run the coroutine up to its next wait; return what it waits for, `None` for a turn of the loop or its end."""
        self._is_begun = True
        try:
            waiting_for = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration as stop:
            self.is_done = True
            self._result.append(stop.value)
            return None
        except BaseException:
            self.is_done = True
            raise
        if waiting_for is not None:
            # A task would do this when it takes over the future.
            waiting_for._asyncio_future_blocking = False
        future: asyncio.Future[Any] | None = waiting_for
        return future


class _Drive:
    """The awaitable that runs a step inside the task that awaits it, up to its end or to the opening of the gate."""

    __slots__ = ("_error", "_gate", "_step")

    def __init__(
        self, step: PausedStep[Any], gate: asyncio.Future[None] | None, error: BaseException | None = None
    ) -> None:
        self._step = step
        self._gate = gate
        self._error = error

    def __await__(self) -> Generator[Any, None, None]:
        step = self._step
        error = self._error
        waiting_for = step.waiting_for
        while True:
            if waiting_for is None:
                waiting_for = step.waiting_for = step.resume(error)
                error = None
                if step.is_done:
                    return
                if waiting_for is None:
                    # The coroutine asked for one turn of the loop.
                    try:
                        yield None
                    except BaseException as thrown:
                        error = thrown
                    continue
            try:
                yield from self._wait(waiting_for)
            except BaseException as thrown:
                # As a task does it: what was waited for is cancelled, and from now on nothing pauses.
                waiting_for.cancel()
                error = thrown
                waiting_for = step.waiting_for = None
                self._gate = None
                continue
            if not waiting_for.done():
                return
            waiting_for = step.waiting_for = None

    def _wait(self, waiting_for: asyncio.Future[Any]) -> Generator[Any, None, None]:
        """Wait for the future of the coroutine or for the gate, whichever comes first."""
        gate = self._gate
        if waiting_for.done() or (gate is not None and gate.done()):
            return
        # One for each wait: the gate stays shut when the coroutine goes on and waits for something else.
        either: asyncio.Future[None] = waiting_for.get_loop().create_future()

        def wake(_: asyncio.Future[Any]) -> None:
            if not either.done():
                either.set_result(None)

        waiting_for.add_done_callback(wake)
        if gate is not None:
            gate.add_done_callback(wake)
        try:
            yield from either
        finally:
            waiting_for.remove_done_callback(wake)
            if gate is not None:
                gate.remove_done_callback(wake)
