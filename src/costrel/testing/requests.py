"""Making a `Request` without a server: for the clients, and for code that wants one to look at.

`make_request` gives a request whose body has been read, on an exchange that leads nowhere. It needs no event loop, so
it serves plain scripts and shells as well as tests.
"""

from __future__ import annotations

from typing import Unpack

from costrel.errors import OutsideRequest
from costrel.http import URL, Headers, TrustedProxies
from costrel.messages import AppSettings, AppView, Exchange, Request, apply_forwarded
from costrel.testing.exchange import DetachedExchange
from costrel.testing.outgoing import OutgoingRequest, RequestOptions, build_request, join_url

__all__ = ["DEFAULT_BASE_URL", "DEFAULT_PEER", "find_trusted_proxies", "make_request", "new_request"]

DEFAULT_BASE_URL = "http://localhost"
DEFAULT_PEER = ("127.0.0.1", 50000)


def make_request(app: AppView, method: str, path: str, **options: Unpack[RequestOptions]) -> Request:
    """Make a request as if a client had sent it, with its body read; nothing is dispatched.

    Args:
        app: what becomes `Request.app`; its settings are the limits.
        method: in any case; empty for a context that belongs to no request.
        path: with a query if you like, or a URL.
        options: as for the test client; ``follow_redirects`` and ``timeout_seconds`` mean nothing here.

    Raises:
        HTTPError: the body is over a limit or malformed.
        ValueError: a body that would have to be written to disk; use a test client for it.
    """
    url = join_url(URL(app.settings.base_url or DEFAULT_BASE_URL), path)
    outgoing = build_request(method, url, Headers(), options)
    exchange = DetachedExchange(outgoing.content, DEFAULT_PEER)
    request = new_request(outgoing, exchange, "", find_trusted_proxies(app.settings))
    request.app = app
    reading = request.read()
    try:
        reading.send(None)
    except StopIteration:
        return request
    except OutsideRequest:
        pass
    finally:
        reading.close()
    raise ValueError("This body has to be spooled to disk or waited for, and `make_request` has no event loop for it.")


def find_trusted_proxies(settings: AppSettings) -> TrustedProxies | None:
    """Return whose forwarded fields the application believes, `None` for nobody."""
    return TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else None


def new_request(
    outgoing: OutgoingRequest,
    exchange: Exchange,
    root_path: str,
    trusted: TrustedProxies | None,
    *,
    is_websocket: bool = False,
) -> Request:
    """Make the request that a server would have made of what is sent.

    Args:
        outgoing: what is sent; its path is the one inside the application.
        exchange: the seam.
        root_path: the prefix under which the application is served, without a final slash.
        trusted: whose forwarded fields are believed, `None` for nobody.
        is_websocket: whether it is the handshake of a WebSocket.

    Raises:
        ValueError: the path has a broken escape.
    """
    path = outgoing.path
    request = Request(
        outgoing.method,
        root_path + path,
        root_path.encode() + outgoing.raw_path,
        outgoing.query_string,
        # As on every server: a name with an underscore is not let in.
        [line for line in outgoing.headers.raw if b"_" not in line[0]],
        exchange,
        outgoing.url.scheme,
        "1.1",
        root_path,
        is_websocket,
    )
    request.route_path = path
    if trusted is not None:
        apply_forwarded(request, trusted)
    return request
