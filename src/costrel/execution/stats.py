"""What an operator sees of the execution of requests: lanes, their queues, and work after responses.

Plain frozen values. Who makes them: `Lane.stats` and `LoopState.stats`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ExecutionStats", "LaneStats"]


@dataclass(frozen=True, slots=True)
class LaneStats:
    """A lane at one moment.

    Attributes:
        name: the lane's name.
        threads: the most threads it may have.
        busy: threads that run a job now.
        waiting: jobs that no thread has taken yet.
        longest_wait_seconds: the longest any job has waited since the lane was made, those waiting now included.
        done_count: jobs that ran to their end, whether they raised or not.
        rejected_count: jobs that failed with `ServiceUnavailable`.
        abandoned: running jobs whose future was cancelled.
    """

    name: str
    threads: int
    busy: int
    waiting: int
    longest_wait_seconds: float
    done_count: int
    rejected_count: int
    abandoned: int


@dataclass(frozen=True, slots=True)
class ExecutionStats:
    """Everything that runs for one loop beside the loop itself, at one moment.

    Attributes:
        handlers: the lane of handlers written as ``def``.
        begun: the lane of what has begun: later pieces of streams, and later steps of requests that hold something.
        files: the lane of file reads and writes.
        cleanup: the lane of provider exits that must never wait behind handlers.
        supervisor_pending: works handed to the supervisor that have not ended.
    """

    handlers: LaneStats
    begun: LaneStats
    files: LaneStats
    cleanup: LaneStats
    supervisor_pending: int
