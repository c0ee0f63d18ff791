"""The task that waits for what is due; one for each loop on which an application serves.

It waits at most half a minute at a time and then looks at the clock again, so that a machine that slept, and a clock
that was set, are noticed. Of several moments that have passed meanwhile, only the last one is run.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextvars import Context

from costrel.errors import ServiceUnavailable
from costrel.execution import LoopState
from costrel.scheduling.attempts import Attempts
from costrel.scheduling.clock import Clock

__all__ = ["Scheduler"]

logger: logging.Logger = logging.getLogger("costrel.schedule")

_LONGEST_WAIT_SECONDS = 30.0
_SHORTEST_WAIT_SECONDS = 0.001


class _Plan:
    """When one job is due next."""

    __slots__ = ("attempts", "jitter_seconds", "moment")

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.moment: float | None = None
        self.jitter_seconds = 0.0

    def begins_at(self) -> float | None:
        """Return when the next run begins, jitter included."""
        return None if self.moment is None else self.moment + self.jitter_seconds


class Scheduler:
    """Begins the runs of jobs when they are due, as work of the loop's supervisor.

    Args:
        attempts: one for each job.
        loop_state: of the application.
        clock: tells the time.
        choose: returns a number from 0 to below 1, by chance.
    """

    __slots__ = ("_choose", "_clock", "_loop_state", "_plans", "_task")

    def __init__(
        self,
        attempts: Sequence[Attempts],
        loop_state: LoopState,
        clock: Clock,
        choose: Callable[[], float] = random.random,
    ) -> None:
        self._plans = [_Plan(each) for each in attempts]
        self._loop_state = loop_state
        self._clock = clock
        self._choose = choose
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to wait; runs that are due begin from now on, until the loop stops."""
        if self._task is None and not self._loop_state.stopping:
            self._task = self._loop_state.loop.create_task(self._live(), name="costrel schedule", context=Context())
            self._loop_state.on_stopping(self._task.cancel)

    async def _live(self) -> None:
        now = self._clock.now()
        for plan in self._plans:
            job = plan.attempts.job
            if job.on_start and (last := job.timing.last_until(now)) is not None:
                self._begin(plan.attempts, last)
            self._plan_after(plan, now)
        while True:
            await self._clock.sleep(self._wait_seconds())
            before, now = now, self._clock.now()
            for plan in self._plans:
                self._look_at(plan, now, was_set_back=now < before)

    def _wait_seconds(self) -> float:
        waiting = [begins_at for plan in self._plans if (begins_at := plan.begins_at()) is not None]
        wait_seconds = min(waiting, default=_LONGEST_WAIT_SECONDS + self._clock.now()) - self._clock.now()
        return min(max(wait_seconds, _SHORTEST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)

    def _look_at(self, plan: _Plan, now: float, *, was_set_back: bool) -> None:
        """Begin a run if it is time for it.

        A clock that was set back may come to moments again that have had their run: the claim refuses those.
        """
        begins_at = plan.begins_at()
        timing = plan.attempts.job.timing
        if begins_at is None or plan.moment is None:
            return
        if begins_at > now:
            if was_set_back:
                self._plan_after(plan, now)
            return
        last = timing.last_until(now - plan.jitter_seconds)
        moment = plan.moment if last is None else max(plan.moment, last)
        if moment > plan.moment:
            logger.warning("job_late name=%s late_seconds=%.1f", plan.attempts.job.name, now - plan.moment)
        self._begin(plan.attempts, moment)
        self._plan_after(plan, moment)

    def _plan_after(self, plan: _Plan, moment: float) -> None:
        plan.moment = plan.attempts.job.timing.next_after(moment)
        plan.jitter_seconds = self._choose() * plan.attempts.job.jitter_seconds

    def _begin(self, attempts: Attempts, moment: float) -> None:
        job = attempts.job
        try:
            self._loop_state.supervisor.spawn(attempts, moment, origin=f"schedule of {job.name} ({job.where})")
        except ServiceUnavailable:
            attempts.skip(moment, "overloaded")
