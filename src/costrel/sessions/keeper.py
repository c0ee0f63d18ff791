"""Between a session and its cookie: reading the one that came, and deciding what the response says.

A response whose session was touched depends on the cookie and belongs to one client, so it gets ``Vary: Cookie`` and a
``Cache-Control`` that keeps it out of shared caches; what the application has said of caching stays, unless it would
have a cache give one client's cookie to another. The cookie itself is written only when something was changed, or
when one that outlives the browser is getting old; so an answer that only read can never undo what another has written.

What the cookie looks like is up to a `SessionCodec`; the usual one is imported when there is a key to sign with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from costrel.errors import ConfigurationError, MissingSecretKey, Mistake, SessionTooLarge
from costrel.execution import Outcome
from costrel.http import MAX_SET_COOKIE_BYTES, format_set_cookie, parse_cache_control
from costrel.messages import AppSettings, Request, Response
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
        codec: what the cookie looks like; `None` is Flask's form with the salt of the settings.

    Raises:
        ConfigurationError: the attributes of the cookie contradict its name or each other.
    """

    __slots__ = ("_clock", "_codec", "_refresh", "_settings")

    def __init__(
        self,
        settings: AppSettings,
        *,
        refresh: bool,
        clock: Callable[[], float],
        codec: SessionCodec | None = None,
    ) -> None:
        self._settings = settings
        self._refresh = refresh
        self._clock = clock
        self._codec = codec
        try:
            self._overhead_bytes(None, secure=self._is_always_secure or settings.session_cookie_secure is not False)
        except ValueError as error:
            raise ConfigurationError(_wrong_cookie(error)) from error
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
        settings = self._settings
        return (
            settings.session_cookie_name,
            self._codec or settings.session_cookie_salt,
            settings.secret_keys,
            settings.session_cookie_path,
            settings.session_cookie_domain,
        )

    @property
    def _is_always_secure(self) -> bool:
        """Whether the name promises that the cookie never travels in the open."""
        return self._settings.session_cookie_name.lower().startswith(("__host-", "__secure-"))

    @property
    def settings(self) -> AppSettings:
        """The settings of the application."""
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

            self._codec = FlaskCookie(salt=self._settings.session_cookie_salt)
        return self._codec

    def open(self, request: Request) -> Opened:
        """Read the session that the client sent; a cookie that is not valid is an empty session.

        Raises:
            MissingSecretKey: the application has no secret key.
        """
        codec = self.codec
        text = request.cookies.get(self._settings.session_cookie_name)
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
        if opened is None:
            return
        # SECURITY: a cache must not give this answer to anybody else, also when the session was only looked at.
        response.vary("Cookie")
        sets_cookie = self._write_cookie(request, session, opened, response)
        said = response.headers.get_combined("cache-control")
        if said is None:
            response.headers["cache-control"] = "no-store" if sets_cookie else "private"
        elif sets_cookie and not _is_kept_apart(said):
            # SECURITY: a shared cache would hand the session of this client to the next one.
            response.headers["cache-control"] = "no-store"

    def _write_cookie(self, request: Request, session: CookieSession, opened: Opened, response: Response) -> bool:
        """Set or delete the cookie if that is needed, and tell whether it was."""
        # What a handler did that was given up is half of something, and may still be going on in its thread.
        is_modified = session.modified and request.claim.outcome is not Outcome.ABANDONED
        if is_modified and opened.values:
            return self._set(request, session, opened, response)
        if opened.is_refused or (is_modified and not opened.is_new):
            self._delete(request, response)
            return True
        if self._refresh and not opened.is_new and self._lifetime_seconds(opened) is not None:
            is_old = opened.age_seconds * REFRESH_SHARE >= self._settings.session_lifetime_seconds
            return is_old and self._set(request, session, opened, response)
        return False

    def _set(self, request: Request, session: CookieSession, opened: Opened, response: Response) -> bool:
        settings = self._settings
        secure = self._is_secure(request)
        max_age_seconds = self._lifetime_seconds(opened)
        value = self.codec.encode(opened.values, settings.secret_keys, self._clock())
        size_bytes = self._overhead_bytes(max_age_seconds, secure=secure) + len(value)
        if size_bytes > MAX_SET_COOKIE_BYTES:
            if settings.debug:
                raise SessionTooLarge(size_bytes, MAX_SET_COOKIE_BYTES)
            logger.error(
                "session_too_large size_bytes=%d max_bytes=%d path=%r request_id=%s",
                size_bytes,
                MAX_SET_COOKIE_BYTES,
                request.path[:200],
                request.id,
            )
            return False
        response.set_cookie(
            settings.session_cookie_name,
            value,
            max_age_seconds=max_age_seconds,
            path=settings.session_cookie_path,
            domain=settings.session_cookie_domain,
            secure=secure,
        )
        return True

    def _lifetime_seconds(self, opened: Opened) -> int | None:
        """Return how long the browser keeps the cookie, `None` for as long as it is open."""
        return self.codec.cookie_lifetime_seconds(opened.values, self._settings.session_lifetime_seconds)

    def _delete(self, request: Request, response: Response) -> None:
        settings = self._settings
        response.delete_cookie(
            settings.session_cookie_name,
            path=settings.session_cookie_path,
            domain=settings.session_cookie_domain,
            secure=self._is_secure(request),
        )

    def _overhead_bytes(self, max_age_seconds: int | None, *, secure: bool) -> int:
        """Return how many bytes of the field are not the value.

        Raises:
            ValueError: the attributes are not possible together.
        """
        settings = self._settings
        empty = format_set_cookie(
            settings.session_cookie_name,
            "",
            max_age_seconds=max_age_seconds,
            path=settings.session_cookie_path,
            domain=settings.session_cookie_domain,
            secure=secure,
        )
        return len(empty)

    def _is_secure(self, request: Request) -> bool:
        settings = self._settings
        if self._is_always_secure:
            return True
        if settings.session_cookie_secure is not None:
            return settings.session_cookie_secure
        # Browsers do not all take a secure cookie from http://localhost, and development happens there.
        return not (settings.debug and request.scheme == "http" and _is_local(request))


def _is_kept_apart(cache_control: str) -> bool:
    """Whether a response with this field may not be stored by shared caches."""
    control = parse_cache_control(cache_control)
    return control.private or control.no_store


def _is_local(request: Request) -> bool:
    """Whether the client is on this machine and has asked for this machine."""
    host = request.host
    is_local_name = host == "localhost" or host.endswith(".localhost") or _is_loopback(host.strip("[]"))
    return is_local_name and request.client is not None and _is_loopback(request.client[0])


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _wrong_cookie(error: ValueError) -> Mistake:
    return Mistake(
        "COS-SESSION-004",
        "The session cookie cannot be set as the settings say.",
        where="AppSettings(session_cookie_…), or COSTREL_SESSION_COOKIE_…",
        why=f"{error}.",
        fix="Change the name of the cookie, or the attribute that its name forbids.",
    )
