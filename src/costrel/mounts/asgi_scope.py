"""The scope of a request: what a foreign ASGI application is told about it.

The application sees the whole path, and in ``root_path`` the part of it that leads to the application. Header fields
are those that came, in their order. ``scope["costrel.request"]`` is our own request, for who knows it.

Spec: ASGI HTTP and WebSocket 2.5; TLS extension 0.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from costrel.http import encode_path
from costrel.messages import Request, TLSInfo
from costrel.mounts.asgi_types import Scope

__all__ = ["ASGI_VERSIONS", "make_scope"]

ASGI_VERSIONS: dict[str, str] = {"version": "3.0", "spec_version": "2.5"}
"""What a scope says of ASGI; copied into each."""

_HTTP_EXTENSIONS: dict[str, dict[str, Any]] = {"http.response.trailers": {}, "http.response.early_hint": {}}
_WEBSOCKET_EXTENSIONS: dict[str, dict[str, Any]] = {"websocket.http.response": {}}
_SOCKET_SCHEMES = {"http": "ws", "https": "wss"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TLS_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def make_scope(request: Request, state: dict[str, Any]) -> Scope:
    """Make the scope of a request or of a handshake.

    Args:
        request: it belongs to the application below `Request.mount_prefix`.
        state: what the application's lifespan has left; each scope gets a copy.
    """
    path, raw_path = request.path, request.raw_path
    mount = request.mount
    root_path = request.root_path if mount is None else request.root_path + mount.prefix
    route_path = request.route_path
    if (path[len(root_path) :] if root_path else path) != route_path:
        # The path was rewritten on the way here; what it is now counts.
        path = root_path + route_path
        raw_path = encode_path(path).encode("ascii")
    exchange = request.exchange
    scheme = request.scheme
    scope: Scope = {
        "type": "http",
        "asgi": ASGI_VERSIONS.copy(),
        "http_version": request.http_version,
        "method": request.method,
        "scheme": scheme,
        "path": path,
        "raw_path": raw_path,
        "query_string": request.query_string,
        "root_path": root_path,
        "headers": request.raw_headers.copy(),
        "client": request.client,
        "server": _server_of(request),
        "state": state.copy(),
        "extensions": _HTTP_EXTENSIONS.copy(),
        "costrel.request": request,
    }
    if request.is_websocket:
        scope["type"] = "websocket"
        scope["scheme"] = _SOCKET_SCHEMES.get(scheme, scheme)
        scope["extensions"] = _WEBSOCKET_EXTENSIONS.copy()
        scope["subprotocols"] = _offered_subprotocols(request)
        del scope["method"]
    if exchange.tls is not None:
        scope["extensions"]["tls"] = _tls_extension(exchange.tls)
    return scope


def _server_of(request: Request) -> tuple[str, int] | None:
    """Return what the client takes for the server; which address it is has no part in a request."""
    for name, value in request.raw_headers:
        if name == b"host":
            return _split_authority(value, request.scheme)
    return None


@lru_cache(maxsize=1024)
def _split_authority(value: bytes, scheme: str) -> tuple[str, int]:
    authority = value.decode("latin-1")
    host, separator, port = authority.rpartition(":")
    if separator and port.isdigit() and len(port) <= 5:
        return host, int(port)
    return authority, _DEFAULT_PORTS.get(scheme, 80)


def _offered_subprotocols(request: Request) -> list[str]:
    """Return the subprotocols in the order in which the client would like them (RFC 6455 §11.3.4)."""
    offered = request.headers.get_combined("sec-websocket-protocol") or ""
    return [name for part in offered.split(",") if (name := part.strip(" \t"))]


def _tls_extension(tls: TLSInfo) -> dict[str, Any]:
    """Return the TLS extension, as far as it is known."""
    return {
        "server_cert": None,
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": _TLS_VERSIONS.get(tls.version),
        "cipher_suite": None,
    }
