"""``raise Pass``: the handler of a route with ``fallthrough=True`` gives the request to the next candidate."""

from __future__ import annotations

from costrel.app.frozen import FrozenApp
from costrel.errors import Pass
from costrel.messages import Request, Response

__all__ = ["pass_on"]


async def pass_on(frozen: FrozenApp, request: Request) -> Response:
    """Try the routes that match, the most specific first, until one does not pass; then it is as if none matched."""
    for target, path_params in frozen.routes.candidates(request):
        request.path_params = path_params
        request.route = target.route
        try:
            return await target.dispatch(request)
        except Pass:
            continue
    request.route = None
    request.path_params = {}
    return await frozen.answer_unmatched(request).dispatch(request)
