"""`RequestID`: every answer names the request it belongs to, and a gateway in front may give the name.

The identifier is `Request.id`, which error pages and the log show anyway; here it gets into a header field, and is
taken from one only if that is wanted.
"""

from __future__ import annotations

import re

from costrel.http import field_name
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["RequestID"]

# SECURITY: it goes into log lines and header fields as it is, so nothing that could end or colour one is accepted.
_is_identifier = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch


class RequestID:
    """Sends the identifier of the request back in a header field.

    Args:
        header: the name of the field, in the request as well as in the answer.
        trust: whether the client's value is taken: 1 to 128 letters, digits, dots, hyphens and underscores. Any other
            is passed over. Say so only behind a gateway that sets the field itself.

    Raises:
        ConfigurationError: COS-LAYERS-001, `header` is no field name.
    """

    def __init__(self, header: str = "x-request-id", *, trust: bool = False) -> None:
        try:
            self._header = field_name(header)
        except (TypeError, ValueError) as error:
            raise wrong_option("RequestID", "header", header, f"{error}.", 'RequestID("x-request-id")') from None
        self._trust = trust

    def __repr__(self) -> str:
        return f"RequestID({self._header.decode()!r}, trust={self._trust})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route."""
        header, name, trust = self._header, self._header.decode("ascii"), self._trust

        async def request_id(request: Request, call_next: Dispatch) -> Response:
            if trust:
                given = request.headers.get_raw(header)
                if given is not None and _is_identifier(given):
                    request.id = given.decode("ascii")
            response = await call_next(request)
            response.headers[name] = request.id
            return response

        return request_id

    def describe(self) -> LayerInfo:
        """Say which field it sets, and reads."""
        name = self._header.decode("ascii")
        return LayerInfo(request_headers=(name,) if self._trust else (), response_headers=(name,))
