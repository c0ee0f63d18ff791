"""Responses of Werkzeug and Flask as ours, and ours as one of Flask's that its functions can look at and change.

A body that is there is translated both ways. One that is made while it is sent is taken over as a stream from Flask,
and is never shown to it: what Flask sees of it is its head.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Flask, Response as FlaskResponse, current_app, has_request_context, request as flask_request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from costrel.http import Headers
from costrel.messages import Response, StreamResponse

__all__ = ["Translated", "from_exception", "from_werkzeug"]

_FRAMING: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


def from_werkzeug(value: WerkzeugResponse) -> Response:
    """Make a response of ours.

    What was registered with ``call_on_close`` is called when a stream has ended, and at once for a complete body.
    """
    environ = flask_request.environ if has_request_context() else {}
    headers = value.get_wsgi_headers(environ)
    fields = [(name, field_value) for name, field_value in headers if name.lower() not in _FRAMING]
    if value.is_sequence:
        response = Response(b"".join(value.iter_encoded()), value.status_code, fields)
        value.close()
    else:
        length = headers.get("Content-Length", type=int)
        response = StreamResponse(
            _pieces(value), value.status_code, fields, content_length=length, on_abort=value.close
        )
    if "content-type" not in headers:
        response.media_type = None
    return response


def from_exception(error: HTTPException) -> Response:
    """Make the response that the current Flask application gives to an exception of Werkzeug's."""
    answer = current_app.handle_http_exception(error) if has_request_context() else error
    if not isinstance(answer, HTTPException):
        return from_werkzeug(current_app.make_response(answer))
    page = answer.get_response()
    # It may be one without a body of its own, which somebody has aborted with.
    return from_werkzeug(page if isinstance(page, WerkzeugResponse) else WerkzeugResponse.force_type(page, {}))


def _pieces(value: WerkzeugResponse) -> Iterator[bytes]:
    try:
        yield from value.iter_encoded()
    finally:
        value.close()


class Translated:
    """A response of ours while Flask's functions look at it.

    Args:
        flask_app: whose kind of response they get.
        ours: the response; it takes over what they change.

    Attributes:
        theirs: what they get.
    """

    def __init__(self, flask_app: Flask, ours: Response) -> None:
        self._ours = ours
        theirs: FlaskResponse = flask_app.response_class(status=ours.status_code)
        theirs.headers.clear()
        for name, value in ours.headers.raw:
            theirs.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        # A function that asks for the content of a stream is told by Werkzeug that it cannot have it.
        theirs.direct_passthrough = not isinstance(ours.body, bytes)
        theirs.response = [ours.body] if isinstance(ours.body, bytes) else iter(())
        self._content = theirs.response
        self._fields = list(theirs.headers)
        self.theirs: FlaskResponse = theirs

    def take_back(self, answer: FlaskResponse) -> Response:
        """Return our response with what was changed; another one if they have put a stream, or a body, in its place.

        Args:
            answer: what the last function has returned, `theirs` or another one.
        """
        ours = self._ours
        has_body = isinstance(ours.body, bytes)
        if answer.response is not self._content and not (has_body and answer.is_sequence):
            response = from_werkzeug(answer)
            response.exception = ours.exception
            return response
        if has_body:
            ours.body = b"".join(answer.iter_encoded())
        ours.status_code = answer.status_code
        fields = list(answer.headers)
        if fields != self._fields:
            kept = [(name, value) for name, value in fields if name.lower() not in _FRAMING]
            ours.headers.clear()
            ours.headers.extend(Headers(kept))
        return ours
