"""The one context in which worker threads run the synchronous steps of a request.

A thread never runs inside the task's own context: when the task is cancelled meanwhile, the loop cannot enter that
context any more and the task never ends. So a request has a second context for its threads, made at the first hop and
used for all of them, which keeps the tokens of `ContextVar.set` valid from one hop to the next. Before and after a
hop, variables that changed on one side are carried to the other; one comparison decides whether there are any.

A variable counts as changed when its new value is not equal to the old one; a value that cannot be compared
counts as changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, Token, copy_context
from typing import Any, TypeVar

from costrel.execution.caller import Caller
from costrel.execution.lane_job import LaneJob
from costrel.execution.lanes import Lane
from costrel.execution.run_profile import RunProfile

__all__ = ["WorkerContext", "hop"]

_A = TypeVar("_A")
_R = TypeVar("_R")
_Changes = dict[ContextVar[Any], object]
_Tokens = dict[ContextVar[Any], Token[Any]]


_NOTHING = Context()


class WorkerContext:
    """The context of one request's worker threads; make one per request, give it to `hop`, `close` it at the end.

    Two things follow from what contexts can do. A hop that was cancelled while its thread ran leaves the context to
    that thread until it ends; a hop before then gets a new context. And a variable that was there when the context
    was made and that the task unsets later stays set for the threads, if they have set variables of their own.

    Attributes:
        caller: the thread that has called us and works for this request in place of any lane; `None` for none.
        held_count: how many synchronous providers the request has entered and not left; whoever enters one counts.
        is_streaming: whether a plain generator of the request has begun, which may hold anything.
    """

    __slots__ = (
        "_context",
        "_has_own_changes",
        "_job",
        "_task_seen",
        "_task_tokens",
        "_worker_seen",
        "_worker_tokens",
        "caller",
        "held_count",
        "is_streaming",
    )

    # What both sides had when they last agreed, and the tokens with which each side can unset a variable.
    # Set by `_begin`.
    _worker_seen: Context
    _task_seen: Context
    _worker_tokens: _Tokens
    _task_tokens: _Tokens

    def __init__(self) -> None:
        self._context: Context | None = None
        self._job: LaneJob[Any] | None = None
        self._has_own_changes = False
        self.caller: Caller | None = None
        self.held_count: int = 0
        self.is_streaming: bool = False

    @property
    def context(self) -> Context | None:
        """The context that the threads run in, `None` before the first hop."""
        return self._context

    def close(self) -> None:
        """Let go of the context when the request is over, so that nothing keeps what its variables held."""
        if self._context is not None:
            self._context = self._job = None
            self._worker_seen = self._task_seen = _NOTHING
            if self._has_own_changes or self._worker_tokens:
                self._worker_tokens = {}
                self._task_tokens = {}

    def _prepare(self) -> Context:
        """Return the context for the next hop, with the task's changes in it."""
        context = self._context
        if context is None:
            return self._begin()
        if self._job is not None:
            # An earlier hop was cancelled. Its thread may still be inside the context, and then it keeps it.
            if not self._job.is_over:
                return self._begin()
            self._job = None
        try:
            is_unchanged = copy_context() == self._task_seen
        except Exception:
            is_unchanged = False
        return context if is_unchanged else self._synchronize(context)

    def _begin(self) -> Context:
        context = self._context = copy_context()
        self._worker_seen = self._task_seen = context.copy()
        self._worker_tokens = {}
        self._task_tokens = {}
        self._job = None
        self._has_own_changes = False
        return context

    def _finish(self) -> None:
        """Carry back to the task what the hop changed."""
        self._job = None
        context = self._context
        if context is None:
            return
        try:
            is_unchanged = context == self._worker_seen
        except Exception:
            is_unchanged = False
        if not is_unchanged:
            self._synchronize(context)

    def _synchronize(self, context: Context) -> Context:
        """Carry changes both ways; where both sides changed a variable, the threads' value wins."""
        to_task, unset_in_worker = _difference(context, self._worker_seen)
        to_worker, unset_in_task = _difference(copy_context(), self._task_seen)
        if to_task or unset_in_worker:
            self._has_own_changes = True
        elif not self._has_own_changes and any(variable not in self._worker_tokens for variable in unset_in_task):
            # A variable can be unset only with the token of the call that set it. The threads inherited this one
            # and have no token for it; nor has a thread made a token that a new context would invalidate.
            return self._begin()
        for variable in (*to_task, *unset_in_worker):
            to_worker.pop(variable, None)
        context.run(_apply, to_worker, unset_in_task, self._worker_tokens)
        _apply(to_task, unset_in_worker, self._task_tokens)
        self._worker_seen = context.copy()
        self._task_seen = copy_context()
        return context


def _difference(now: Context, before: Context) -> tuple[_Changes, list[ContextVar[Any]]]:
    """Return the variables with another object than before, and those that are unset now."""
    changes: _Changes = {}
    for variable, value in now.items():
        if variable not in before or before[variable] is not value:
            changes[variable] = value
    return changes, [variable for variable in before if variable not in now]


def _apply(changes: _Changes, unset: list[ContextVar[Any]], tokens: _Tokens) -> None:
    """Make the changes in the current context, and keep the tokens that can unset a variable again."""
    for variable in unset:
        token = tokens.pop(variable, None)
        if token is not None:
            try:
                variable.reset(token)
            except ValueError:
                # This hop is awaited in another context than the one that set the variable: it is not set here.
                continue
    for variable, value in changes.items():
        token = variable.set(value)
        if token.old_value is Token.MISSING:
            tokens[variable] = token


async def hop(
    lane: Lane,
    worker: WorkerContext,
    fn: Callable[[_A], _R],
    arg: _A,
    profile: RunProfile | None = None,
) -> _R:
    """Run ``fn(arg)`` in a thread of the lane and in the worker's context, and wait for it.

    Context variables that the task has changed are visible in the thread; those that the thread changed are
    visible in the task afterwards, also when ``fn`` raised.

    When the waiting task is cancelled, the cancellation goes up at once: a job that waits is withdrawn, one that
    runs goes on without anybody listening, and nothing is carried back.

    Args:
        lane: where to run, unless the worker has a caller.
        worker: the context of the request; one hop at a time uses it.
        fn: the synchronous step.
        arg: its only argument.
        profile: run times of the endpoint that the step belongs to.

    Returns:
        What ``fn`` returned.

    Raises:
        ServiceUnavailable: the lane had no thread for it in time.
        BaseException: whatever ``fn`` raised.
    """
    # The job is in no local variable: a traceback would keep it, and it the traceback.
    worker._job = (worker.caller or lane).submit(fn, arg, worker._prepare(), profile)
    try:
        result: _R = await worker._job
    except asyncio.CancelledError:
        raise
    except BaseException:
        worker._finish()
        raise
    worker._finish()
    return result
