"""One piece of synchronous work on its way through a lane, and the future of its result.

A job waits, runs and is over; or it is withdrawn or refused before it ran. Its state is written only under the lane's
lock, so that "cancelled while it waited" and "taken by a worker" cannot both happen. Queueing and running are in
`lanes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from enum import IntEnum
from time import monotonic
from typing import Any, Protocol, TypeVar

from costrel.errors import ServiceUnavailable
from costrel.execution.run_profile import RunProfile

__all__ = ["JobState", "LaneJob", "Withdrawer"]

_R = TypeVar("_R")


class JobState(IntEnum):
    """Where a job is. `WAITING` is left once, to `RUNNING` or to an end; `RUNNING` is left to `FINISHED`."""

    WAITING = 0
    RUNNING = 1
    FINISHED = 2
    WITHDRAWN = 3
    REFUSED = 4


# Looked up once: a member of an enum is a slow global on Python 3.11.
_WAITING, _RUNNING, _WITHDRAWN, _REFUSED = JobState.WAITING, JobState.RUNNING, JobState.WITHDRAWN, JobState.REFUSED


class Withdrawer(Protocol):
    """What a job needs of its lane."""

    def withdraw(self, job: LaneJob[Any]) -> None:
        """Take back a job whose future was cancelled."""


class LaneJob(asyncio.Future[_R]):
    """The future that `Lane.submit` returns; cancelling it withdraws the job if no worker has taken it.

    Use it on the loop only, as any future.

    Attributes:
        state: where the job is.
        is_abandoned: whether the future was cancelled while the job ran.
    """

    __slots__ = ("arg", "context", "error", "fn", "is_abandoned", "lane", "profile", "state", "submitted_at", "value")

    lane: Withdrawer
    fn: Callable[[Any], _R]
    arg: Any
    context: Context | None
    profile: RunProfile | None
    submitted_at: float
    state: JobState
    is_abandoned: bool
    value: Any
    error: BaseException | None

    @property
    def is_over(self) -> bool:
        """Whether no thread runs the job now and none will."""
        return self.state is not _WAITING and self.state is not _RUNNING

    @property
    def was_refused(self) -> bool:
        """Whether the lane failed the job with `ServiceUnavailable` because it had no thread for it."""
        return self.state is _REFUSED

    def cancel(self, msg: object | None = None) -> bool:
        """Cancel the future, and withdraw the job if it has not started; what runs goes on to its end.

        Args:
            msg: passed to the `asyncio.CancelledError`.

        Returns:
            `False` when the result was there already.
        """
        if not super().cancel(msg):
            return False
        self.lane.withdraw(self)
        if self.state is _WITHDRAWN:
            # The place in the backlog outlives the job; what the request holds need not.
            self.arg = self.context = None
        return True

    def run(self, started_at: float) -> None:
        """Run the job in the calling thread and keep what comes of it for `deliver`.

        Args:
            started_at: the time now, on the clock of `time.monotonic`.
        """
        try:
            self.value = self.fn(self.arg) if self.context is None else self.context.run(self.fn, self.arg)
        except BaseException as error:
            # Without this frame the traceback starts at the user's function.
            self.error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        if self.profile is not None:
            ended_at = monotonic()
            self.profile.record(ended_at - started_at, ended_at)
        # The traceback's first frame keeps the one that called it; with the job in that, they would be a cycle.
        del self

    def deliver(self) -> None:
        """Set the result that the worker left here; nothing happens when the future was cancelled meanwhile."""
        if self.done():
            return
        error = self.error
        if error is None:
            self.set_result(self.value)
            return
        self.error = None
        if isinstance(error, StopIteration):
            # A future cannot carry it, because raising it into a coroutine would end that as a generator ends.
            stop, error = error, RuntimeError(f"`{self.fn!r}` raised StopIteration in a worker thread")
            error.__cause__ = stop
        self.set_exception(error)

    def refuse(self) -> None:
        """Fail the future, because there is no thread for the job."""
        if not self.done():
            self.set_exception(ServiceUnavailable(headers={"Retry-After": "1"}))
