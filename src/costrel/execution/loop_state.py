"""What an application has on one event loop.

The application itself is frozen and bound to no loop; it may run on several at once. Lanes of threads, the supervisor
of work after responses, values of app-lifetime providers and the sign that the loop is stopping are made here, once
per entry of the lifespan, and reached through the request's exchange.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass

from costrel.execution.lanes import Lane
from costrel.execution.stats import ExecutionStats
from costrel.execution.supervisor import Supervisor
from costrel.execution.worker_context import WorkerContext

__all__ = ["ExecutionSettings", "LoopState"]

_logger = logging.getLogger("costrel.execution")


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """Sizes and times of a `LoopState`.

    Args:
        threads: threads for handlers, 1 or more; what has begun has as many again, started when they are needed.
        file_threads: threads for file reads and writes, 1 or more.
        cleanup_threads: threads for provider exits, 1 or more; they never wait behind handlers.
        thread_queue_timeout_seconds: how long a handler may wait for a thread before it is refused.
        max_waiting: how many handlers may wait for a thread, and file operations for theirs, 0 or more.
        graceful_timeout_seconds: how long `LoopState.aclose` waits by default, 0 or more.

    Raises:
        ValueError: a number is out of its range.
    """

    threads: int = 40
    file_threads: int = 8
    cleanup_threads: int = 4
    thread_queue_timeout_seconds: float = 5.0
    max_waiting: int = 1000
    graceful_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("threads", "file_threads", "cleanup_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more, not {getattr(self, name)}")
        for name in ("thread_queue_timeout_seconds", "max_waiting", "graceful_timeout_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more, not {getattr(self, name)}")


class LoopState:
    """The parts of an application that are bound to one loop; make it with `start`, end it with `aclose`.

    Everything here is used on the loop's thread.

    Attributes:
        loop: the loop.
        settings: the sizes it was started with.
        handlers: the lane of handlers written as ``def``.
        begun: the lane of requests that hold something others may wait for; see `lane_for`. Nothing in it is ever
            refused, and no request has more than one job there.
        files: the lane of file reads and writes; nothing in it is refused for having waited long.
        cleanup: the lane of provider exits; nothing in it is ever refused.
        supervisor: runs the work that follows a response.
        values: values of app-lifetime providers, keyed by the object that identifies their owner.
        stopping: whether `begin_stopping` was called.
    """

    __slots__ = (
        "_base_context",
        "_serving_callbacks",
        "_stopping_callbacks",
        "begun",
        "cleanup",
        "files",
        "handlers",
        "loop",
        "settings",
        "stopping",
        "supervisor",
        "values",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ExecutionSettings) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.settings: ExecutionSettings = settings
        self.handlers: Lane = Lane(
            "handlers",
            threads=settings.threads,
            loop=loop,
            max_waiting=settings.max_waiting,
            queue_timeout_seconds=settings.thread_queue_timeout_seconds,
        )
        # What holds something is never refused, or it could not give it back; open exchanges bound how many wait.
        self.begun: Lane = Lane(
            "begun",
            threads=settings.threads,
            loop=loop,
            max_waiting=None,
            queue_timeout_seconds=None,
        )
        # A file operation belongs to an exchange that has begun, so to refuse one late helps nobody.
        self.files: Lane = Lane(
            "files",
            threads=settings.file_threads,
            loop=loop,
            max_waiting=settings.max_waiting,
            queue_timeout_seconds=None,
        )
        self.cleanup: Lane = Lane(
            "cleanup",
            threads=settings.cleanup_threads,
            loop=loop,
            max_waiting=None,
            queue_timeout_seconds=None,
        )
        self.supervisor: Supervisor = Supervisor(loop, self.handlers)
        self.values: dict[object, object] = {}
        self.stopping: bool = False
        self._base_context: contextvars.Context | None = None
        self._stopping_callbacks: dict[object, Callable[[], object]] = {}
        self._serving_callbacks: list[Callable[[], object]] = []

    @classmethod
    def start(cls, loop: asyncio.AbstractEventLoop, settings: ExecutionSettings | None = None) -> LoopState:
        """Make the state of a loop; threads start when they are needed.

        Args:
            loop: the loop, running or about to run.
            settings: sizes and times; `None` is the defaults.
        """
        return cls(loop, settings or ExecutionSettings())

    @property
    def base_context(self) -> contextvars.Context | None:
        """The context taken after start-up, of which requests and works start with a copy; `None` before."""
        return self._base_context

    @base_context.setter
    def base_context(self, context: contextvars.Context | None) -> None:
        self._base_context = context
        self.supervisor.base_context = context

    def lane_for(self, worker: WorkerContext) -> Lane:
        """Return the lane of a request's next synchronous step.

        A request that holds something, a connection for example, never waits behind requests that have not begun:
        all threads of those may be waiting for what it holds.

        Args:
            worker: the context of the request's threads, which knows whether it holds something.
        """
        return self.begun if worker.held_count or worker.is_streaming else self.handlers

    def on_serving(self, callback: Callable[[], object]) -> None:
        """Call something once when a server begins to take requests; never where nobody serves, as in a test.

        Args:
            callback: called on the loop, without arguments.
        """
        self._serving_callbacks.append(callback)

    def begin_serving(self) -> None:
        """Call every callback of `on_serving`, in order; whatever serves calls it when the application has started.

        Raises:
            Exception: whatever a callback raises; the application cannot be served then.
        """
        callbacks, self._serving_callbacks = self._serving_callbacks, []
        for callback in callbacks:
            callback()

    def on_stopping(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call something once when the loop begins to stop, for example to wake a stream.

        Args:
            callback: called on the loop, without arguments; soon, if the loop is stopping already.

        Returns:
            A function that takes the callback back; calling it again or later does nothing.
        """
        key = object()
        self._stopping_callbacks[key] = callback
        if self.stopping:
            self.loop.call_soon(self._call_stopping, key)

        def remove() -> None:
            self._stopping_callbacks.pop(key, None)

        return remove

    def begin_stopping(self) -> None:
        """Set `stopping` and call every callback of `on_stopping`, in order; a second call does nothing."""
        if self.stopping:
            return
        self.stopping = True
        for key in list(self._stopping_callbacks):
            self._call_stopping(key)

    def stats(self) -> ExecutionStats:
        """Return sizes, queues and pending work as they are now."""
        return ExecutionStats(
            handlers=self.handlers.stats(),
            begun=self.begun.stats(),
            files=self.files.stats(),
            cleanup=self.cleanup.stats(),
            supervisor_pending=self.supervisor.pending,
        )

    async def aclose(self, timeout_seconds: float | None = None) -> None:
        """Stop, wait for the supervisor's works, and end the threads; all within one time.

        Args:
            timeout_seconds: how long to wait for everything together; `None` is the setting. What still runs
                then is cancelled, or goes on in a thread that ends with it.
        """
        self.begin_stopping()
        if timeout_seconds is None:
            timeout_seconds = self.settings.graceful_timeout_seconds
        deadline = self.loop.time() + timeout_seconds
        await self.supervisor.drain(timeout_seconds)
        # Cleanup comes last: what ends in the other lanes may need it.
        for lane in (self.handlers, self.begun, self.files, self.cleanup):
            left_count = await lane.close(max(deadline - self.loop.time(), 0.0))
            if left_count:
                _logger.warning("lane_left_running lane=%s threads=%d", lane.name, left_count)
        self.values.clear()

    def _call_stopping(self, key: object) -> None:
        callback = self._stopping_callbacks.pop(key, None)
        if callback is None:
            return
        try:
            callback()
        except Exception:
            _logger.exception("stopping_callback_failed callback=%r", callback)
