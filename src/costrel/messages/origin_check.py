"""Whether the page that opens a WebSocket belongs to this site.

A browser sends the cookies of a site with every handshake to it, whichever site the page comes from, and no rule of the
same origin keeps that page from reading what comes. So the handshake itself has to be looked at: its ``Origin`` field,
which no script can change.

Spec: RFC 6455 §4.2.2, §10.2; RFC 6454 §7.
"""

from __future__ import annotations

from collections.abc import Collection

from costrel.errors import Forbidden
from costrel.http import URL
from costrel.messages.request import Request

__all__ = ["check_origin"]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def check_origin(request: Request, allowed: Collection[str]) -> None:
    """Refuse a handshake that a page of another site has begun.

    The host and port of the origin must be those of the request, or those of `AppSettings.base_url`. The scheme is not
    compared: a proxy that ends TLS and is not trusted hides it. A client without ``Origin`` is no browser, and has no
    cookies but its own.

    Args:
        request: the handshake.
        allowed: further origins, for example ``https://app.example``; ``*`` allows every one.

    Raises:
        Forbidden: the origin is another site's, or ``null``.
    """
    origin = request.headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed:
        return
    found = URL(origin)
    # SECURITY: what is no origin, `null` among it, has no host and is equal to nothing.
    if found.host and found.scheme in _DEFAULT_PORTS:
        own = [URL(f"{found.scheme}://{request.headers.get('host', '')}")]
        base_url = request.app.settings.base_url
        if base_url is not None:
            own.append(URL(base_url))
        if any(_site_of(found) == _site_of(url) for url in own):
            return
    raise Forbidden("This page may not open a WebSocket here.")


def _site_of(url: URL) -> tuple[str, int | None]:
    return url.host, url.port or _DEFAULT_PORTS.get(url.scheme)
