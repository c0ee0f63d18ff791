"""From an exception to a response: error handlers, then problem details.

The order is Flask's: a handler for the status before one for a class, the blueprint before the app, the most
specific class first; the order of registration never matters. What nobody handles becomes a `Failure`, and the
responder for that type makes the response: RFC 9457 problem details, or a page.

A 500 says nothing about its cause. The cause is logged here, once, with its traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import iscoroutinefunction, signature
from typing import cast

from costrel.app.registration import ErrorHandler
from costrel.errors import BadRequest, HTTPError, InternalServerError, Mistake, ServiceUnavailable
from costrel.execution import DeadlineExceeded, hop
from costrel.handling import response_maker
from costrel.http import MissingKey, problem_from
from costrel.messages import Failure, Request, Response, encode_json

__all__ = ["ErrorConverter", "ResponseRaised", "problem_response", "wrong_keys"]

logger = logging.getLogger("costrel.error")

Responders = Mapping[type, Callable[[object], Response]]
Handlers = Mapping[type[Exception], ErrorHandler]


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
    """

    def __init__(
        self,
        scopes: Sequence[Sequence[ErrorHandler]],
        responders: Responders,
        emit: Callable[[str, Mapping[str, object]], None],
    ) -> None:
        by_status: list[dict[int, Handlers]] = []
        by_class: list[Handlers] = []
        for handlers in scopes:
            statuses: dict[int, dict[type[Exception], ErrorHandler]] = {}
            classes: dict[type[Exception], ErrorHandler] = {}
            for handler in handlers:
                if isinstance(handler.key, int):
                    statuses.setdefault(handler.key, {})[HTTPError] = handler
                else:
                    classes[handler.key] = handler
            by_status.append(cast("dict[int, Handlers]", statuses))
            by_class.append(classes)
        self._by_status = by_status
        self._by_class = by_class
        self._make_failure = responders.get(Failure, problem_response)
        self._emit = emit
        self._make = response_maker(
            None, status_code=None, text_as="html", media_type=None, responders=responders, debug=False, where=""
        ).make

    def find(self, exception: Exception) -> ErrorHandler | None:
        """Return the handler for an exception: by status first, then by class, the innermost scope first."""
        classes = type(exception).__mro__
        if isinstance(exception, HTTPError):
            for scope in self._by_status:
                if found := scope.get(exception.status_code):
                    return found[HTTPError]
        for cls in classes:
            for handlers in self._by_class:
                if cls in handlers:
                    return handlers[cls]
        return None

    async def convert(self, request: Request, exception: Exception) -> Response:
        """Make the response; an error handler that fails itself becomes a 500."""
        if isinstance(exception, ResponseRaised):
            return exception.response
        original = exception
        exception = _as_http_error(exception)
        handler = self.find(exception)
        response: Response
        try:
            if handler is not None:
                response = await self._call(handler, exception, request)
            else:
                response = await self._unhandled(exception, request)
        except Exception as second:
            second.__context__ = exception
            response = await self._unhandled(second, request)
        if response.exception is None:
            response.exception = original
        return response

    async def _call(self, handler: ErrorHandler, exception: Exception, request: Request) -> Response:
        """Call a user's error handler, in a thread when it is a ``def``."""
        function = handler.function
        takes_request = len(signature(function).parameters) > 1
        arguments = (request, exception) if takes_request else (exception,)
        if iscoroutinefunction(function):
            value = await cast("Awaitable[object]", function(*arguments))
        else:
            lane = request.exchange.loop_state.handlers
            value = await hop(lane, request.worker, lambda args: function(*args), arguments)
        response = self._make(value)
        if not isinstance(value, Response) and response.status_code in (200, 204):
            response.status_code = getattr(exception, "status_code", 500)
        return response

    async def _unhandled(self, exception: Exception, request: Request) -> Response:
        """Answer what no handler wants: an `HTTPError` as itself, all else as a 500 that is logged."""
        if isinstance(exception, HTTPError):
            error = exception
        else:
            logger.error(
                "request_failed method=%s path=%r request_id=%s",
                request.method,
                request.path[:200],
                request.id,
                exc_info=exception,
            )
            self._emit("request_failed", {"request": request, "exception": exception})
            error = InternalServerError(request_id=request.id)
            handler = self.find(error)
            if handler is not None:
                error.__cause__ = exception
                return await self._call(handler, error, request)
        response = self._make_failure(Failure(problem_from(error), exception))
        for name, value in error.headers.items():
            response.headers[name] = value
        return response


def _as_http_error(exception: Exception) -> Exception:
    """Give the client's mistakes that are raised as Python errors their status."""
    if isinstance(exception, MissingKey):
        return BadRequest(f"`{exception.key}` is missing in the {exception.source} of the request.")
    if isinstance(exception, DeadlineExceeded):
        return ServiceUnavailable("The request took too long.", headers={"Retry-After": "1"})
    if isinstance(exception, ExceptionGroup) and len(exception.exceptions) == 1:
        return _as_http_error(exception.exceptions[0])
    return exception


def wrong_keys(handlers: Sequence[ErrorHandler]) -> list[Mistake]:
    """Return a mistake for each handler whose key is neither an error status nor an exception class."""
    mistakes = []
    for handler in handlers:
        key = handler.key
        if isinstance(key, int) and 400 <= key <= 599:
            continue
        if isinstance(key, type) and issubclass(key, Exception):
            continue
        mistakes.append(
            Mistake(
                "COS-APP-022",
                f"`errorhandler({key!r})` is neither for a status nor for an exception class.",
                where=handler.where,
                why="An error handler is found by a status from 400 to 599 or by a subclass of `Exception`.",
                fix="@app.errorhandler(404)      or      @app.errorhandler(OrderNotFound)",
            )
        )
    return mistakes
