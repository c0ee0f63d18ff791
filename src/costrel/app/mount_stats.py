"""What went through a mount in this process, so that a team sees what is left to move."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MountCounter", "MountStats"]

_FIRST_SERVER_ERROR = 500
_SWITCHING_PROTOCOLS = 101


@dataclass(frozen=True, slots=True)
class MountStats:
    """The counts of one mount since the process started.

    Args:
        requests: that were handed to it, handshakes of WebSockets included.
        errors: that it answered with a 5xx, what it raised included.
        websockets: that it accepted.
        in_flight: that are not answered yet, or stream still, or are open sockets.
    """

    requests: int = 0
    errors: int = 0
    websockets: int = 0
    in_flight: int = 0


class MountCounter:
    """Counts the requests of one mount.

    Adding to an attribute is one step for the interpreter, so event loops in several threads may share it.

    Attributes:
        begun: requests that came.
        ended: those of them that have ended.
    """

    __slots__ = ("_errors", "_websockets", "begun", "ended")

    def __init__(self) -> None:
        self.begun: int = 0
        self.ended: int = 0
        self._errors = 0
        self._websockets = 0

    def end(self, _: object) -> None:
        """Count a request that has ended; a callback of `Request.on_end`."""
        self.ended += 1

    def note_answer(self, status_code: int) -> None:
        """Count what an answer is besides."""
        if status_code >= _FIRST_SERVER_ERROR:
            self._errors += 1
        elif status_code == _SWITCHING_PROTOCOLS:
            self._websockets += 1

    def read(self) -> MountStats:
        """Return the counts of this moment."""
        # In this order: a request that ends meanwhile must not count as one that has not begun.
        ended = self.ended
        begun = self.begun
        return MountStats(requests=begun, errors=self._errors, websockets=self._websockets, in_flight=begun - ended)
