"""`Timeout`: how long the handlers inside may take; the answer is 503 when the time is over, and nothing commits.

The layer only sets `Request.deadline_seconds`. What keeps the deadline is the endpoint, for handlers of every kind. The
innermost layer counts, so a route may have more time than its application, or with `None` all that it wants.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable

from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["Timeout"]


class Timeout:
    """Sets the deadline of the requests inside; on a WebSocket, of the handshake.

    Args:
        seconds: from when the layer is reached; `None` takes the deadline away that a layer outside has set.

    Raises:
        ConfigurationError: COS-LAYERS-001, not a positive number.
    """

    def __init__(self, seconds: float | None) -> None:
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and math.isfinite(seconds) and seconds > 0):
            why = "It is a number of seconds over 0, or `None` for no limit."
            raise wrong_option("Timeout", "seconds", seconds, why, "Timeout(2.5)")
        self._seconds = seconds

    def __repr__(self) -> str:
        return f"Timeout({self._seconds})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route."""
        seconds = self._seconds

        def timeout(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            request.deadline_seconds = seconds
            return call_next(request)

        return timeout

    def describe(self) -> LayerInfo:
        """Say that the answer may be 503."""
        return LayerInfo() if self._seconds is None else LayerInfo({503: "The request took too long."})
