"""Sessions in signed cookies as an extension: the layer that puts a session on each request and takes it off again.

The layer lies outside all others, so every answer passes it, errors and refused handshakes too. What it puts on the
request is a small object that has read nothing yet; a request that does not touch its session pays for nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from costrel.errors import Mistake, ProgrammerError, SessionClosed
from costrel.messages import AppSetup, Dispatch, Layer, Request, Response, SessionView
from costrel.sessions.flashing import get_flashed_messages
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
        template_globals: what every template has of it.
    """

    name = "sessions"
    requires: tuple[str, ...] = ()
    template_globals: Mapping[str, object] = {"get_flashed_messages": get_flashed_messages}

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


class _Closed:
    """Stands in for the keeper once the response has left the layer: a session opened now could not be saved."""

    def open_session(self, request: Request, /) -> SessionView:
        raise SessionClosed


_CLOSED = _Closed()


def _make_layer(keeper: SessionKeeper) -> Layer:
    """Make the layer of one application; a request that never asks for its session costs two assignments."""

    async def keep_session(request: Request, call_next: Dispatch) -> Response:
        outer = request.session_keeper
        if outer is not None:
            return await _keep_inside(keeper, outer, request, call_next)
        request.session_keeper = keeper
        try:
            response = await call_next(request)
            if request.opened_session is not None:
                _save(keeper, request, response)
        finally:
            if request.opened_session is not None:
                _close(request)
            request.session_keeper = _CLOSED
        return response

    return keep_session


async def _keep_inside(keeper: SessionKeeper, outer: object, request: Request, call_next: Dispatch) -> Response:
    """Keep the session of a mounted application: that of the application around it if the cookie is the same."""
    if isinstance(outer, SessionKeeper) and outer.is_like(keeper):
        return await call_next(request)
    outer_keeper, outer_session = request.session_keeper, request.opened_session
    request.session_keeper, request.opened_session = keeper, None
    try:
        response = await call_next(request)
        _save(keeper, request, response)
    finally:
        _close(request)
        request.session_keeper, request.opened_session = outer_keeper, outer_session
    return response


def _save(keeper: SessionKeeper, request: Request, response: Response) -> None:
    """Write what has become of the session into the response; a socket may go on reading it."""
    session = request.opened_session
    if isinstance(session, CookieSession):
        keeper.save(request, session, response)
        if response.status_code == 101:
            # A socket's handler runs after its handshake: the cookie has gone, what was in it can still be read.
            session.close_for_writing()
            request.on_end(lambda _: session.close())


def _close(request: Request) -> None:
    """Let go of a session that was opened, unless a socket still reads it."""
    session = request.opened_session
    if isinstance(session, CookieSession) and not session.is_read_only:
        session.close()
