"""Vite's dev server behind the application, for the developer: requests are handed on, answers come back as they are.

Nothing of this is imported unless the application is in debug mode. Only GET and HEAD are handed on, and of their
fields only those that decide what a file is sent as; cookies and credentials of the application stay here. The socket
that tells a page of changes is in `dev_socket`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from costrel.errors import BadGateway, GatewayTimeout, NotFound
from costrel.http import Headers
from costrel.messages import AppSetup, Request, Response, StreamResponse
from costrel.static.dev_address import DevAddress, is_at_home
from costrel.static.dev_socket import SUBPROTOCOLS, make_layer, relay

__all__ = ["add_dev_server", "fetch", "target_of"]

READ_TIMEOUT_SECONDS: Final = 60.0
"""At its start Vite lets requests wait while it bundles what is in ``node_modules``."""

PIECE_BYTES: Final = 64 * 1024

_HANDED_ON: Final = (
    "accept",
    "accept-language",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "origin",
    "range",
    "referer",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "user-agent",
)
_KEPT_BACK: Final = frozenset(
    (
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def add_dev_server(app: AppSetup, address: DevAddress, prefix: str, name: str) -> None:
    """Hand everything below a prefix on to a dev server."""
    app.add_route(f"{prefix}/{{path:path}}", _make_handler(address), name=name, trailing_slash="strict")
    layer = make_layer(address)
    for suffix, path in (("socket", f"{prefix}/"), ("sockets", f"{prefix}/{{path:path}}")):
        app.add_route(
            path,
            relay,
            methods=("WEBSOCKET",),
            name=f"{name}_{suffix}",
            subprotocols=SUBPROTOCOLS,
            use=[layer],
            trailing_slash="strict",
        )


def _make_handler(address: DevAddress) -> Callable[[Request], Response]:
    def vite_dev(request: Request) -> Response:
        if not is_at_home(request):
            raise NotFound
        return fetch(address, request)

    return vite_dev


def target_of(request: Request) -> str:
    """Return path and query of a request as they came; Vite's `base` is what the browser sees."""
    query = request.query_string.decode("latin-1")
    path = request.raw_path.decode("latin-1")
    return f"{path}?{query}" if query else path


def fetch(address: DevAddress, request: Request, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> Response:
    """Ask a dev server; in a thread.

    Args:
        address: where it listens.
        request: what is handed on.
        timeout_seconds: how long it may be silent.

    Raises:
        BadGateway: it does not run, or answers with what is no HTTP.
        GatewayTimeout: it takes too long.
    """
    connection = HTTPConnection(address.host, address.port, timeout=timeout_seconds)
    values = {name: request.headers.get_combined(name) for name in _HANDED_ON}
    try:
        connection.request(
            request.method,
            target_of(request),
            headers={name: value for name, value in values.items() if value is not None},
        )
        answer = connection.getresponse()
    except TimeoutError as error:
        connection.close()
        raise GatewayTimeout(f"Vite at {address.origin} has not answered in {timeout_seconds:g} s.") from error
    except (OSError, HTTPException) as error:
        connection.close()
        raise BadGateway(
            f"Vite does not answer at {address.origin}. Start it beside the application:  npx vite"
        ) from error
    return _hand_back(request, connection, answer)


def _hand_back(request: Request, connection: HTTPConnection, answer: HTTPResponse) -> Response:
    lines = [(name, value) for name, value in answer.getheaders() if name.lower() not in _KEPT_BACK]
    media_type = answer.getheader("content-type")
    headers = Headers(lines)
    if request.method == "HEAD" or answer.status in (204, 304):
        connection.close()
        return Response(None, answer.status, headers, media_type)
    return StreamResponse(
        _iter_pieces(connection, answer),
        answer.status,
        headers,
        media_type,
        content_length=answer.length,
        on_abort=connection.close,
    )


def _iter_pieces(connection: HTTPConnection, answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(PIECE_BYTES):
            yield piece
    finally:
        connection.close()
