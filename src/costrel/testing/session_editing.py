"""Editing the session of a test client between two requests, as if a request of its own had done it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import Request, Response, SessionView
from costrel.testing.core import ClientCore

__all__ = ["edit_session"]


class SessionStore(Protocol):
    """What is needed of the extension that keeps the sessions."""

    def open_session(self, request: Request) -> SessionView:
        """Return the session of a request."""
        ...

    def save_session(self, request: Request, session: SessionView, response: Response) -> None:
        """Write a session into a response."""
        ...


@contextmanager
def edit_session(core: ClientCore) -> Iterator[SessionView]:
    """Open the session of the client's cookies, and keep at the end of the block what was changed.

    A block that raises changes nothing.

    Raises:
        ProgrammerError: the application keeps no sessions, or none that can be opened without a request.
    """
    store = core.application.extensions.get("sessions")
    if not hasattr(store, "open_session") or not hasattr(store, "save_session"):
        raise ProgrammerError(
            Mistake(
                "COS-TESTING-002",
                "The session of an application without sessions was to be edited.",
                why="The extension named `sessions` opens and saves them, with `open_session` and `save_session`.",
                fix='Leave `extensions=` at its default, or add "costrel.sessions:SignedCookieSessions" to it.',
            )
        )
    sessions = cast("SessionStore", store)
    request = core.bare_request()
    session = sessions.open_session(request)
    yield session
    response = Response()
    sessions.save_session(request, session, response)
    core.take_cookies(response)
