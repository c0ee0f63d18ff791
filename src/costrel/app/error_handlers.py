"""Error handlers: what they take, which one answers, and that each is one that can be called.

A key is a status or an exception class. A status and the class of that status are one key: ``errorhandler(404)`` is
``errorhandler(NotFound)``. The most specific key wins, of equal ones the innermost scope; the order of registration
never matters. A class of the application that derives from `NotFound` is more specific than 404, and 404 is more
specific than `HTTPError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

import costrel.errors as errors
from costrel.app.registration import ErrorHandler
from costrel.errors import HTTPError, Mistake
from costrel.messages import Request

__all__ = ["BoundErrorHandler", "ErrorHandlerTable", "class_of_status", "wrong_error_handlers"]


def _plain_classes() -> dict[int, type[HTTPError]]:
    found: dict[int, type[HTTPError]] = {}
    for name in errors.__all__:
        cls = getattr(errors, name)
        if isinstance(cls, type) and issubclass(cls, HTTPError) and "fixed_status_code" in vars(cls):
            found[cls.status_code] = cls
    return found


_CLASS_OF_STATUS: Mapping[int, type[HTTPError]] = MappingProxyType(_plain_classes())


def class_of_status(status_code: int) -> type[HTTPError]:
    """Return the class of `costrel.errors` for a status, `HTTPError` itself for one that has none."""
    return _CLASS_OF_STATUS.get(status_code, HTTPError)


@dataclass(frozen=True, slots=True)
class BoundErrorHandler:
    """An error handler with what it takes.

    Args:
        function: the user's function.
        takes: for each argument whether it is the ``error`` or the ``request``.
        is_async: whether it is an ``async def``.
    """

    function: Callable[..., object]
    takes: tuple[str, ...]
    is_async: bool

    def arguments(self, error: Exception, request: Request) -> tuple[object, ...]:
        """Return what to call the function with."""
        return tuple(request if name == "request" else error for name in self.takes)


class ErrorHandlerTable:
    """The error handlers of one chain of blueprints.

    Args:
        scopes: those of the innermost blueprint first, those of the app last.
    """

    def __init__(self, scopes: Sequence[Sequence[ErrorHandler]]) -> None:
        self._scopes: list[dict[int | type[Exception], BoundErrorHandler]] = [
            {_canonical(handler.key): _bind(handler) for handler in handlers} for handlers in scopes if handlers
        ]

    def find(self, error: Exception) -> BoundErrorHandler | None:
        """Return the handler for an exception: the most specific key, of equal ones the innermost scope's."""
        for cls in type(error).__mro__:
            if cls is HTTPError and isinstance(error, HTTPError):
                for handlers in self._scopes:
                    if error.status_code in handlers:
                        return handlers[error.status_code]
            for handlers in self._scopes:
                if cls in handlers:
                    return handlers[cls]
        return None


def wrong_error_handlers(handlers: Sequence[ErrorHandler]) -> list[Mistake]:
    """Return a mistake for each handler that has no usable key or takes something else than error and request."""
    mistakes = []
    for handler in handlers:
        key = handler.key
        is_status = isinstance(key, int) and 400 <= key <= 599
        if not is_status and not (isinstance(key, type) and issubclass(key, Exception)):
            mistakes.append(_wrong_key(handler))
        stranger = _stranger(handler.function)
        if stranger is not None:
            mistakes.append(_wrong_parameter(handler, stranger))
    return mistakes


def _canonical(key: int | type[Exception]) -> int | type[Exception]:
    """Turn the class of a status into the status."""
    if isinstance(key, type) and issubclass(key, HTTPError) and _CLASS_OF_STATUS.get(key.status_code) is key:
        return key.status_code
    return key


def _bind(handler: ErrorHandler) -> BoundErrorHandler:
    function = handler.function
    roles = [_role(parameter) for parameter in _required(function)]
    if len(roles) == 2 and "request" not in roles:
        roles = ["request", "error"]
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    return BoundErrorHandler(function, tuple(role or "error" for role in roles), is_async)


def _required(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters that must be given."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except NameError:
        parameters = inspect.signature(function).parameters
    except ValueError:  # a builtin without a signature gets the error
        return [inspect.Parameter("error", inspect.Parameter.POSITIONAL_ONLY)]
    return [
        parameter
        for parameter in parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]


def _role(parameter: inspect.Parameter) -> str | None:
    """Say what a parameter is for; `None` for something that an error handler cannot have."""
    annotation = parameter.annotation
    if annotation is Request or annotation == "Request" or parameter.name == "request":
        return "request"
    if annotation is parameter.empty or isinstance(annotation, str):
        return "error"
    types = get_args(annotation) or (annotation,)
    return "error" if all(isinstance(type_, type) and issubclass(type_, Exception) for type_ in types) else None


def _stranger(function: Callable[..., object]) -> str | None:
    """Return the name of the first parameter that is neither the error nor the request."""
    required = _required(function)
    for index, parameter in enumerate(required):
        if _role(parameter) is None or index > 1:
            return parameter.name
    return None


def _wrong_key(handler: ErrorHandler) -> Mistake:
    return Mistake(
        "COS-APP-022",
        f"`errorhandler({handler.key!r})` is neither for a status nor for an exception class.",
        where=handler.where,
        why="An error handler is found by a status from 400 to 599 or by a subclass of `Exception`.",
        fix="@app.errorhandler(404)      or      @app.errorhandler(OrderNotFound)",
    )


def _wrong_parameter(handler: ErrorHandler, name: str) -> Mistake:
    return Mistake(
        "COS-APP-036",
        f"The error handler `{getattr(handler.function, '__name__', handler.function)}` takes `{name}`.",
        where=handler.where,
        why="An error may come from anywhere, so there is nothing to hand over but the error and the request.",
        fix="def on_error(error: OrderNotFound, request: Request): …",
    )
