"""The one shape of everything that answers a request, and what a transport is given to serve.

App, mounted application and compiled endpoint are all a `Dispatch`; a layer takes one more argument, the `Dispatch`
inside it. There is no second kind of middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from costrel.execution import LoopState
from costrel.messages.request import Request
from costrel.messages.response import Response
from costrel.messages.views import AppView, RouteView

__all__ = ["Application", "BindableLayer", "Dispatch", "Layer", "LayerInfo"]

Dispatch = Callable[[Request], Awaitable[Response]]
"""Everything that answers a request; it never raises an `Exception` when it comes as a layer's `call_next`."""

Layer = Callable[[Request, Dispatch], Awaitable[Response]]
"""What stands around a `Dispatch`: ``async def layer(request, call_next) -> Response``."""


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """What a layer adds to the routes it stands around, for documentation and tools.

    Args:
        status_codes: answers it may give by itself, with one sentence each.
        request_headers: header fields it reads.
        response_headers: header fields it sets.
        security: name of the security scheme it checks, empty for none.
    """

    status_codes: Mapping[int, str] = field(default_factory=dict)
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    security: str = ""


@runtime_checkable
class BindableLayer(Protocol):
    """A layer that is specialised for each route while the app is built."""

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer for `route`: itself, a specialised one, or `None` to be left out.

        Raises:
            ConfigurationError: it cannot stand around this route.
        """
        ...

    def describe(self) -> LayerInfo:
        """Say what it adds to a route."""
        ...


class Application(AppView, Protocol):
    """What a transport serves; it never sees more of an app than this."""

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer one request; never raises an `Exception`."""
        ...

    def lifespan(self) -> AbstractAsyncContextManager[LoopState]:
        """Start the application on the running loop; leaving it stops the application."""
        ...

    def listens(self, event: str) -> bool:
        """Whether `event` has a listener; asked once at start, so that an event nobody wants costs nothing."""
        ...
