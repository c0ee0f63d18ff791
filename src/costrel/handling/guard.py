"""Bounding the core of an endpoint: by the deadline of its request, and by its client's patience.

Only requests that have a deadline come here, and those of routes with ``cancel_on_disconnect=True``. Whoever claims the
outcome first decides: when the deadline is first, the layers outside get a 503 and nothing commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from costrel.errors import ClientDisconnected, RequestAbandoned, ServiceUnavailable
from costrel.execution import (
    Claim,
    DeadlineExceeded,
    Lane,
    Outcome,
    RunProfile,
    WorkerContext,
    cancel_claimed,
    hop,
    run_with_deadline,
)
from costrel.messages import Request, Response

__all__ = ["Guard", "report_abandoned", "watched_hop"]

_R = TypeVar("_R")
Core = Callable[[Request, Any], Any]


class _Leaver:
    """Cancels a task when its client leaves. It holds nothing of the request but the claim, so there is no cycle."""

    __slots__ = ("_claim", "has_cancelled", "task")

    def __init__(self, task: asyncio.Task[object], claim: Claim) -> None:
        self.task: asyncio.Task[object] | None = task
        self.has_cancelled: bool = False
        self._claim = claim

    def __call__(self) -> None:
        if self.task is not None:
            self.has_cancelled = cancel_claimed(self.task, self._claim)


class Guard:
    """Runs the core of an endpoint under what may end it early.

    Args:
        convert: makes the response of an exception.
        cancel_on_disconnect: whether the handler is cancelled when its client leaves.
    """

    __slots__ = ("_cancels", "_convert")

    def __init__(
        self, convert: Callable[[Request, Exception], Awaitable[Response]], cancel_on_disconnect: bool
    ) -> None:
        self._convert = convert
        self._cancels = cancel_on_disconnect

    async def __call__(self, request: Request, core: Core, argument: object) -> Response:
        """Await ``core(request, argument)``.

        Raises:
            ClientDisconnected: the client left, and the handler was cancelled for it.
        """
        try:
            response = await (self._run if self._cancels else self._with_deadline)(request, core, argument)
        except (DeadlineExceeded, RequestAbandoned):
            pass
        else:
            # A disconnect after this must not cancel what follows.
            request.claim.take(Outcome.COMPLETED)
            return response
        return await self._convert(
            request, ServiceUnavailable("The request took too long.", headers={"Retry-After": "1"})
        )

    async def _run(self, request: Request, core: Core, argument: object) -> Response:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        cancelling_before = task.cancelling()
        if request.exchange.is_disconnected:
            # Nothing is cancelled that has not begun: the cancellation would hit whatever comes next.
            request.claim.take(Outcome.ABANDONED)
            raise ClientDisconnected
        leaver = _Leaver(task, request.claim)
        request.exchange.on_disconnect(leaver)
        try:
            response = await self._with_deadline(request, core, argument)
        except (asyncio.CancelledError, RequestAbandoned):
            if leaver.has_cancelled and task.uncancel() <= cancelling_before:
                raise ClientDisconnected from None
            raise
        finally:
            leaver.task = None
        if leaver.has_cancelled:
            # The handler has swallowed the cancellation, and nobody is left to take its answer.
            task.uncancel()
            raise ClientDisconnected
        return response

    @staticmethod
    def _with_deadline(request: Request, core: Core, argument: object) -> Awaitable[Response]:
        at = request.deadline_at
        answer = core(request, argument)
        if at is not None:
            answer = run_with_deadline(request.claim, request.exchange.loop_state.loop, at, answer)
        return cast("Awaitable[Response]", answer)


async def watched_hop(
    lane: Lane, worker: WorkerContext, step: Callable[[Request], _R], request: Request, profile: RunProfile | None
) -> _R:
    """Do what `hop` does, and tell the application when the thread is left behind."""
    is_running = False

    def run(request: Request) -> _R:
        nonlocal is_running
        is_running = True
        try:
            return step(request)
        finally:
            is_running = False

    try:
        return await hop(lane, worker, run, request, profile)
    except asyncio.CancelledError:
        if is_running:
            report_abandoned(request)
        raise


def report_abandoned(request: Request) -> None:
    """Emit ``worker_abandoned``: a thread works on for nobody."""
    if request.app is not None:
        handler = request.route.handler if request.route is not None else "-"
        request.app.emit("worker_abandoned", {"request": request, "handler": handler})
