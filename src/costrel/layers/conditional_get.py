"""`ConditionalGet`: a client that has the answer already is told so with 304, for whatever handlers return.

An answer without ``ETag`` gets one, made of its content; then the precondition rules of `Request.check_preconditions`
decide. The handler has run by then, so what is saved is sending. For the same reason a PUT is not looked at: whether it
may be done must be asked before it is done, with `Request.check_preconditions` in its handler. Streams and files are
left alone; a `FileResponse` asks for itself.

Spec: RFC 9110 §8.8, §13, §15.4.5.
"""

from __future__ import annotations

from costrel.errors import PreconditionFailed
from costrel.http import Precondition, make_etag, parse_http_date
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["ConditionalGet"]

_OF_THE_CONTENT = ("content-type", "content-encoding", "content-language", "content-disposition")


class ConditionalGet:
    """Answers GET and HEAD with 304 or 412 where the request's conditions say so.

    An answer with ``Cache-Control: no-store`` gets no tag, for nobody may keep what it is a tag of.

    Args:
        max_bytes: larger content gets no tag; one that its handler has set counts all the same.
        weak: whether the tags are weak: the same meaning, not the same bytes.

    Raises:
        ConfigurationError: COS-LAYERS-001, `max_bytes` is not a whole number of 0 or more.
    """

    def __init__(self, *, max_bytes: int = 1_048_576, weak: bool = False) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 0:
            raise wrong_option("ConditionalGet", "max_bytes", max_bytes, "It is a whole number of bytes, 0 or more.")
        self._max_bytes = max_bytes
        self._weak = weak

    def __repr__(self) -> str:
        return f"ConditionalGet(max_bytes={self._max_bytes}, weak={self._weak})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer, or `None` for a route that has no GET."""
        if route.methods and "GET" not in route.methods:
            return None
        max_bytes, weak = self._max_bytes, self._weak

        async def conditional_get(request: Request, call_next: Dispatch) -> Response:
            response = await call_next(request)
            if response.status_code != 200 or request.method not in ("GET", "HEAD"):
                return response
            body = response.body
            if type(body) is not bytes:
                return response
            if response.has_plain_head and (not body or len(body) > max_bytes):
                return response
            headers = response.headers
            tag = response.etag
            if tag is None and body and len(body) <= max_bytes and "no-store" not in headers.get("cache-control", ""):
                tag = make_etag(body, weak=weak)
                response.etag = tag
            modified = headers.get("last-modified")
            if tag is None and modified is None:
                return response
            outcome = request.check_preconditions(
                etag=tag, last_modified=parse_http_date(modified) if modified is not None else None
            )
            if outcome is Precondition.NOT_MODIFIED:
                return _not_modified(response)
            if outcome is Precondition.FAILED:
                raise PreconditionFailed
            return response

        return conditional_get

    def describe(self) -> LayerInfo:
        """Say that it may answer 304 and 412."""
        return LayerInfo(
            {304: "The client has the answer already.", 412: "The answer is not the one that the client means."},
            request_headers=("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
            response_headers=("etag",),
        )


def _not_modified(response: Response) -> Response:
    """Make a 304 of a response: without its content and what describes that, the rest as it is."""
    response.status_code = 304
    response.body = b""
    for name in _OF_THE_CONTENT:
        response.headers.pop(name, None)
    return response
