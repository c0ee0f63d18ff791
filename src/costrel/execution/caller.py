"""The thread that has called us as the worker of its request, for transports whose server calls from threads.

Such a server waits in its own thread until the request is answered. So nothing is gained by taking the request's
synchronous steps into another one: they are put into the mailbox of the calling thread, which takes them out until it
is told something. Whatever the loop has to tell comes by the same mailbox, in order.

The loop never waits for a calling thread that waits for the loop: a thread either runs a step or empties its mailbox.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from costrel.execution.lane_job import JobState, LaneJob
from costrel.execution.run_profile import RunProfile

__all__ = ["Caller"]

_A = TypeVar("_A")
_R = TypeVar("_R")

# Looked up once: a member of an enum is a slow global on Python 3.11.
_WAITING, _RUNNING, _FINISHED = JobState.WAITING, JobState.RUNNING, JobState.FINISHED
_WITHDRAWN, _REFUSED = JobState.WITHDRAWN, JobState.REFUSED


class Caller:
    """The calling thread of one request, as a lane of one thread.

    `submit`, `withdraw`, `tell` and `leave` are called on the loop, `wait` in the calling thread.

    Args:
        loop: where the request is answered.

    Attributes:
        interruption: what a step has raised to stop its thread (`SystemExit`, `KeyboardInterrupt`), `None` for nothing;
            to be raised again when the request is over.
    """

    __slots__ = ("_has_left", "_lock", "_loop", "_mailbox", "interruption")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._mailbox: SimpleQueue[object] = SimpleQueue()
        self._lock = threading.Lock()
        self._has_left = False
        self.interruption: BaseException | None = None

    def submit(
        self,
        fn: Callable[[_A], _R],
        arg: _A,
        context: Context | None = None,
        profile: RunProfile | None = None,
    ) -> LaneJob[_R]:
        """Run ``fn(arg)`` in the calling thread, after what was submitted before.

        Args:
            fn: what to run; anything it raises is delivered to the future.
            arg: its only argument.
            context: entered while it runs; `None` runs without one.
            profile: not looked at, because nobody else is to be woken.

        Returns:
            The future of the result; see `Lane.submit`. It fails with `ServiceUnavailable` when the thread has left.
        """
        job: LaneJob[_R] = LaneJob(loop=self._loop)
        job.lane = self
        job.fn = fn
        job.arg = arg
        job.context = context
        job.profile = None
        job.state = _WAITING
        job.is_abandoned = False
        job.value = job.error = None
        job.submitted_at = 0.0
        if self._has_left:
            self._refuse(job)
        else:
            self._mailbox.put(job)
        return job

    def withdraw(self, job: LaneJob[Any]) -> None:
        """Take back a job whose future was cancelled; called by `LaneJob.cancel`."""
        with self._lock:
            if job.state is _WAITING:
                job.state = _WITHDRAWN
            elif job.state is _RUNNING:
                job.is_abandoned = True

    def tell(self, message: object) -> None:
        """Have `wait` return a message, after the jobs that were submitted before."""
        self._mailbox.put(message)

    def leave(self) -> None:
        """Refuse what the thread has not taken and all that comes: it does not wait any more."""
        self._has_left = True
        while True:
            try:
                left = self._mailbox.get_nowait()
            except Empty:
                return
            if isinstance(left, LaneJob):
                self._refuse(left)

    def wait(self, timeout_seconds: float | None = None) -> object:
        """Run what is submitted until something is told, and return that.

        Args:
            timeout_seconds: how long each wait for the next may take; `None` is without limit.

        Raises:
            TimeoutError: nothing came in time.
        """
        mailbox = self._mailbox
        while True:
            try:
                message = mailbox.get(timeout=timeout_seconds)
            except Empty:
                raise TimeoutError from None
            if type(message) is not LaneJob:
                return message
            self._run(message)
            # Not kept while waiting for the next: it holds what the step has returned.
            del message

    def _run(self, job: LaneJob[Any]) -> None:
        with self._lock:
            if job.state is not _WAITING:
                return
            job.state = _RUNNING
        job.run(0.0)
        if isinstance(job.error, SystemExit | KeyboardInterrupt):
            self.interruption = job.error
        with self._lock:
            job.state = _FINISHED
        try:
            self._loop.call_soon_threadsafe(job.deliver)
        except RuntimeError:
            # The loop was closed while the step ran: nobody is left who waits for it.
            pass

    def _refuse(self, job: LaneJob[Any]) -> None:
        with self._lock:
            if job.state is not _WAITING:
                return
            job.state = _REFUSED
        job.refuse()
