"""Sessions and flashed messages: what a site remembers of a client, in its cookie or in a store; and sealed values.

`request.session` is read when it is touched and written when it was changed. `SignedCookieSessions` keeps it in the
cookie, which is Flask's, readable both ways, unless a `SessionCodec` says otherwise; those of Starlette and Django are
here, and one that is encrypted. `StoredSessions` keeps it in a `costrel.messages.Store`, and the cookie holds its
identifier alone. `seal` and `unseal` encrypt values of an application's own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.sessions.codec import DecodedSession, SessionCodec
from costrel.sessions.cookie import SessionCookie
from costrel.sessions.extension import SignedCookieSessions
from costrel.sessions.flashing import flash, get_flashed_messages
from costrel.sessions.session import CookieSession, Session

if TYPE_CHECKING:
    from costrel.sessions.django_cookie import DjangoCookie
    from costrel.sessions.encrypted_cookie import EncryptedCookie
    from costrel.sessions.flask_cookie import FlaskCookie
    from costrel.sessions.sealing import InvalidSeal, seal, unseal
    from costrel.sessions.starlette_cookie import StarletteCookie
    from costrel.sessions.stored_extension import StoredSessions
    from costrel.sessions.stored_session import StoredSession
    from costrel.sessions.user_sessions import UserSession

__all__ = [
    "CookieSession",
    "DecodedSession",
    "DjangoCookie",
    "EncryptedCookie",
    "FlaskCookie",
    "InvalidSeal",
    "Session",
    "SessionCodec",
    "SessionCookie",
    "SignedCookieSessions",
    "StarletteCookie",
    "StoredSession",
    "StoredSessions",
    "UserSession",
    "flash",
    "get_flashed_messages",
    "seal",
    "unseal",
]

# What signs is imported by who has a key, and what is kept in a store by who has one.
_LATER = {
    "DjangoCookie": "costrel.sessions.django_cookie",
    "EncryptedCookie": "costrel.sessions.encrypted_cookie",
    "FlaskCookie": "costrel.sessions.flask_cookie",
    "InvalidSeal": "costrel.sessions.sealing",
    "StarletteCookie": "costrel.sessions.starlette_cookie",
    "StoredSession": "costrel.sessions.stored_session",
    "StoredSessions": "costrel.sessions.stored_extension",
    "UserSession": "costrel.sessions.user_sessions",
    "seal": "costrel.sessions.sealing",
    "unseal": "costrel.sessions.sealing",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.sessions' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
