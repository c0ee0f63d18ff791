"""From an exception to a response: error handlers, then problem details.

Which handler answers is in `error_handlers`. What nobody handles becomes a `Failure`, and the responder for that type
makes the response: RFC 9457 problem details, or a page.

A 500 says nothing about its cause. The cause is logged here, once, with its traceback. An exception that a layer raises
again with `Response.raise_for_exception` leads to the response it was made into.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import cast

from costrel.app.error_handlers import BoundErrorHandler, ErrorHandlerTable
from costrel.app.registration import ErrorHandler
from costrel.errors import BadRequest, HTTPError, InternalServerError, ServiceUnavailable
from costrel.execution import DeadlineExceeded, hop
from costrel.handling import is_finished, response_maker, start_stream
from costrel.http import MissingKey, problem_from
from costrel.messages import Failure, Request, Response, TextAs, encode_json

__all__ = ["ErrorConverter", "ResponseRaised", "problem_response", "remember_answer"]

logger: logging.Logger = logging.getLogger("costrel.error")

Responders = Mapping[type, Callable[[object], Response]]

_ANSWER = "__costrel_answer__"


def problem_response(failure: object) -> Response:
    """Make the problem document of a `Failure`, ``application/problem+json`` (RFC 9457 §3)."""
    problem = cast("Failure", failure).problem
    return Response(encode_json(problem.to_dict()), problem.status, media_type="application/problem+json")


class ResponseRaised(Exception):
    """Carries a finished response from `abort` to where exceptions become responses.

    Args:
        response: sent as it is.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


class ErrorConverter:
    """Makes responses of exceptions, for one chain of blueprints.

    Args:
        scopes: the error handlers, those of the innermost blueprint first, those of the app last.
        responders: type -> response; the one for `Failure` makes what nobody handles.
        emit: tells the app's listeners of an event.
        text_as: what a `str` is that an error handler returns.
    """

    def __init__(
        self,
        scopes: Sequence[Sequence[ErrorHandler]],
        responders: Responders,
        emit: Callable[[str, Mapping[str, object]], None],
        text_as: TextAs = "html",
    ) -> None:
        self._handlers = ErrorHandlerTable(scopes)
        self._make_failure = responders.get(Failure, problem_response)
        self._emit = emit
        self._make = response_maker(text_as=text_as, responders=responders, where="an error handler").make

    async def convert(self, request: Request, exception: Exception) -> Response:
        """Make the response; an error handler that fails itself becomes a 500. It raises no `Exception`."""
        exception = _single(exception)
        answer = _answer_of(exception, request)
        if answer is not None:
            return answer
        is_raised = isinstance(exception, ResponseRaised)
        try:
            response = await self._finish(await self._answer(_as_http_error(exception), request), request)
        except Exception as second:
            # `second` has the first one as its context; both are in the log.
            _chain(second, exception)
            exception = second
            is_raised = False
            response = self._refuse(second, request).owned_by(request.exchange)
        if is_raised:
            return response
        if response.exception is None:
            response.exception = exception
        remember_answer(exception, request, response)
        return response

    @staticmethod
    async def _finish(response: Response, request: Request) -> Response:
        """Make it the response of this exchange alone, open its file and start its stream."""
        # SECURITY: one that is raised for many requests must not collect their cookies.
        response = response.owned_by(request.exchange)
        return response if is_finished(response) else await start_stream(request, response)

    async def _answer(self, error: Exception, request: Request) -> Response:
        """Ask the error handlers; an exception nobody expected gets a second chance as a 500."""
        if isinstance(error, ResponseRaised):
            return error.response
        handler = self._handlers.find(error)
        if handler is not None:
            try:
                return await self._call(handler, error, request)
            except ResponseRaised as raised:
                return raised.response
        if isinstance(error, HTTPError):
            return self._fail(error, error)
        failure = self._report(error, request)
        handler = self._handlers.find(failure)
        if handler is None:
            return self._fail(failure, error)
        try:
            return await self._call(handler, failure, request)
        except ResponseRaised as raised:
            return raised.response

    async def _call(self, handler: BoundErrorHandler, error: Exception, request: Request) -> Response:
        """Call a user's error handler, in a thread when it is a ``def``."""
        arguments = handler.arguments(error, request)
        if handler.is_async:
            value = await cast("Awaitable[object]", handler.function(*arguments))
        else:
            lane = request.exchange.loop_state.lane_for(request.worker)
            value = await hop(lane, request.worker, lambda items: handler.function(*items), arguments)
            if isawaitable(value):
                value = await value
        if isinstance(value, Response):
            return value
        response = self._make(value)
        if not _says_status(value):
            response.status_code = getattr(error, "status_code", 500)
        for name, field_value in getattr(error, "headers", {}).items():
            response.headers.setdefault(name, field_value)
        return response

    def _report(self, exception: Exception, request: Request) -> InternalServerError:
        """Log an exception nobody expected and tell the listeners; return what the client may know of it."""
        logger.error(
            "request_failed method=%s path=%r request_id=%s",
            request.method,
            request.path[:200],
            request.id,
            exc_info=exception,
        )
        self._emit("request_failed", {"request": request, "exception": exception})
        failure = InternalServerError(request_id=request.id)
        failure.__cause__ = exception
        return failure

    def _refuse(self, exception: Exception, request: Request) -> Response:
        """Answer what was raised while an error was answered; no handler is asked again."""
        error = exception if isinstance(exception, HTTPError) else self._report(exception, request)
        return self._fail(error, exception)

    def _fail(self, error: HTTPError, exception: Exception) -> Response:
        """Make the response of an error that nobody handles; a page that fails becomes a problem document."""
        failure = Failure(problem_from(error), exception)
        try:
            response = self._make_failure(failure)
        except Exception:
            logger.exception("error_page_failed status_code=%d", error.status_code)
            response = problem_response(failure)
        for name, value in error.headers.items():
            response.headers[name] = value
        return response


def _single(exception: Exception) -> Exception:
    """Take an exception out of the groups in which it is alone."""
    while isinstance(exception, ExceptionGroup) and len(exception.exceptions) == 1:
        exception = exception.exceptions[0]
    return exception


def _chain(second: Exception, first: Exception) -> None:
    """Say what an error handler was answering when it failed; one that ran in a thread cannot know."""
    known: BaseException | None = first
    while known is not None and known is not second:
        known = known.__cause__ or known.__context__
    if known is None and second.__context__ is None:
        second.__context__ = first


def _as_http_error(exception: Exception) -> Exception:
    """Give the client's mistakes that are raised as Python errors their status."""
    if isinstance(exception, MissingKey):
        return BadRequest(f"`{exception.key}` is missing in the {exception.source} of the request.")
    if isinstance(exception, DeadlineExceeded):
        return ServiceUnavailable("The request took too long.", headers={"Retry-After": "1"})
    return exception


def _says_status(value: object) -> bool:
    """Whether what an error handler returned names a status itself: ``(value, 404)``."""
    return isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[1], int)


def remember_answer(exception: Exception, request: Request, response: Response) -> None:
    """Note what an exception was made into, for whoever raises it again."""
    # Weakly: a layer may send another response, and then nobody would open a circle of the two.
    vars(exception)[_ANSWER] = weakref.ref(request), weakref.ref(response)


def _answer_of(exception: Exception, request: Request) -> Response | None:
    """Return what an exception was made into while this request was handled, if it was."""
    noted = vars(exception).get(_ANSWER)
    if noted is None or noted[0]() is not request:
        return None
    return cast("Response | None", noted[1]())
