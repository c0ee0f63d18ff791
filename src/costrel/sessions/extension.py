"""Sessions in signed cookies as an extension: what opens the session of a request and saves it with the response.

A request finds the extension by its name when somebody asks for the session, and only then it is noted that the
response has something to say. It is saved when all layers have seen the response, so errors and refused handshakes
carry it too; a request that does not touch its session pays for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import AppSettings, AppSetup, Request, Response
from costrel.sessions.codec import SessionCodec
from costrel.sessions.flashing import get_flashed_messages
from costrel.sessions.keeper import SessionKeeper
from costrel.sessions.session import CookieSession

__all__ = ["SignedCookieSessions"]


class SignedCookieSessions:
    """Keeps each client's session in a signed cookie, Flask's unless told otherwise; an `Extension`.

    The cookie is described by the settings: `AppSettings.session_cookie_name` and its neighbours. What is in it can be
    read by the client, and not be changed.

    Args:
        codec: what the cookie looks like: `FlaskCookie`, `StarletteCookie`, `DjangoCookie` or one of your own; `None`
            is Flask's form with the salt of `AppSettings.session_cookie_salt`.
        refresh: whether the cookie of a permanent session is renewed while it is used, once a tenth of
            `AppSettings.session_lifetime_seconds` has passed.
        clock: returns the time in seconds since the epoch; for tests.

    Attributes:
        name: ``sessions``.
        requires: nothing.
        template_globals: what every template has of it.
    """

    name = "sessions"
    requires: tuple[str, ...] = ()
    template_globals: Mapping[str, object] = {"get_flashed_messages": get_flashed_messages}

    def __init__(
        self,
        *,
        codec: SessionCodec | None = None,
        refresh: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._codec = codec
        self._refresh = refresh
        self._clock = clock
        self._keeper: SessionKeeper | None = None

    def __repr__(self) -> str:
        return "SignedCookieSessions()" if self._codec is None else f"SignedCookieSessions(codec={self._codec!r})"

    def install(self, app: AppSetup) -> None:
        """Read how the cookie is kept from the settings.

        Raises:
            ConfigurationError: the attributes of the cookie contradict its name or each other.
        """
        self._keeper = SessionKeeper(app.settings, refresh=self._refresh, clock=self._clock, codec=self._codec)

    @property
    def settings(self) -> AppSettings:
        """The settings of the application that it is installed in.

        Raises:
            ProgrammerError: it is not installed.
        """
        return self._installed().settings

    @property
    def codec(self) -> SessionCodec:
        """What the cookie looks like.

        Raises:
            MissingSecretKey: the application has no key to sign one with.
            ProgrammerError: it is not installed.
        """
        return self._installed().codec

    def open_session(self, request: Request) -> CookieSession:
        """Return a session for a request; it is saved with the response, after everything else that is done to it.

        In the handler of a WebSocket it can only be read: the cookie went with the handshake.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        keeper = self._installed()
        session = CookieSession(keeper, request)
        if request.exchange.status_code == 101:
            _keep_open(request, session)
        else:
            request.on_response(partial(_save, keeper, session), last=True)
        return session

    def keeps_same_session(self, other: object) -> bool:
        """Whether it keeps the same cookie as `other`, so that one session serves both their applications."""
        return other is self or (
            isinstance(other, SignedCookieSessions) and self._installed().is_like(other._installed())
        )

    def save_session(self, request: Request, session: CookieSession, response: Response) -> None:
        """Write into `response` what would be sent with it, the cookie among it; for tests and scripts.

        Raises:
            SessionTooLarge: it does not fit into a cookie, in debug mode.
            ProgrammerError: it holds a value that a session cannot keep, or the extension is not installed.
        """
        self._installed().save(request, session, response)

    def _installed(self) -> SessionKeeper:
        if self._keeper is None:
            raise ProgrammerError(
                Mistake(
                    "COS-SESSION-006",
                    "Sessions were used before their extension had been installed.",
                    why="Name, keys and attributes of the cookie come from the application's settings.",
                    fix="Build the application first:   app.build()",
                )
            )
        return self._keeper


def _save(keeper: SessionKeeper, session: CookieSession, request: Request, response: Response) -> None:
    """Write what has become of the session into the response, and let go of it."""
    try:
        keeper.save(request, session, response)
    finally:
        if response.status_code == 101:
            _keep_open(request, session)
        else:
            session.close()


def _keep_open(request: Request, session: CookieSession) -> None:
    """Let the handler of a socket read the session; it runs after its handshake, and the cookie went with that."""
    session.close_for_writing()
    request.on_end(lambda _: session.close())
