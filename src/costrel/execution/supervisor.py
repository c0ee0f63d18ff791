"""Work that goes on after the response: owned by the application, never by the request's task.

The supervisor holds what it runs, so nothing is collected half-way; keeps one failure from touching anything else;
logs every failure once with the place that asked for the work; bounds how much may be pending; and waits for it at
shutdown. It is for short work in this process. Durable jobs with retries are another thing.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from costrel.errors import ServiceUnavailable
from costrel.execution.lanes import Lane

__all__ = ["Supervisor", "Work"]

_R = TypeVar("_R")

_logger = logging.getLogger("costrel.after_response")

_REFUSED_PAUSE_SECONDS = 1.0
_CANCEL_GRACE_SECONDS = 1.0


class Work:
    """One call that the supervisor runs.

    Attributes:
        name: the function's qualified name.
        origin: ``file:line`` of the call that asked for it.
        group: what it belongs to, `None` for nothing.
        task: the task on the loop that runs it; its exception is never set, because failures are logged.
    """

    __slots__ = ("__weakref__", "group", "name", "origin", "task")

    def __init__(self, name: str, origin: str, group: object, task: asyncio.Task[None]) -> None:
        self.name: str = name
        self.origin: str = origin
        self.group: object = group
        self.task: asyncio.Task[None] = task

    @property
    def is_done(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.task.done()


class Supervisor:
    """Runs work that nobody waits for. All methods are called on the loop's thread.

    Args:
        loop: where ``async def`` functions run.
        lane: where ``def`` functions run.
        max_pending: how many works may be pending together, 1 or more.

    Attributes:
        base_context: the context of which every work gets a copy; `None` gives each an empty one.
    """

    __slots__ = ("_groups", "_is_closed", "_lane", "_loop", "_max_pending", "_works", "base_context")

    def __init__(self, loop: asyncio.AbstractEventLoop, lane: Lane, *, max_pending: int = 1000) -> None:
        self.base_context: contextvars.Context | None = None
        self._loop = loop
        self._lane = lane
        self._max_pending = max_pending
        self._works: set[Work] = set()
        self._groups: dict[int, set[Work]] = {}
        self._is_closed = False

    @property
    def pending(self) -> int:
        """How many works have not ended."""
        return len(self._works)

    def spawn(
        self,
        fn: Callable[..., object],
        /,
        *args: object,
        origin: str,
        group: object = None,
        context: contextvars.Context | None = None,
        **kwargs: object,
    ) -> Work:
        """Run ``fn(*args, **kwargs)`` and return at once.

        An ``async def`` function runs in a task of its own, a ``def`` function in a thread of the lane; an awaitable
        that the latter returns is awaited. Whatever is raised is logged, with `origin`, and goes no further.

        Args:
            fn: what to run.
            args: its positional arguments.
            origin: ``file:line`` of the user's code that asked for it, for the log.
            group: what the work belongs to, compared by identity, for `wait_group`.
            context: the context to run in, which nobody else may use; by default a copy of `base_context`.
            kwargs: its keyword arguments; bind one named as a parameter here with `functools.partial`.

        Returns:
            The work, which the supervisor holds until it has ended.

        Raises:
            ServiceUnavailable: `max_pending` works are pending, or `drain` has ended.
        """
        if self._is_closed or len(self._works) >= self._max_pending:
            raise ServiceUnavailable(headers={"Retry-After": "1"})
        if context is None:
            context = contextvars.Context() if self.base_context is None else self.base_context.copy()
        name = _name(fn)
        call = functools.partial(fn, *args, **kwargs)
        task = self._loop.create_task(self._run(call, _is_async(fn), name, origin), name=name, context=context)
        work = Work(name, origin, group, task)
        self._works.add(work)
        if group is not None:
            # By identity: the work holds the group, so its id stays its own as long as the entry is there.
            self._groups.setdefault(id(group), set()).add(work)
        task.add_done_callback(functools.partial(self._forget, work), context=context)
        return work

    async def wait_group(self, group: object, timeout_seconds: float) -> int:
        """Wait for all works of one group, those that they spawn into it included.

        Args:
            group: the object given to `spawn`.
            timeout_seconds: how long to wait at most.

        Returns:
            How many have not ended; nothing happens to them.
        """
        await self._wait(lambda: self._groups.get(id(group), ()), timeout_seconds)
        return len(self._groups.get(id(group), ()))

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for all works, then cancel those left and accept no more.

        Args:
            timeout_seconds: how long to wait before cancelling.

        Returns:
            How many were cancelled; each is named in the log.
        """
        await self._wait(lambda: self._works, timeout_seconds)
        self._is_closed = True
        left = list(self._works)
        for work in left:
            _logger.warning(
                "after_response_cancelled function=%s origin=%s waited_seconds=%.1f",
                work.name,
                work.origin,
                timeout_seconds,
            )
            work.task.cancel()
        if left:
            await asyncio.wait([work.task for work in left], timeout=_CANCEL_GRACE_SECONDS)
        return len(left)

    async def _wait(self, find_works: Callable[[], Iterable[Work]], timeout_seconds: float) -> None:
        """Wait until there are no works, or the time is up; works may spawn others meanwhile."""
        current = asyncio.current_task()
        deadline = self._loop.time() + timeout_seconds
        while tasks := [work.task for work in find_works() if work.task is not current]:
            remaining_seconds = deadline - self._loop.time()
            if remaining_seconds <= 0:
                return
            await asyncio.wait(tasks, timeout=remaining_seconds)

    async def _run(self, call: Callable[[], object], is_async: bool, name: str, origin: str) -> None:
        try:
            result = call() if is_async else await self._run_in_thread(call)
            if inspect.isawaitable(result):
                await result
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            # `SystemExit` too: work that nobody waits for cannot end the process.
            _logger.error("after_response_failed function=%s origin=%s", name, origin, exc_info=error)

    async def _run_in_thread(self, call: Callable[[], object]) -> object:
        """Run in the lane. The request has been answered, so while the lane refuses, the work waits."""
        context = contextvars.copy_context()
        while True:
            job = self._lane.submit(_call, call, context)
            try:
                return await job
            except ServiceUnavailable:
                if not job.was_refused or self._lane.is_closed:
                    raise
            await asyncio.sleep(_REFUSED_PAUSE_SECONDS)

    def _forget(self, work: Work, task: asyncio.Task[None]) -> None:
        self._works.discard(work)
        if work.group is not None:
            members = self._groups[id(work.group)]
            members.discard(work)
            if not members:
                del self._groups[id(work.group)]
        if task.cancelled() and not self._is_closed:
            _logger.warning("after_response_cancelled function=%s origin=%s", work.name, work.origin)


def _call(call: Callable[[], _R]) -> _R:
    return call()


def _unwrap(fn: Callable[..., object]) -> Callable[..., object]:
    """Return the function inside of any number of `functools.partial`."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def _name(fn: Callable[..., object]) -> str:
    inner = _unwrap(fn)
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))


def _is_async(fn: Callable[..., object]) -> bool:
    inner = _unwrap(fn)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)
