"""Origins as `CSRF` compares them: in lower case, without a default port.

Spec: RFC 6454 §4, §6.2.
"""

from __future__ import annotations

import re
from typing import Final

from costrel.http import parse_authority
from costrel.messages import Request

__all__ = ["normalise_origin", "own_origins"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_is_scheme = re.compile(r"[a-z][a-z0-9+.-]*").fullmatch


def normalise_origin(text: str) -> str | None:
    """Return an origin in its one spelling, `None` for what is none, ``null`` among it.

    >>> normalise_origin("HTTPS://Example.com:443"), normalise_origin("null")
    ('https://example.com', None)
    """
    scheme, _, authority = text.lower().partition("://")
    # A letter beyond ASCII may have one within as its lower case.
    if not text.isascii() or _is_scheme(scheme) is None:
        return None
    try:
        host, port = parse_authority(authority.encode())
    except ValueError:
        return None
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def own_origins(request: Request) -> list[str]:
    """Return the origins of the application: the one that was asked for, and that of `AppSettings.base_url`."""
    found = [normalise_origin(f"{request.scheme}://{request.headers.get('host', '')}")]
    base_url = request.app.settings.base_url
    if base_url is not None:
        scheme, _, rest = base_url.partition("://")
        found.append(normalise_origin(f"{scheme}://{rest.partition('/')[0]}"))
    return [origin for origin in found if origin is not None]
