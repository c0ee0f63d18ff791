"""The automatic OPTIONS for a browser that asks before it sends: the preflight of CORS.

A preflight names the method of the request that follows. So it is answered by the layer around the route which that
request would reach, be it given to the route, to its blueprint or to the app. No other layer of the route is asked, and
no handler.

Spec: Fetch Standard §3.2.2 (CORS-preflight request).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from costrel.app.frozen import Target
from costrel.http import is_token
from costrel.messages import Request, Response
from costrel.routing import RouteTable

__all__ = ["AnswersPreflight", "answer_preflights"]


@runtime_checkable
class AnswersPreflight(Protocol):
    """A layer that answers the preflights for the routes around which it stands."""

    def answer_preflight(self, request: Request) -> Response:
        """Answer a request with OPTIONS, ``Origin`` and ``Access-Control-Request-Method``."""
        ...


def answer_preflights(
    routes: RouteTable[Target], otherwise: Callable[[Request], Response]
) -> Callable[[Request], Response]:
    """Put the answers to preflights before another handler; it is that handler where no route has such a layer.

    Args:
        routes: the routes that a preflight may ask for.
        otherwise: answers everything else.
    """
    if not any(_layer_of(entry.target) for entry in routes.entries):
        return otherwise

    def unmatched(request: Request) -> Response:
        if request.method == "OPTIONS" and "origin" in request.headers:
            layer = _layer_of(_find_asked(routes, request))
            if layer is not None:
                return layer.answer_preflight(request)
        return otherwise(request)

    return unmatched


def _layer_of(target: Target | None) -> AnswersPreflight | None:
    """Return the outermost layer of a route that answers preflights, if it has one."""
    if target is None or target.route is None:
        return None
    return next((layer for layer in target.route.layers if isinstance(layer, AnswersPreflight)), None)


def _find_asked(routes: RouteTable[Target], request: Request) -> Target | None:
    """Find where the request leads that a preflight announces."""
    asked = request.headers.get("access-control-request-method", "")
    # SECURITY: the table has keys of its own for sockets and mounts, which are no tokens and not for clients to name.
    if not is_token(asked.encode("latin-1", "replace")):
        return None
    kept = request.method, request.path_params
    request.method = asked
    try:
        return routes.find(request)
    finally:
        request.method, request.path_params = kept
