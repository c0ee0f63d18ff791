"""How long the jobs of one endpoint take, as a moving average.

A lane decides by it how to wake its workers: jobs that are known to be short are left to a worker that is already
awake, every other job gets a worker of its own. The decision itself is in `lanes`.
"""

from __future__ import annotations

__all__ = ["RunProfile"]

_SHORT_SECONDS = 200e-6
_WEIGHT = 1 / 8


class RunProfile:
    """The run time of one endpoint; one object per endpoint, written by the workers that run it.

    Two workers that write at once may lose one of the two samples. The average is a hint, so that does no harm.

    Attributes:
        average_seconds: exponentially moving average of the run time, `None` while nothing has run.
        is_short: whether the average is known and at most 200 microseconds.
    """

    __slots__ = ("average_seconds", "is_short")

    def __init__(self) -> None:
        self.average_seconds: float | None = None
        self.is_short: bool = False

    def record(self, elapsed_seconds: float) -> None:
        """Take one finished run into the average; each counts one eighth, the first one wholly.

        Args:
            elapsed_seconds: wall time of the run, 0 or more.
        """
        average = self.average_seconds
        average = elapsed_seconds if average is None else average + (elapsed_seconds - average) * _WEIGHT
        self.average_seconds = average
        self.is_short = average <= _SHORT_SECONDS

    def record_running(self, elapsed_seconds: float) -> None:
        """Learn from a run that has not finished: the average becomes at least what it has taken so far.

        Args:
            elapsed_seconds: wall time since the run started, 0 or more.
        """
        average = self.average_seconds
        if average is None or average < elapsed_seconds:
            self.average_seconds = elapsed_seconds
            self.is_short = elapsed_seconds <= _SHORT_SECONDS
