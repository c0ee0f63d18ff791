"""A job: a handler, the moments at which it is due, and what is told of each of its runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from costrel.messages import Store
from costrel.scheduling.run import Outcome, RunTimedOut, ScheduledRun
from costrel.scheduling.timing import Timing

__all__ = ["Call", "Emit", "Once", "ScheduledJob"]

logger: logging.Logger = logging.getLogger("costrel.schedule")

Once = Literal["process", "host", "cluster"]
Call = Callable[[ScheduledRun], Awaitable[object]]
Emit = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True, eq=False)
class ScheduledJob:
    """A job of an application, as `App.scheduled` shows it.

    Args:
        name: with the names of its blueprints before it.
        timing: when it is due.
        call: calls the handler with what its parameters ask for; raises `RunTimedOut` when it took too long.
        emit: tells the application's listeners.
        where: file and line of the handler.
        once: whether each run is made once in every process, on each host, or among all that share the store.
        store: what the processes share; `None` for that of the process or host.
        timeout_seconds: how long a run may take, `None` for as long as it likes.
        jitter_seconds: at most how long after its moment a run begins, each time by chance; 0 or more.
        overlap: whether a run may begin while another one goes on.
        on_start: whether a run that was due last, and that nobody has made, is made when the application starts.
    """

    name: str
    timing: Timing
    call: Call
    emit: Emit
    where: str
    once: Once = "host"
    store: Store | None = None
    timeout_seconds: float | None = None
    jitter_seconds: float = 0.0
    overlap: bool = False
    on_start: bool = False

    async def run(self) -> object:
        """Run it at once, whatever the time is and whoever runs it already; for tests, and for a button.

        Returns:
            What the handler returned.

        Raises:
            ProgrammerError: the application does not run on this loop.
            RunTimedOut: it took too long.
            BaseException: whatever the handler raised; it was logged.
        """
        return await self.perform(ScheduledRun.due(self.name, time.time()))

    async def perform(self, run: ScheduledRun, clock: Callable[[], float] = time.monotonic) -> object:
        """Make a run, and log and announce its begin and its end.

        Args:
            run: the run.
            clock: what its duration is measured with, in seconds.

        Returns:
            What the handler returned.

        Raises:
            BaseException: whatever the handler raised; it was logged.
        """
        begun_at = clock()
        self.emit("job_started", {"name": self.name, "run_id": run.run_id, "due_at": run.due_at})
        logger.info("job_started name=%s run_id=%s due_at=%s", self.name, run.run_id, run.due_at.isoformat())
        try:
            result = await self.call(run)
        except RunTimedOut as error:
            self._report(run, "timed_out", clock() - begun_at, error)
            raise
        except asyncio.CancelledError as error:
            self._report(run, "cancelled", clock() - begun_at, error)
            raise
        except BaseException as error:
            self._report(run, "failed", clock() - begun_at, error)
            raise
        self._report(run, "succeeded", clock() - begun_at, None)
        return result

    def _report(
        self, run: ScheduledRun, outcome: Outcome, duration_seconds: float, failure: BaseException | None
    ) -> None:
        level = {"succeeded": logging.INFO, "cancelled": logging.WARNING}.get(outcome, logging.ERROR)
        logger.log(
            level,
            "job_finished name=%s run_id=%s outcome=%s duration_seconds=%.3f",
            self.name,
            run.run_id,
            outcome,
            duration_seconds,
            exc_info=failure if outcome == "failed" else None,
        )
        self.emit(
            "job_finished",
            {
                "name": self.name,
                "run_id": run.run_id,
                "due_at": run.due_at,
                "outcome": outcome,
                "duration_seconds": duration_seconds,
                "exception": failure,
            },
        )
