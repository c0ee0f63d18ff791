"""What happens when a job is due: the run is claimed, the job's lock taken, the run made; or it is said why not.

A claim comes first, so that of all processes one decides, and one says what it has decided. The lock comes second: a
run of an earlier moment may still go on, here or elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Literal

from costrel.messages import LockLost, LockNotAcquired, StoreLock, StoreUnavailable
from costrel.scheduling.claims import LOCK_SECONDS, Claims
from costrel.scheduling.clock import Clock
from costrel.scheduling.job import ScheduledJob
from costrel.scheduling.run import RunTimedOut, ScheduledRun

__all__ = ["Attempts", "SkipReason"]

logger: logging.Logger = logging.getLogger("costrel.schedule")

SkipReason = Literal["still_running", "store_unavailable", "overloaded"]
_LOG_PAUSE_SECONDS = 60.0


class Attempts:
    """Runs one job when it is due, unless somebody else does or must not yet.

    Args:
        job: the job.
        claims: what its processes share.
        clock: tells the time.
    """

    __slots__ = ("_claims", "_clock", "_logged_at", "job")

    def __init__(self, job: ScheduledJob, claims: Claims, clock: Clock) -> None:
        self.job: ScheduledJob = job
        self._claims = claims
        self._clock = clock
        self._logged_at: dict[SkipReason, float] = {}

    async def __call__(self, moment: float) -> None:
        """Claim the run of a moment and make it; what its handler raises has been logged and ends here."""
        job = self.job
        try:
            if not await self._claims.take(moment, job.timing.next_after(moment), self._clock.now()):
                return
        except StoreUnavailable:
            self.skip(moment, "store_unavailable")
            return
        run = ScheduledRun.due(job.name, moment)
        try:
            async with AsyncExitStack() as held:
                if not job.overlap:
                    await self._hold(held)
                try:
                    await job.perform(run, self._clock.monotonic)
                except RunTimedOut as error:
                    if error.lingering is not None:
                        # Its thread is still at it, so the job is not free for its next run.
                        await error.lingering
                except Exception as error:
                    # The run has been reported with it, and the next one is another.
                    logger.debug("job_goes_on name=%s error=%r", job.name, error)
        except LockNotAcquired:
            self.skip(moment, "still_running")
        except StoreUnavailable:
            self.skip(moment, "store_unavailable")
        except LockLost:
            logger.warning("job_lock_lost name=%s run_id=%s", job.name, run.run_id)

    def skip(self, moment: float, reason: SkipReason) -> None:
        """Tell that the run of a moment is not made; at most one log line a minute for each reason."""
        job = self.job
        run = ScheduledRun.due(job.name, moment)
        job.emit("job_skipped", {"name": job.name, "due_at": run.due_at, "reason": reason})
        now = self._clock.monotonic()
        if now - self._logged_at.get(reason, -_LOG_PAUSE_SECONDS) >= _LOG_PAUSE_SECONDS:
            self._logged_at[reason] = now
            logger.warning("job_skipped name=%s due_at=%s reason=%s", job.name, run.due_at.isoformat(), reason)

    async def _hold(self, held: AsyncExitStack) -> None:
        """Take the lock of the job, and keep it for as long as the run goes on."""
        lock = await held.enter_async_context(self._claims.hold())
        keeping = asyncio.get_running_loop().create_task(self._keep(lock), name=f"lock of {self.job.name}")

        async def stop_keeping() -> None:
            keeping.cancel()
            await asyncio.wait([keeping])

        held.push_async_callback(stop_keeping)

    async def _keep(self, lock: StoreLock) -> None:
        """Extend the lock again and again; a store that is away is asked again until the lock is over."""
        while True:
            await self._clock.sleep(LOCK_SECONDS / 3)
            try:
                await lock.extend(LOCK_SECONDS)
            except StoreUnavailable:
                continue
            except LockLost:
                return
