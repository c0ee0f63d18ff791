"""Sessions in signed cookies as an extension: the layer that puts a session on each request and takes it off again.

The layer lies outside all others, so every answer passes it, errors and refused handshakes too. What it puts on the
request is a small object that has read nothing yet; a request that does not touch its session pays for nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import AppSetup, Dispatch, Layer, Request, Response, SessionView
from costrel.sessions.keeper import SessionKeeper
from costrel.sessions.session import CookieSession

__all__ = ["SignedCookieSessions"]


class SignedCookieSessions:
    """Keeps each client's session in a signed cookie, compatible with Flask's; an `Extension`.

    The cookie is described by the settings: `AppSettings.session_cookie_name` and its neighbours. What is in it can be
    read by the client, and not be changed.

    Args:
        refresh: whether the cookie of a permanent session is renewed while it is used, once a tenth of
            `AppSettings.session_lifetime_seconds` has passed.
        clock: returns the time in seconds since the epoch; for tests.

    Attributes:
        name: ``sessions``.
        requires: nothing.
    """

    name = "sessions"
    requires: tuple[str, ...] = ()

    def __init__(self, *, refresh: bool = True, clock: Callable[[], float] = time.time) -> None:
        self._refresh = refresh
        self._clock = clock
        self._keeper: SessionKeeper | None = None

    def __repr__(self) -> str:
        return "SignedCookieSessions()"

    def install(self, app: AppSetup) -> None:
        """Put the layer around everything.

        Raises:
            ConfigurationError: the attributes of the cookie contradict its name or each other.
        """
        self._keeper = SessionKeeper(app.settings, refresh=self._refresh, clock=self._clock)
        app.add_layer(_make_layer(self._keeper))

    def open_session(self, request: Request) -> CookieSession:
        """Return the session of a request that did not come through the layer, for tests and scripts.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        return CookieSession(self._installed(), request)

    def save_session(self, request: Request, session: CookieSession, response: Response) -> None:
        """Write into `response` what the layer would have written, the cookie among it.

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


def _make_layer(keeper: SessionKeeper) -> Layer:
    """Make the layer of one application."""

    async def keep_session(request: Request, call_next: Dispatch) -> Response:
        outer: SessionView | None = None
        if request.mount is not None:
            outer = _find_session(request)
            if isinstance(outer, CookieSession) and keeper.keeps(outer):
                # The application around this one keeps the same cookie: one session for both, and it writes it.
                return await call_next(request)
        request.session = session = CookieSession(keeper, request)
        opens_socket = False
        try:
            response = await call_next(request)
            keeper.save(request, session, response)
            opens_socket = response.status_code == 101
        finally:
            if opens_socket:
                # A socket's handler runs after its handshake: the cookie has gone, what was in it can still be read.
                session.close_for_writing()
                request.on_end(lambda _: session.close())
            else:
                session.close()
                if outer is not None:
                    request.session = outer
        return response

    return keep_session


def _find_session(request: Request) -> SessionView | None:
    """Return the session that the application around this one has put on the request, if it keeps any."""
    try:
        return request.session
    except ProgrammerError:
        return None
