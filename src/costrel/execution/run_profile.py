"""How long the jobs of one endpoint take, as a moving average.

A lane decides by it how to wake its workers: jobs that are known to be short are left to a worker that is already
awake, every other job gets a worker of its own. The decision itself is in `lanes`.

An average says nothing of an endpoint that is short nine times and sleeps the tenth time, and behind that one the other
nine would wait. So after each long run an endpoint does not count as short for a while, sixteen times as long as that.
"""

from __future__ import annotations

__all__ = ["RunProfile"]

_SHORT_SECONDS = 200e-6
_LONG_SECONDS = 2e-3
_WARY_FACTOR = 16
_WEIGHT = 1 / 8


class RunProfile:
    """The run time of one endpoint; one object per endpoint, written by the workers that run it.

    Two workers that write at once may lose one of the two samples. The average is a hint, so that does no harm.

    Attributes:
        average_seconds: exponentially moving average of the run time, `None` while nothing has run.
        is_short: whether, when the last run ended, the average was at most 200 microseconds, and no run of more than
            2 milliseconds had ended within sixteen times its length.
    """

    __slots__ = ("_wary_until", "average_seconds", "is_short")

    def __init__(self) -> None:
        self.average_seconds: float | None = None
        self.is_short: bool = False
        self._wary_until = 0.0

    def record(self, elapsed_seconds: float, ended_at: float) -> None:
        """Take one finished run into the average; each counts one eighth, the first one wholly.

        Args:
            elapsed_seconds: wall time of the run, 0 or more.
            ended_at: the time now, on the clock of `time.monotonic`.
        """
        average = self.average_seconds
        average = elapsed_seconds if average is None else average + (elapsed_seconds - average) * _WEIGHT
        self.average_seconds = average
        if elapsed_seconds > _LONG_SECONDS:
            self._wary_until = max(self._wary_until, ended_at + _WARY_FACTOR * elapsed_seconds)
        self.is_short = average <= _SHORT_SECONDS and ended_at >= self._wary_until

    def record_running(self, elapsed_seconds: float) -> None:
        """Learn from a run that has not finished: the average becomes at least what it has taken so far.

        Args:
            elapsed_seconds: wall time since the run started, 0 or more.
        """
        average = self.average_seconds
        if average is None or average < elapsed_seconds:
            self.average_seconds = elapsed_seconds
            self.is_short = elapsed_seconds <= _SHORT_SECONDS and (average is None or self.is_short)
