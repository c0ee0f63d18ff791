"""Error pages as an extension: the responder that makes an answer of a `Failure`.

A browser gets a page, a program problem details (RFC 9457). In debug mode, on this machine alone, an exception that
nobody handled is shown with its traceback, to both.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from costrel.errors import HTTPError, MethodNotAllowed
from costrel.http import PROBLEM_JSON, Problem
from costrel.messages import AppSetup, Failure, Request, Response, current_request, encode_json
from costrel.pages.audience import may_see_inside, wants_page

__all__ = ["ErrorPages"]

logger: logging.Logger = logging.getLogger("costrel.pages")


class ErrorPages:
    """Answers failed requests with a page or with problem details; an `Extension`.

    HTML is for those whose ``Accept`` field names it and likes JSON no better; all others get
    ``application/problem+json``.

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
        """Make the answer for a failure of the current request; without one it is problem details."""
        request = current_request.get(None)
        try:
            response = _make(failure, request)
        except Exception:
            # The page is a service; the answer must come without it.
            logger.exception("error_page_failed status_code=%d", failure.problem.status)
            response = _document(failure.problem)
        response.vary("Accept")
        return response


def _make(failure: Failure, request: Request | None) -> Response:
    problem, exception = failure.problem, failure.exception
    shows_inside = request is not None and not isinstance(exception, HTTPError) and may_see_inside(request)
    if request is None or not wants_page(request.headers.get("accept")):
        return _document(_with_traceback(problem, exception) if shows_inside else problem)
    if shows_inside:
        from costrel.pages.debug_page import make_debug_page

        return make_debug_page(request, exception, problem.status)
    from costrel.pages.error_page import make_error_page

    near: object = ()
    allowed: Sequence[str] = ()
    if may_see_inside(request):
        near = problem.extensions.get("near")
        allowed = exception.allowed if isinstance(exception, MethodNotAllowed) else ()
    return make_error_page(
        problem,
        retry_after=exception.headers.get("Retry-After", "") if isinstance(exception, HTTPError) else "",
        near=[str(pattern) for pattern in near] if isinstance(near, list) else (),
        allowed=allowed,
    )


def _with_traceback(problem: Problem, exception: Exception) -> Problem:
    from costrel.pages.debug_page import make_debug_members

    return replace(problem, extensions={**problem.extensions, **make_debug_members(exception)})


def _document(problem: Problem) -> Response:
    return Response(encode_json(problem.to_dict()), problem.status, media_type=PROBLEM_JSON)
