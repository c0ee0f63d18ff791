"""One session for both: `flask.session` as a view of ours, where both applications keep it in the same cookie.

Flask asks its application's ``session_interface`` for the session of a request. That of an application whose moved
handlers run with us is replaced by one that knows two kinds of requests: those that came in through our layer, whose
session is ours and is saved by us, and all others, for which nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final, cast

from flask import Flask, Request as FlaskRequest, Response as FlaskResponse
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from costrel.messages import Request, SessionView
from costrel.sessions import FlaskCookie, SignedCookieSessions

__all__ = ["OUR_REQUEST", "SharedSession", "can_share_session", "cookie_name_of", "share_sessions"]

OUR_REQUEST: Final = "costrel.flask_context.request"
"""The key of the environ under which a request that shares its session stands."""


class SharedSession(MutableMapping[str, Any]):
    """What `flask.session` is for a request that shares its session: ours, with the names that Flask has.

    Args:
        ours: where everything is kept.

    Attributes:
        accessed: set by Flask; ours knows by itself.
    """

    def __init__(self, ours: SessionView) -> None:
        self._ours = ours
        self.accessed: bool = True

    @property
    def new(self) -> bool:
        """Whether the client sent no valid session."""
        return self._ours.is_new

    @property
    def modified(self) -> bool:
        """Whether it must be written back."""
        return self._ours.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._ours.modified = value

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser."""
        return self._ours.permanent

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self._ours.permanent = value

    def __getitem__(self, key: str) -> Any:
        return self._ours[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._ours[key] = value

    def __delitem__(self, key: str) -> None:
        del self._ours[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ours)

    def __len__(self) -> int:
        return len(self._ours)

    def __repr__(self) -> str:
        return f"<SharedSession of {self._ours!r}>"

    def copy(self) -> dict[str, Any]:
        """Return the values in a dict of their own."""
        return dict(self)

    def clear(self) -> None:
        """Forget everything; the cookie is deleted with the response."""
        self._ours.clear()


class SharedSessionInterface(SecureCookieSessionInterface):
    """Flask's own interface, for all requests but those that share our session."""

    def open_session(self, app: Flask, request: FlaskRequest) -> Any:  # the kind of session differs
        """Return the session of a request."""
        ours = cast("Request | None", request.environ.get(OUR_REQUEST))
        return super().open_session(app, request) if ours is None else SharedSession(ours.session)

    def save_session(self, app: Flask, session: SessionMixin, response: FlaskResponse) -> None:
        """Save a session that is Flask's; ours is saved by us, when all layers have seen the response."""
        if not isinstance(session, SharedSession):
            super().save_session(app, session, response)


def share_sessions(flask_app: Flask) -> None:
    """Let the requests of our layer share our session, if the application keeps its own in Flask's signed cookie."""
    interface = flask_app.session_interface
    # What derives from it, or was changed, may keep something else.
    if type(interface) is SecureCookieSessionInterface and vars(interface).keys() <= {"salt"}:
        shared = SharedSessionInterface()
        vars(shared).update(vars(interface))
        flask_app.session_interface = shared


def can_share_session(flask_app: Flask, request: Request) -> bool:
    """Whether both applications keep the session of a request in one cookie."""
    interface = flask_app.session_interface
    sessions = request.session_keeper or request.app.extensions.get("sessions")
    if not isinstance(interface, SharedSessionInterface) or not isinstance(sessions, SignedCookieSessions):
        return False
    settings, key = sessions.settings, flask_app.secret_key
    return (
        (key.decode("utf-8", "replace") if isinstance(key, bytes) else key) in settings.secret_keys
        and sessions.codec == FlaskCookie(salt=interface.salt)
        and (
            interface.get_cookie_name(flask_app),
            interface.get_cookie_path(flask_app),
            interface.get_cookie_domain(flask_app),
        )
        == (settings.session_cookie_name, settings.session_cookie_path, settings.session_cookie_domain)
    )


def cookie_name_of(request: Request) -> str:
    """Return the name of the cookie in which our session of a request is kept."""
    sessions = request.session_keeper or request.app.extensions.get("sessions")
    settings = sessions.settings if isinstance(sessions, SignedCookieSessions) else request.app.settings
    return settings.session_cookie_name
