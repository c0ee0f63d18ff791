"""`BodyLimit`: how large the bodies inside may be; a larger one is 413, at once when its length is declared.

The layer only sets `Request.max_body_bytes`. What counts is the one reader of bodies, for every media type, forms with
files and streams included. The innermost layer counts, so the route for uploads may take more than its application.
"""

from __future__ import annotations

from collections.abc import Awaitable

from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["BodyLimit"]


class BodyLimit:
    """Sets the limit for the bodies of the requests inside, in the place of those of `AppSettings`.

    Args:
        max_bytes: of the whole body, for every media type; 0 is no body at all.

    Raises:
        ConfigurationError: COS-LAYERS-001, not a whole number of 0 or more.
    """

    def __init__(self, max_bytes: int) -> None:
        # SECURITY: a limit that nothing is greater than, such as NaN, would be none without anybody noticing.
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 0:
            why = "It is a whole number of bytes, 0 or more; there is no value for `no limit`."
            raise wrong_option("BodyLimit", "max_bytes", max_bytes, why, "BodyLimit(100 * 1024 * 1024)")
        self._max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"BodyLimit({self._max_bytes})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route."""
        max_bytes = self._max_bytes

        def body_limit(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            request.max_body_bytes = max_bytes
            return call_next(request)

        return body_limit

    def describe(self) -> LayerInfo:
        """Say that the answer may be 413."""
        return LayerInfo({413: f"The body is larger than {self._max_bytes} bytes."})
