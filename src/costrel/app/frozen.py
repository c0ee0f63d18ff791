"""What a build leaves behind: the tables that answer requests, never changed again.

A `Target` is what a route of the table leads to; `FrozenApp` is everything one `App` needs while it serves. An override
makes a second one and swaps it in, it does not change this one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costrel.app.conversion import ErrorConverter
from costrel.app.mounting import Mount
from costrel.app.scopes import Scope
from costrel.errors import Pass
from costrel.handling import Endpoint, EndpointInfo, ProviderTable, compile_layers
from costrel.messages import Dispatch, Layer, Request, Response
from costrel.routing import NameIndex, RouteTable

if TYPE_CHECKING:
    from costrel.scheduling import ScheduledJob

__all__ = ["FrozenApp", "RouteInfo", "Target"]


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """What `request.route` shows."""

    path: str
    name: str
    methods: frozenset[str]
    blueprint: str
    meta: Mapping[str, object]
    handler: str
    layers: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a route of the table leads.

    Args:
        dispatch: answers the request; the compiled endpoint with its layers, or the way into a mount.
        route: what `request.route` becomes, `None` for mounts and for what no route matched.
        fallthrough: whether the handler may pass the request on.
        endpoint: the compiled endpoint, `None` for mounts.
    """

    dispatch: Dispatch
    route: RouteInfo | None
    fallthrough: bool = False
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class FrozenApp:
    """The tables of one built application.

    Args:
        routes: from a request to a `Target`.
        unmatched: from a path to the answer when no route matched, one for each prefix.
        fallbacks: from a path to the application that is asked before that, `None` without any.
        names: from a name and values to a path.
        scopes: the scope of each route by its full name, for `url_defaults` and templates.
        blueprints: the scope of each blueprint by its dotted name; the app's has the empty name.
        endpoints: the public description of every endpoint.
        compiled: every compiled endpoint, for `costrel routes --source`.
        mounts: mounted applications by name.
        providers: the providers of each scope, for those that live as long as the app.
        converter: from an exception to a response, for what happens outside every route.
        layers: the app's own, for the same.
        elsewhere: the app's own answer for a request whose target is no path, such as ``OPTIONS *``.
        jobs: what is run by the clock, by name.
        find: the method of `routes`, looked up once.
    """

    routes: RouteTable[Target]
    unmatched: RouteTable[Target]
    fallbacks: RouteTable[Target] | None
    names: NameIndex
    scopes: Mapping[str, Scope]
    blueprints: Mapping[str, Scope]
    endpoints: tuple[EndpointInfo, ...]
    compiled: tuple[Endpoint, ...]
    mounts: Mapping[str, Mount]
    providers: tuple[ProviderTable, ...]
    converter: ErrorConverter
    layers: tuple[Layer, ...]
    elsewhere: Target | None
    jobs: Mapping[str, ScheduledJob]
    find: Callable[[Request], Target | None]

    def answer_unmatched(self, request: Request) -> Target:
        """Find what answers a request that no route matches: a fallback, else the application itself."""
        if self.fallbacks is not None:
            target = self.fallbacks.find(request)
            if target is not None and not (request.method == "OPTIONS" and self._has_route(request)):
                return target
        return self.answer_itself(request)

    def _has_route(self, request: Request) -> bool:
        """Whether a route has the path of a request, with whatever method."""
        return not request.is_websocket and bool(self.routes.explain(request).allowed)

    def answer_itself(self, request: Request) -> Target:
        """Find the application's own answer when no route matches, for whatever stands where a path should."""
        target = self.unmatched.find(request) or self.elsewhere
        if target is None:
            raise LookupError("a built application answers every request")
        return target

    async def pass_on(self, request: Request) -> Response:
        """Try the routes that match, the most specific first, until one does not raise `Pass`, or as if none did."""
        for target, path_params in self.routes.candidates(request):
            request.path_params = path_params
            request.route = target.route
            try:
                return await target.dispatch(request)
            except Pass:
                continue
        request.route = None
        request.path_params = {}
        # A handler has decided, so this is no request that nobody here knows.
        return await self.answer_itself(request).dispatch(request)

    def answer_failure(self, request: Request, error: Exception) -> Awaitable[Response]:
        """Answer what went wrong before there was a target, with the app's layers around it."""

        async def fail(request: Request) -> Response:
            return await self.converter.convert(request, error)

        return compile_layers(fail, self.layers, self.converter.convert)(request)
