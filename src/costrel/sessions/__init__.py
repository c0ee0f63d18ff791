"""Sessions and flashed messages: what a site remembers of a client, in a signed cookie.

`request.session` is read when it is touched and written when it was changed. The cookie is Flask's, readable both ways.
Sessions in a store on the server are not here; what puts something else on `request.session` is another extension.
"""

from __future__ import annotations

from costrel.sessions.extension import SignedCookieSessions
from costrel.sessions.flashing import flash, get_flashed_messages
from costrel.sessions.session import CookieSession

__all__ = ["CookieSession", "SignedCookieSessions", "flash", "get_flashed_messages"]
