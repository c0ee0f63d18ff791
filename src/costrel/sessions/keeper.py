"""Between a session and its cookie: reading the one that came, and deciding what the response says.

The cookie is written only when something was changed, or when one that outlives the browser is getting old; so an
answer that only read can never undo what another has written. What caches are told is in `privacy`, what the cookie is
called in `cookie`.

What the cookie looks like is up to a `SessionCodec`; the usual one is imported when there is a key to sign with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from costrel.errors import MissingSecretKey, SessionTooLarge
from costrel.execution import Outcome
from costrel.http import MAX_SET_COOKIE_BYTES
from costrel.messages import AppSettings, Request, Response
from costrel.sessions.cookie import CookiePlace, SessionCookie
from costrel.sessions.privacy import keep_private
from costrel.sessions.session import CookieSession, Opened

if TYPE_CHECKING:
    from costrel.sessions.codec import SessionCodec

__all__ = ["SessionKeeper"]

logger: logging.Logger = logging.getLogger("costrel.sessions")

REFRESH_SHARE: Final = 10
"""A permanent session is signed again once a tenth of its lifetime has passed."""


class SessionKeeper:
    """Reads and writes the session cookie of one application.

    Args:
        settings: name, salt, keys and attributes of the cookie.
        refresh: whether the cookie of a permanent session is renewed while it is used.
        clock: returns the time in seconds since the epoch.
        codec: what the cookie looks like; `None` is Flask's form with `salt`.
        cookie: name and attributes where they are not those of the settings.
        salt: the purpose of the signature; `None` is that of the settings.

    Raises:
        ConfigurationError: the attributes of the cookie contradict its name or each other.
    """

    __slots__ = ("_clock", "_codec", "_place", "_refresh", "_salt", "_settings")

    def __init__(
        self,
        settings: AppSettings,
        *,
        refresh: bool,
        clock: Callable[[], float],
        codec: SessionCodec | None = None,
        cookie: SessionCookie | None = None,
        salt: str | None = None,
    ) -> None:
        self._place = CookiePlace(settings, cookie)
        self._settings = settings = self._place.settings
        self._refresh = refresh
        self._clock = clock
        self._salt = settings.session_cookie_salt if salt is None else salt
        self._codec = codec
        if settings.secret_keys:
            self._find_codec()

    def is_like(self, other: SessionKeeper) -> bool:
        """Whether `other` keeps the same cookie, so that one session serves both."""
        return self is other or self._identity == other._identity

    def open_session(self, request: Request, /) -> CookieSession:
        """Make the session of a request; it reads the cookie when it is touched."""
        return CookieSession(self, request)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (self._place.identity, self.purpose, self._settings.secret_keys)

    @property
    def purpose(self) -> object:
        """What tells its cookies from others with the same keys."""
        return self._codec or self._salt

    @property
    def settings(self) -> AppSettings:
        """The settings of the application, with what holds for this cookie."""
        return self._settings

    @property
    def codec(self) -> SessionCodec:
        """What the cookie looks like, now that something is to be signed or read.

        Raises:
            MissingSecretKey: the application has no secret key.
        """
        if not self._settings.secret_keys:
            raise MissingSecretKey("`session`")
        return self._codec or self._find_codec()

    def _find_codec(self) -> SessionCodec:
        if self._codec is None:
            # Imported by who has a key; an application without sessions never pays for it.
            from costrel.sessions.flask_cookie import FlaskCookie

            self._codec = FlaskCookie(salt=self._salt)
        return self._codec

    def open(self, request: Request) -> Opened:
        """Read the session that the client sent; a cookie that is not valid is an empty session.

        Raises:
            MissingSecretKey: the application has no secret key.
        """
        codec = self.codec
        text = self._place.read(request)
        if text is None:
            return Opened({}, is_new=True)
        settings = self._settings
        decoded = codec.decode(text, settings.secret_keys, settings.session_lifetime_seconds, self._clock())
        if decoded is None:
            return Opened({}, is_new=True, is_refused=True)
        return Opened(decoded.values, is_new=False, age_seconds=decoded.age_seconds)

    def save(self, request: Request, session: CookieSession, response: Response) -> None:
        """Put into the response what follows from what was done to the session; nothing when it was not touched.

        Raises:
            SessionTooLarge: it does not fit into a cookie, in debug mode; in production that is logged, and the
                client keeps the session it has.
            ProgrammerError: it holds a value that a session cannot keep.
        """
        opened = session.opened
        if opened is not None:
            keep_private(response, sets_cookie=self._write_cookie(request, session, opened, response))

    def _write_cookie(self, request: Request, session: CookieSession, opened: Opened, response: Response) -> bool:
        """Set or delete the cookie if that is needed, and tell whether it was."""
        # What a handler did that was given up is half of something, and may still be going on in its thread.
        is_modified = session.modified and request.claim.outcome is not Outcome.ABANDONED
        if is_modified and opened.values:
            return self._set(request, opened, response)
        if opened.is_refused or (is_modified and not opened.is_new):
            self._place.delete(request, response)
            return True
        if self._refresh and not opened.is_new and self._lifetime_seconds(opened) is not None:
            is_old = opened.age_seconds * REFRESH_SHARE >= self._settings.session_lifetime_seconds
            return is_old and self._set(request, opened, response)
        return False

    def _set(self, request: Request, opened: Opened, response: Response) -> bool:
        settings = self._settings
        value = self.codec.encode(opened.values, settings.secret_keys, self._clock())
        field_value = self._place.format(request, value, self._lifetime_seconds(opened))
        if len(field_value) > MAX_SET_COOKIE_BYTES:
            if settings.debug:
                raise SessionTooLarge(len(field_value), MAX_SET_COOKIE_BYTES)
            logger.error(
                "session_too_large size_bytes=%d max_bytes=%d path=%r request_id=%s",
                len(field_value),
                MAX_SET_COOKIE_BYTES,
                request.path[:200],
                request.id,
            )
            return False
        self._place.set(response, field_value)
        return True

    def _lifetime_seconds(self, opened: Opened) -> int | None:
        """Return how long the browser keeps the cookie, `None` for as long as it is open."""
        return self.codec.cookie_lifetime_seconds(opened.values, self._settings.session_lifetime_seconds)
