"""The one thread in which a request visits an application that was written for servers of threads.

Such an application keeps things by thread: sessions of a database in a thread-local registry, connections of SQLite.
So all synchronous steps of a visit, the handler's too, run in one thread, which is taken from those for handlers and
given back at the end. The steps come through its mailbox, as they come to a thread that has called us.

A thread cannot be stopped. While it runs a step that nobody waits for any more, what comes after goes to other threads.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

from costrel.execution import Caller, LaneJob, LoopState, RunProfile

__all__ = ["VisitThread"]

_A = TypeVar("_A")
_R = TypeVar("_R")


class VisitThread(Caller):
    """A thread for one request; made and used on the loop.

    Give it to the request as `WorkerContext.caller`. Steps for which no thread is free in time are refused.

    Args:
        loop_state: whose thread it takes.
    """

    __slots__ = ("_last", "_loop_state")

    def __init__(self, loop_state: LoopState) -> None:
        super().__init__(loop_state.loop)
        self._loop_state = loop_state
        self._last: LaneJob[Any] | None = None
        occupation = loop_state.handlers.submit(self.wait, None)
        # When there is no thread for it, nobody would run what is in the mailbox.
        occupation.add_done_callback(lambda done: self._give_up(done))

    def submit(
        self,
        fn: Callable[[_A], _R],
        arg: _A,
        context: Context | None = None,
        profile: RunProfile | None = None,
    ) -> LaneJob[_R]:
        """Run ``fn(arg)`` in the thread, or in another one when it has been left behind with a step; see `Caller`."""
        if self._last is not None and not self._last.is_over:
            return self._loop_state.begun.submit(fn, arg, context, profile)
        job = self._last = super().submit(fn, arg, context, profile)
        return job

    def submit_behind(self, fn: Callable[[_A], _R], arg: _A, context: Context | None = None) -> LaneJob[_R]:
        """Run ``fn(arg)`` in the thread in any case, after the step that it was left behind with."""
        return super().submit(fn, arg, context)

    def stop(self) -> None:
        """Give the thread back when it has run all that was submitted."""
        if self._last is not None and self._last.is_over:
            # A job knows its lane, and what it holds has ended.
            self._last = None
        self.tell(None)

    def _give_up(self, occupation: LaneJob[object]) -> None:
        self.leave()
        if not occupation.cancelled():
            # Looked at, so that nobody logs it: whoever has submitted a step is told.
            occupation.exception()
