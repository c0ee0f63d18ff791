"""What a response says to caches when it depends on a session, whatever keeps that session."""

from __future__ import annotations

from costrel.http import parse_cache_control
from costrel.messages import Response

__all__ = ["keep_private"]


def keep_private(response: Response, *, sets_cookie: bool) -> None:
    """Keep a response whose session was touched out of shared caches.

    What the application has said of caching stays, unless it would have a cache give one client's cookie to another.

    Args:
        response: gets ``Vary: Cookie`` and, where it says nothing itself, a ``Cache-Control``.
        sets_cookie: whether the cookie of the session is in it.
    """
    # SECURITY: a cache must not give this answer to anybody else, also when the session was only looked at.
    headers, default = response.headers, b"no-store" if sets_cookie else b"private"
    if headers.get_raw(b"vary") is None and headers.get_raw(b"cache-control") is None:
        # Nearly always nobody has said anything, so there is nothing to be taken apart and put together.
        headers.add(b"vary", b"Cookie")
        headers.add(b"cache-control", default)
        return
    response.vary("Cookie")
    said = headers.get_combined("cache-control")
    if said is None:
        headers["cache-control"] = default.decode("ascii")
    elif sets_cookie and not _is_kept_apart(said):
        # SECURITY: a shared cache would hand the session of this client to the next one.
        headers["cache-control"] = "no-store"


def _is_kept_apart(cache_control: str) -> bool:
    """Whether a response with this field may not be stored by shared caches."""
    control = parse_cache_control(cache_control)
    return control.private or control.no_store
