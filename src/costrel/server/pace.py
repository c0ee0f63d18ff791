"""Whether a client is too slow: decisions about bytes and seconds, without a clock.

A body is judged by the time that the application has waited for it, so a slow handler never counts against the client.
A response is judged by what the client takes of it while something waits to be sent. The sweep of the connection passes
the time in.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSFER_GRACE_SECONDS", "ReadingPace", "WritePace", "judge_body"]

TRANSFER_GRACE_SECONDS = 10.0
"""How long a body may take before its average rate counts."""


class ReadingPace(Enum):
    """What a sweep finds about a client that has something to read."""

    FINE = "fine"
    STALLED = "stalled"
    TOO_SLOW = "too slow"


def judge_body(
    waited_seconds: float, silent_seconds: float, received_bytes: int, timeout_seconds: float, min_bytes_per_second: int
) -> str:
    """Say why a body comes too slowly, or nothing when it does not.

    Args:
        waited_seconds: how long the application has waited for the body in all.
        silent_seconds: how long of that nothing has come.
        received_bytes: how much has come in all.
        timeout_seconds: how long the silence may be.
        min_bytes_per_second: the average that must be reached after `TRANSFER_GRACE_SECONDS`.
    """
    if silent_seconds > timeout_seconds:
        return "The body did not arrive in time."
    if received_bytes < min_bytes_per_second * (waited_seconds - TRANSFER_GRACE_SECONDS):
        return "The body came too slowly."
    return ""


class WritePace:
    """How fast one client takes what waits to be sent to it; made when something begins to wait.

    Args:
        now: seconds of any steady clock.
        taken_bytes: what the client has taken on this connection so far.
    """

    __slots__ = ("_progress_at", "_progress_bytes", "_window_bytes", "_window_start")

    def __init__(self, now: float, taken_bytes: int) -> None:
        self._window_start = self._progress_at = now
        self._window_bytes = self._progress_bytes = taken_bytes

    def judge(self, now: float, taken_bytes: int, timeout_seconds: float, min_bytes_per_second: int) -> ReadingPace:
        """Say whether the client still reads fast enough.

        Args:
            now: seconds of the same clock.
            taken_bytes: what the client has taken by now.
            timeout_seconds: how long it may take nothing, and over how long the average is taken.
            min_bytes_per_second: the average that must be reached.
        """
        if taken_bytes != self._progress_bytes:
            self._progress_at = now
            self._progress_bytes = taken_bytes
        elif now - self._progress_at > timeout_seconds:
            return ReadingPace.STALLED
        window_seconds = now - self._window_start
        if window_seconds > timeout_seconds:
            if taken_bytes - self._window_bytes < min_bytes_per_second * window_seconds:
                return ReadingPace.TOO_SLOW
            self._window_start = now
            self._window_bytes = taken_bytes
        return ReadingPace.FINE
