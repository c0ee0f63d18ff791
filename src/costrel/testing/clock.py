"""A clock that stands still until a test moves it."""

from __future__ import annotations

__all__ = ["FrozenClock"]


class FrozenClock:
    """A clock for everything that takes one: called, it gives the time.

    ``TestClient(app, clock=clock)`` lets cookies expire by it.

    Args:
        timestamp: where it stands, in seconds since the epoch.

    >>> clock = FrozenClock(1000.0)
    >>> clock.advance(60)
    >>> clock()
    1060.0
    """

    def __init__(self, timestamp: float = 1_700_000_000.0) -> None:
        self._timestamp = timestamp

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._timestamp

    def advance(self, seconds: float) -> None:
        """Move it on.

        Args:
            seconds: 0 or more.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock moves forward, not by {seconds} seconds")
        self._timestamp += seconds
