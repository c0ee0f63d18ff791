"""The extension that takes what a moved handler still returns or raises in Flask's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costrel.messages import AppSetup, Response

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

__all__ = ["FlaskResponses"]


class FlaskResponses:
    """Makes responses of Werkzeug's and Flask's, and of what `flask.abort` raises; an `Extension`.

    So a handler may return `flask.redirect`, `flask.jsonify`, `flask.make_response` or `flask.send_file` as before.
    An exception of Werkzeug's is answered as the Flask application answers it, by its error handlers or with its plain
    page, as long as the handler is inside `flask_context`; elsewhere with Werkzeug's page. An error handler of ours for
    a subclass, such as ``werkzeug.exceptions.NotFound``, comes first.

    Attributes:
        name: ``flask_responses``.
        requires: nothing.
    """

    name = "flask_responses"
    requires: tuple[str, ...] = ()

    def install(self, app: AppSetup) -> None:
        """Register the responders and the error handler.

        Raises:
            ImportError: Flask is not installed.
        """
        from werkzeug.exceptions import HTTPException
        from werkzeug.wrappers import Response as WerkzeugResponse

        from costrel.carry.flask_translation import from_exception, from_werkzeug

        def answer(error: HTTPException) -> Response:
            return from_exception(error)

        app.responder(WerkzeugResponse, from_werkzeug)
        app.responder(HTTPException, from_exception)
        app.errorhandler(HTTPException)(answer)
