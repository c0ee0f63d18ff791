"""What trusted proxies say about a request, written into the request before anybody sees it.

Transports call this when `AppSettings.trusted_proxies` is set. Whom to believe, and how far, is decided in
`costrel.http`; here it is only applied, to each property by itself.
"""

from __future__ import annotations

from costrel.http import RequestHeaders, TrustedProxies, resolve_client
from costrel.messages.request import Request

__all__ = ["apply_forwarded"]


def apply_forwarded(request: Request, trusted: TrustedProxies) -> None:
    """Set client, scheme, host and prefix of a request to what its trusted proxies say.

    Nothing changes when the peer is not trusted. Call it once, before the request is dispatched.

    Args:
        request: fresh from the transport.
        trusted: whom to believe.

    Spec:
        RFC 7239 §5, §8.1.
    """
    raw_headers = request.raw_headers
    origin = resolve_client(
        request.exchange.peer, lambda name: [value for key, value in raw_headers if key == name], trusted
    )
    if origin.client_host is not None:
        request.client = (origin.client_host, origin.client_port or 0)
    if origin.scheme is not None:
        request.scheme = origin.scheme
    if origin.host is not None:
        rest = [pair for pair in raw_headers if pair[0] != b"host"]
        request.raw_headers = [(b"host", origin.host.encode("latin-1")), *rest]
        request._headers = RequestHeaders.from_raw(request.raw_headers)
    if origin.prefix is not None:
        request.root_path = origin.prefix + request.root_path
