"""Error pages as an extension: the responder that makes an answer of a `Failure`."""

from __future__ import annotations

from costrel.messages import AppSetup, Failure, Response, encode_json

__all__ = ["ErrorPages"]


class ErrorPages:
    """Answers failed requests with a page or with problem details; an `Extension`.

    Attributes:
        name: ``pages``.
        requires: nothing.
    """

    name = "pages"
    requires: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "ErrorPages()"

    def install(self, app: AppSetup) -> None:
        """Register the responder."""
        app.responder(Failure, self.make)

    def make(self, failure: Failure) -> Response:
        """Make the answer for a failure of the current request."""
        problem = failure.problem
        return Response(encode_json(problem.to_dict()), problem.status, media_type="application/problem+json")
