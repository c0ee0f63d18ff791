"""Load shedding: which requests are refused because the process has enough to do.

A request costs one comparison: while fewer are in flight than `Shedding.free_count`, nobody looks any closer. The
delay of the event loop lowers that number to nothing, and the core's sweep measures it, by how late its timer comes
and how long one turn of the loop takes, so that no request reads a clock.

There is no clock, no loop and no socket here; `core` asks, `connection` answers.
"""

from __future__ import annotations

import logging

from costrel.server.framing import BUSY, OVERLOADED, Refusal
from costrel.server.settings import ServerSettings

__all__ = ["Shedding"]

logger: logging.Logger = logging.getLogger("costrel.server")


class Shedding:
    """The two reasons to refuse a request: too many in flight, or a loop that comes too late.

    Args:
        settings: `max_concurrent_requests` and `max_event_loop_delay_seconds`.

    Attributes:
        is_on: whether the delay of the loop matters at all.
        is_late: whether the loop was later than it may be when the sweep last looked.
    """

    __slots__ = ("_max_concurrent_requests", "_max_delay_seconds", "is_late", "is_on")

    def __init__(self, settings: ServerSettings) -> None:
        self._max_concurrent_requests = settings.max_concurrent_requests
        self._max_delay_seconds = settings.max_event_loop_delay_seconds
        self.is_on: bool = settings.max_event_loop_delay_seconds > 0
        self.is_late: bool = False

    @property
    def free_count(self) -> int:
        """How many requests may be in flight before one has to be judged."""
        return 0 if self.is_late else self._max_concurrent_requests

    def note_delay(self, delay_seconds: float) -> None:
        """Take how late the loop was at a sweep.

        One that comes in time ends the shedding, so it lasts no longer than the loop is busy, and at least one sweep.

        Args:
            delay_seconds: how long something that was ready has waited for the loop.
        """
        is_late = self.is_on and delay_seconds > self._max_delay_seconds
        if is_late != self.is_late:
            self.is_late = is_late
            word = "began" if is_late else "ended"
            logger.warning("load_shedding_%s event_loop_delay_seconds=%.3f", word, delay_seconds)

    def judge(self, active_count: int) -> Refusal | None:
        """Return why one more request is refused, or `None`.

        Args:
            active_count: the requests in flight.
        """
        if self.is_late:
            return BUSY
        return OVERLOADED if active_count >= self._max_concurrent_requests else None
