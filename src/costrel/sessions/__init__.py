"""Sessions and flashed messages: what a site remembers of a client, in a signed cookie.

`request.session` is read when it is touched and written when it was changed. The cookie is Flask's, readable both ways,
unless a `SessionCodec` says otherwise; those of Starlette and Django are here. Sessions in a store on the server are
not here; what puts something else on `request.session` is another extension.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.sessions.codec import DecodedSession, SessionCodec
from costrel.sessions.extension import SignedCookieSessions
from costrel.sessions.flashing import flash, get_flashed_messages
from costrel.sessions.session import CookieSession

if TYPE_CHECKING:
    from costrel.sessions.django_cookie import DjangoCookie
    from costrel.sessions.flask_cookie import FlaskCookie
    from costrel.sessions.starlette_cookie import StarletteCookie

__all__ = [
    "CookieSession",
    "DecodedSession",
    "DjangoCookie",
    "FlaskCookie",
    "SessionCodec",
    "SignedCookieSessions",
    "StarletteCookie",
    "flash",
    "get_flashed_messages",
]

# What signs is imported by who has a key.
_LATER = {
    "DjangoCookie": "costrel.sessions.django_cookie",
    "FlaskCookie": "costrel.sessions.flask_cookie",
    "StarletteCookie": "costrel.sessions.starlette_cookie",
}


def __getattr__(name: str) -> object:
    """Import a codec when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.sessions' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
