"""Middleware of others around an application: made by its build, and joined to one dispatch.

What such middleware is and how it is driven is in `costrel.mounts`. Here it is put around the application's own
dispatch, outside the match, so that a path that it changes is the one that is matched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from costrel.app.conversion import remember_answer
from costrel.errors import ConfigurationError, Mistake
from costrel.handling import compile_layers
from costrel.messages import Dispatch, Request, Response

if TYPE_CHECKING:
    from costrel.mounts import ASGIWrapping

__all__ = ["make_all", "make_wrapping", "wrapped"]

Convert = Callable[[Request, Exception], Awaitable[Response]]


def make_wrapping(
    middleware: Callable[..., object], arguments: Sequence[object], options: Mapping[str, object], where: str
) -> ASGIWrapping:
    """Make what `App.wrap_asgi` records; see there.

    Args:
        middleware: its class.
        arguments: for it.
        options: for it, by name.
        where: file and line of the call.
    """
    from costrel.mounts import ASGIWrapping

    # Whoever raises the exception again gets the response that the middleware has made of ours.
    return ASGIWrapping(middleware, arguments, options, where=where, remember=remember_answer)


def make_all(wrappings: Sequence[ASGIWrapping]) -> list[Mistake]:
    """Make the middleware that is not made yet, and return the mistakes of what cannot be made."""
    mistakes = []
    for wrapping in wrappings:
        try:
            wrapping.make()
        except ConfigurationError as error:
            mistakes.append(error.mistake)
    return mistakes


def wrapped(dispatch: Dispatch, wrappings: Sequence[ASGIWrapping], convert: Convert) -> Dispatch:
    """Return `dispatch` with middleware around it; what the middleware raises becomes a response.

    Args:
        dispatch: the application without its middleware.
        wrappings: the last one is the outermost.
        convert: makes the response of an exception.
    """
    return compile_layers(dispatch, tuple(reversed(wrappings)), convert)
