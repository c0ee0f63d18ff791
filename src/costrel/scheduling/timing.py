"""When a job is due: a `Timing` knows the moments, and nothing of what happens at them.

A moment is in seconds since 1970, and it is the same one in every process that asks. So processes that have never
heard of each other agree on which run they are talking about, and one of them can claim it.
"""

from __future__ import annotations

from typing import Protocol

from costrel.scheduling.durations import parse_duration

__all__ = ["MAX_INTERVAL_SECONDS", "MIN_INTERVAL_SECONDS", "Interval", "Timing"]

MIN_INTERVAL_SECONDS = 0.1
MAX_INTERVAL_SECONDS = 366 * 86_400.0


class Timing(Protocol):
    """The moments at which a job is due."""

    def next_after(self, moment: float) -> float | None:
        """Return the first moment after another one; `None` when there is none."""
        ...

    def last_until(self, moment: float) -> float | None:
        """Return the last moment that is not after another one; `None` when there is none."""
        ...

    def __str__(self) -> str:
        """Return what was written, for logs and listings."""
        ...


class Interval:
    """Every so many seconds, counted from midnight UTC on 1 January 1970: ``"5m"`` is at :00, :05, :10 …

    Args:
        every: seconds, or text as `parse_duration` reads it; from 0.1 seconds to 366 days, in whole milliseconds.

    Raises:
        ValueError: it is no such length of time.

    >>> Interval("5m").next_after(301.0)
    600.0
    """

    __slots__ = ("_milliseconds", "_written")

    def __init__(self, every: float | str) -> None:
        seconds = parse_duration(every)
        if not MIN_INTERVAL_SECONDS <= seconds <= MAX_INTERVAL_SECONDS:
            raise ValueError("an interval has from 0.1 seconds to 366 days")
        self._milliseconds = round(seconds * 1000)
        self._written = every if isinstance(every, str) else f"{seconds:g}s"

    def __str__(self) -> str:
        return f"every {self._written}"

    def next_after(self, moment: float) -> float:
        """Return the first moment after another one."""
        return (self._count(moment) + 1) * self._milliseconds / 1000

    def last_until(self, moment: float) -> float:
        """Return the last moment that is not after another one."""
        return self._count(moment) * self._milliseconds / 1000

    def _count(self, moment: float) -> int:
        """Return how many intervals have ended; in whole milliseconds, so that no moment is missed by its last bit."""
        return round(moment * 1000) // self._milliseconds
