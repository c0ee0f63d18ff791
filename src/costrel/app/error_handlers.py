"""Error handlers: what they take, which one answers, and that each is one that can be called.

A key is a status or an exception class. The order is Flask's: a handler for the status of the error comes before one
for a class without a status, a blueprint's before the app's, and within one scope the most specific class wins. The
order of registration never matters. ``errorhandler(404)`` and ``errorhandler(NotFound)`` are one key, and a class that
derives from `NotFound` belongs to the same status.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        self._by_status: list[dict[int, dict[type[Exception], BoundErrorHandler]]] = []
        self._by_class: list[dict[type[Exception], BoundErrorHandler]] = []
        for handlers in scopes:
            statuses: dict[int, dict[type[Exception], BoundErrorHandler]] = {}
            classes: dict[type[Exception], BoundErrorHandler] = {}
            for handler in handlers:
                status_code, cls = _split(handler.key)
                same_status = classes if status_code is None else statuses.setdefault(status_code, {})
                same_status[cls] = _bind(handler)
            self._by_status.append(statuses)
            self._by_class.append(classes)

    def find(self, error: Exception) -> BoundErrorHandler | None:
        """Return the handler for an exception: by its status, then by its class, each time the innermost scope first.

        Within a scope the most specific class counts.
        """
        classes = type(error).__mro__
        if isinstance(error, HTTPError):
            candidates = (*classes, class_of_status(error.status_code))
            for statuses in self._by_status:
                if found := _first(statuses.get(error.status_code, {}), candidates):
                    return found
        for handlers in self._by_class:
            if found := _first(handlers, classes):
                return found
        return None


def _first(handlers: Mapping[type[Exception], BoundErrorHandler], classes: Iterable[type]) -> BoundErrorHandler | None:
    """Return the handler of the first class that has one."""
    return next((handlers[cls] for cls in classes if cls in handlers), None)


def _split(key: int | type[Exception]) -> tuple[int | None, type[Exception]]:
    """Return the status that a key stands for, `None` for an exception without one, and its class."""
    if isinstance(key, int):
        return key, class_of_status(key)
    if issubclass(key, HTTPError) and issubclass(key, tuple(_CLASS_OF_STATUS.values())):
        return key.status_code, key
    return None, key


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
