"""The answer when no route matched: 404, 405 with ``Allow``, the automatic OPTIONS, or a redirect to the right slash.

It is a handler like any other, so the layers and hooks of the app and of the blueprint whose prefix matched run around
it. It never reads the body.
"""

from __future__ import annotations

from collections.abc import Callable

from costrel.app.frozen import Target
from costrel.errors import MethodNotAllowed, NotFound, UpgradeRequired
from costrel.http import decode_path, relative_redirect
from costrel.messages import RedirectResponse, Request, Response
from costrel.routing import RouteTable

__all__ = ["answer_unmatched"]


def answer_unmatched(routes: RouteTable[Target], debug: bool) -> Callable[[Request], Response]:
    """Make the handler for the requests that `routes` does not match.

    In debug mode the 404 carries the patterns that nearly matched.
    """

    every_method = _methods_of(routes)
    vary = sorted({name for entry in routes.entries for name in getattr(entry.when, "vary", ())})
    # A 404 may be kept by caches, and another value of these fields might have found something.
    headers = {"Vary": ", ".join(vary)} if vary else None

    def unmatched(request: Request) -> Response:
        if request.route_path == "*" and request.method == "OPTIONS":
            # RFC 9110 §9.3.7: an asterisk asks about the server in general.
            return Response(None, 204, {"Allow": every_method})
        found = routes.explain(request)
        if found.redirect_to is not None:
            # The table gives the path encoded; the prefixes are not, and what is put together is encoded once.
            path = request.root_path + request.mount_prefix + decode_path(found.redirect_to.encode("ascii"))
            return RedirectResponse(relative_redirect(path, request.query_string), 308)
        # A method that is allowed was tried, and every handler has passed the request on.
        if found.allowed and (request.method not in found.allowed or request.method == "OPTIONS"):
            if request.method == "OPTIONS":
                return Response(None, 204, {"Allow": ", ".join(sorted(found.allowed))})
            raise MethodNotAllowed(found.allowed)
        if found.websocket_only:
            raise UpgradeRequired(
                "This is the address of a WebSocket.", headers={"Upgrade": "websocket", "Connection": "upgrade"}
            )
        if debug and found.near:
            raise NotFound(headers=headers, near=list(found.near))
        raise NotFound(headers=headers)

    return unmatched


def _methods_of(routes: RouteTable[Target]) -> str:
    """Return the methods that any route has, as the value of ``Allow``."""
    methods = {method for entry in routes.entries for method in entry.methods or ()} - {"WEBSOCKET"}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods | {"OPTIONS"}))
