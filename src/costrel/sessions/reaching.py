"""How a handler comes to the session of one extension, when an application keeps several for a client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from costrel.errors import ConfigurationError, Mistake, SessionClosed
from costrel.messages import Request

__all__ = ["MAIN", "check_apart", "find_session"]

MAIN = "sessions"
"""The name of the extension whose session is `request.session`."""

S_co = TypeVar("S_co", covariant=True)


class KeepsSession(Protocol[S_co]):
    """An extension that keeps sessions of one class by a cookie."""

    @property
    def name(self) -> str:
        """Its name among the extensions."""
        ...

    @property
    def cookie_name(self) -> str:
        """The name of its cookie."""
        ...

    @property
    def purpose(self) -> object:
        """What tells its cookies from those of another one, `None` where that is not needed."""
        ...

    def open_session(self, request: Request, /) -> S_co:
        """Make the session of a request."""
        ...


def find_session(sessions: KeepsSession[S_co], request: Request) -> S_co:
    """Return the session of an extension that is not the main one, the same each time.

    Raises:
        SessionClosed: the head of the response was sent.
    """
    kept = vars(request.state)
    key = f"costrel.sessions.{sessions.name}"  # no identifier, so no attribute of an application's state
    session: S_co | None = kept.get(key)
    if session is None:
        if request.exchange.status_code not in (0, 101):
            raise SessionClosed
        session = kept[key] = sessions.open_session(request)
    return session


def check_apart(sessions: KeepsSession[object], extensions: Iterable[object]) -> None:
    """Refuse a second kind of session in the cookie of the first, or with cookies that would be good for the first.

    Args:
        sessions: what is being installed.
        extensions: all that is installed, itself among it.

    Raises:
        ConfigurationError: COS-SESSION-007.
    """
    for other in extensions:
        if other is sessions or not hasattr(other, "cookie_name"):
            continue
        names = f"`{sessions.name}` and `{getattr(other, 'name', other)}`"
        if other.cookie_name == sessions.cookie_name:
            raise ConfigurationError(
                Mistake(
                    "COS-SESSION-007",
                    f"The sessions {names} have the same cookie, `{sessions.cookie_name}`.",
                    why="Each would end the session of the other.",
                    fix=f'Name the cookie:   cookie=SessionCookie(name="{sessions.name}")',
                )
            )
        if sessions.purpose is not None and getattr(other, "purpose", None) == sessions.purpose:
            raise ConfigurationError(
                Mistake(
                    "COS-SESSION-007",
                    f"The sessions {names} sign their cookies alike.",
                    why="A client could send the cookie of one in the place of the other.",
                    fix="Give one of them a purpose of its own, for example   FlaskCookie(salt=…)",
                )
            )
