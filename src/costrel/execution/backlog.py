"""The jobs of a lane that no worker has taken yet, oldest first.

A job leaves the backlog when a worker takes it, when its future is cancelled, or when it is refused: because it has
waited too long, or because the lane closes. A withdrawn job keeps its place until it comes to the front, or until such
places are the greater part; so every operation takes constant time on average.

Nothing here takes a lock: the lane calls everything under its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from costrel.execution.lane_job import JobState, LaneJob

__all__ = ["Backlog"]

_MAX_SPARE_PLACES = 64

# Looked up once: a member of an enum is a slow global on Python 3.11.
_WAITING, _RUNNING = JobState.WAITING, JobState.RUNNING


class Backlog:
    """Waiting jobs in the order of their coming; its length is the number of those that still wait.

    Attributes:
        append: puts a job behind the others.
    """

    __slots__ = ("_jobs", "_withdrawn_count", "append")

    def __init__(self) -> None:
        self._jobs: deque[LaneJob[Any]] = deque()
        self._withdrawn_count = 0
        self.append: Callable[[LaneJob[Any]], None] = self._jobs.append

    def __len__(self) -> int:
        return len(self._jobs) - self._withdrawn_count

    def __iter__(self) -> Iterator[LaneJob[Any]]:
        return (job for job in self._jobs if job.state is _WAITING)

    def peek(self) -> LaneJob[Any] | None:
        """Return the oldest job and leave it there; `None` when nothing waits."""
        jobs = self._jobs
        while jobs:
            oldest = jobs[0]
            if oldest.state is _WAITING:
                return oldest
            jobs.popleft()
            self._withdrawn_count -= 1
        return None

    def take(self) -> LaneJob[Any] | None:
        """Take the oldest job, which is running from now on; `None` when nothing waits."""
        jobs = self._jobs
        while jobs:
            oldest = jobs.popleft()
            if oldest.state is _WAITING:
                oldest.state = _RUNNING
                return oldest
            self._withdrawn_count -= 1
        return None

    def withdraw(self, job: LaneJob[Any]) -> None:
        """Give up the place of a waiting job."""
        job.state = JobState.WITHDRAWN
        self._withdrawn_count += 1
        if self._withdrawn_count > _MAX_SPARE_PLACES + len(self._jobs) // 2:
            waiting = list(self)
            self._jobs.clear()
            self._jobs.extend(waiting)
            self._withdrawn_count = 0

    def refuse_older(self, submitted_at: float) -> list[LaneJob[Any]]:
        """Take out the jobs submitted at that time or earlier, marked as refused, oldest first."""
        refused: list[LaneJob[Any]] = []
        while (job := self.peek()) is not None and job.submitted_at <= submitted_at:
            job.state = JobState.REFUSED
            self._jobs.popleft()
            refused.append(job)
        return refused
