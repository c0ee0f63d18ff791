"""Sessions in signed cookies as an extension: what opens the session of a request and saves it with the response.

A request finds the extension by its name when somebody asks for the session, and only then it is noted that the
response has something to say. It is saved when all layers have seen the response, so errors and refused handshakes
carry it too; a request that does not touch its session pays for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import AppSettings, AppSetup, Request, Response
from costrel.sessions.closing import keep_open, let_go
from costrel.sessions.codec import SessionCodec
from costrel.sessions.cookie import SessionCookie
from costrel.sessions.flashing import get_flashed_messages
from costrel.sessions.keeper import SessionKeeper
from costrel.sessions.reaching import MAIN, check_apart, find_session
from costrel.sessions.session import CookieSession

__all__ = ["SignedCookieSessions"]


class SignedCookieSessions:
    """Keeps each client's session in a signed cookie, Flask's unless told otherwise; an `Extension`.

    The cookie is described by the settings: `AppSettings.session_cookie_name` and its neighbours. What is in it can be
    read by the client, and not be changed; with `EncryptedCookie` it cannot be read either.

    Args:
        codec: what the cookie looks like: `FlaskCookie`, `EncryptedCookie`, `StarletteCookie`, `DjangoCookie` or one
            of your own; `None` is Flask's form with the salt of `AppSettings.session_cookie_salt`.
        refresh: whether the cookie of a permanent session is renewed while it is used, once a tenth of
            `AppSettings.session_lifetime_seconds` has passed.
        cookie: name and attributes of the cookie where they are not those of the settings.
        name: ``sessions`` is what `request.session` is; another kind of session beside it has another name, another
            cookie and, without a `codec`, a salt of its own, and is reached by `of`.
        clock: returns the time in seconds since the epoch; for tests.

    Attributes:
        name: as given.
        requires: nothing.
        template_globals: what every template has of it.
    """

    name: str = MAIN
    requires: tuple[str, ...] = ()
    template_globals: Mapping[str, object] = {"get_flashed_messages": get_flashed_messages}

    def __init__(
        self,
        *,
        codec: SessionCodec | None = None,
        refresh: bool = True,
        cookie: SessionCookie | None = None,
        name: str = MAIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if name != MAIN:
            self.name = name
            self.template_globals = {}
        self._cookie = cookie
        self._codec = codec
        self._refresh = refresh
        self._clock = clock
        self._keeper: SessionKeeper | None = None

    def __repr__(self) -> str:
        return "SignedCookieSessions()" if self._codec is None else f"SignedCookieSessions(codec={self._codec!r})"

    def install(self, app: AppSetup) -> None:
        """Read how the cookie is kept from the settings.

        Raises:
            ConfigurationError: the attributes of the cookie contradict its name or each other, or it is the cookie of
                another kind of session, or would be taken for one of those.
        """
        self._keeper = SessionKeeper(
            app.settings,
            refresh=self._refresh,
            clock=self._clock,
            codec=self._codec,
            cookie=self._cookie,
            # SECURITY: with one salt the cookie of one kind of session would be good for the other.
            salt=None if self.name == MAIN else f"{app.settings.session_cookie_salt}:{self.name}",
        )
        check_apart(self, app.extensions.values())

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

    @property
    def cookie_name(self) -> str:
        """The name of its cookie. Raises as `settings` does."""
        return self.settings.session_cookie_name

    @property
    def purpose(self) -> object:
        """What tells its cookies from those of another kind of session with the same keys."""
        return self._installed().purpose

    def of(self, request: Request) -> CookieSession:
        """Return the session of a request; for the main one it is `request.session`.

        Raises:
            SessionClosed: the head of the response was sent.
            ProgrammerError: the extension is not installed.
        """
        return cast("CookieSession", request.session) if self.name == MAIN else find_session(self, request)

    def open_session(self, request: Request) -> CookieSession:
        """Return a session for a request; it is saved with the response, after everything else that is done to it.

        In the handler of a WebSocket it can only be read: the cookie went with the handshake.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        keeper = self._installed()
        session = CookieSession(keeper, request)
        if request.exchange.status_code == 101:
            keep_open(request, session)
        else:
            request.on_response(partial(_save, keeper, session), last=True)
        return session

    def keeps_same_session(self, other: object) -> bool:
        """Whether it keeps the same cookie as `other`, so that one session serves both their applications."""
        return other is self or (
            isinstance(other, SignedCookieSessions)
            and other.name == self.name
            and self._installed().is_like(other._installed())
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
        let_go(request, session, response)
