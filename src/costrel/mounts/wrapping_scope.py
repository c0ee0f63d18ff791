"""What middleware has changed in the scope, as the request has it from then on.

Method, scheme, client, query string, header fields, path and root path are taken over; what the application finds by
its routes is the path that the middleware leaves. The rest of a scope has no counterpart in a request: it is the
middleware's own, and handlers find it in ``request.state.asgi_scope``.
"""

from __future__ import annotations

from typing import Any

from costrel.http import encode_path
from costrel.messages import Request, forget_parsed
from costrel.mounts.asgi_types import Scope

__all__ = ["inherit", "take_changes"]

_PLAIN_SCHEMES = {"ws": "http", "wss": "https"}


def inherit(scope: Scope, request: Request) -> Scope:
    """Return a scope with what middleware further out has put into its own: a session, a user, a state."""
    outer: Scope | None = vars(request.state).get("asgi_scope")
    if outer is None:
        return scope
    shared = {name: outer[name] for name in ("extensions", "state") if name in outer}
    return {**outer, **scope, **shared}


def take_changes(request: Request, scope: Scope, path: str, raw_path: bytes, root_path: str) -> None:
    """Write into a request what differs in a scope.

    Args:
        request: whose scope it is.
        scope: as the middleware has passed it on.
        path: in the scope before the middleware had it.
        raw_path: the same.
        root_path: the same.
    """
    is_changed = False
    if scope["headers"] != request.raw_headers:
        request.raw_headers = [(bytes(name).lower(), bytes(value)) for name, value in scope["headers"]]
        is_changed = True
    client = scope.get("client")
    if client != request.client:
        request.client = _client_of(client)
    scheme = scope.get("scheme", request.scheme)
    if scheme != request.scheme and (scheme := _PLAIN_SCHEMES.get(scheme, scheme)) != request.scheme:
        request.scheme = scheme
        is_changed = True
    method = scope.get("method", request.method)
    if method != request.method:
        request.method = str(method).upper()
    query_string = scope.get("query_string", b"")
    if query_string != request.query_string:
        request.query_string = bytes(query_string)
        is_changed = True
    left = scope.get("raw_path") or raw_path
    if scope["path"] != path or left != raw_path or scope.get("root_path", "") != root_path:
        if left == raw_path and scope["path"] != path:
            left = encode_path(scope["path"]).encode("ascii")
        _take_path(request, scope["path"] or "/", left, scope.get("root_path", "").rstrip("/"))
        is_changed = True
    if is_changed:
        forget_parsed(request)


def _take_path(request: Request, path: str, raw_path: bytes, root_path: str) -> None:
    """Take over a path; a root path that the whole path does not begin with was cut off it."""
    if not root_path:
        route_path = path
    elif path == root_path or path.startswith(root_path + "/"):
        route_path = path[len(root_path) :] or "/"
    else:
        route_path = path
        path = root_path + path
        raw_path = encode_path(root_path).encode("ascii") + raw_path
    request.path, request.raw_path, request.route_path = path, raw_path, route_path
    prefix = request.mount_prefix
    if root_path.endswith(prefix):
        request.root_path = root_path[: len(root_path) - len(prefix)]


def _client_of(client: Any) -> tuple[str, int] | None:
    """Return address and port as a request has them."""
    return (str(client[0]), int(client[1])) if client else None
