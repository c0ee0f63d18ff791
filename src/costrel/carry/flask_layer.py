"""The layer that takes a request into a Flask application's world, and out again.

What happens there is in `flask_visit`; this module imports no Flask before a layer is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from costrel.errors import Pass
from costrel.messages import BindableLayer, Dispatch, Layer, LayerInfo, Request, Response, RouteView

if TYPE_CHECKING:
    from flask import Flask

    from costrel.carry.flask_visit import FlaskVisit

__all__ = ["flask_context"]

_STATE_KEY: Final = "costrel.flask_visits"  # no identifier, so no attribute of an application's state


def flask_context(
    flask_app: Flask, *, hooks: bool = True, endpoint: str | None = None, mounted_at: str = ""
) -> BindableLayer:
    """Make a layer that gives moved handlers the world of a Flask application.

    Inside it `flask.g`, `flask.request`, `flask.session`, `flask.current_app`, `flask.url_for` and `flask.flash` work
    as they did, for ``def`` and ``async def`` handlers alike, and what the old application does before and after each
    request is done: functions of ``before_request`` (one that returns something answers), of ``after_request`` and of
    ``teardown_request`` and ``teardown_appcontext``. Put it around the routes or the blueprint that are moved, not
    around an application in which the same Flask application is mounted: its functions would run twice there.

    - All of that and a ``def`` handler run in one thread, so thread-local registries and connections of SQLite work as
      they did. The thread is one of those for handlers, taken until the visit ends; when none is free in time the
      answer is 503. An ``async def`` handler runs on the loop, as always.
    - The body is read before the first function of Flask's, so a handler that takes a `BodyStream` gets one that has
      been kept; the limits for bodies hold.
    - `flask.session` is our `session` where both are kept in one cookie: the same name, path, domain and salt, and
      Flask's key among ours. Then the cookie is written once, by us, with our attributes. To this end the application's
      ``session_interface`` is replaced by one that does what it did for all other requests. A session that is kept
      elsewhere stays Flask's own.
    - The world ends when the response is complete, or with the last byte of a stream, which may use it as if it were
      made by ``stream_with_context``. Functions of ``after_request`` see the head of a stream and not its content.
    - A WebSocket has no Flask context, as in Flask.
    - Flask's signals ``request_started`` and ``request_finished`` are not sent.

    Args:
        flask_app: the application; its routes need not be served by anybody.
        hooks: whether functions of ``before_request`` and ``after_request`` run; those of teardown always do.
        endpoint: what ``flask.request.endpoint`` is, and so whose blueprint's functions run. `None` is what Flask finds
            for the path, so leave the old view registered while its handler moves. ``""`` is none.
        mounted_at: the path under which the Flask application is mounted, without a final slash; `flask.url_for`
            begins with it.

    Raises:
        ImportError: Flask is not installed.
    """
    from costrel.carry.flask_sessions import share_sessions
    from costrel.carry.flask_visit import FlaskVisit, VisitOptions

    share_sessions(flask_app)
    options = VisitOptions(hooks, endpoint, mounted_at.rstrip("/"))
    return _FlaskContext(flask_app, lambda: FlaskVisit(flask_app, options))


class _FlaskContext:
    """The layer; see `flask_context`."""

    def __init__(self, flask_app: Flask, make_visit: Callable[[], FlaskVisit]) -> None:
        self._flask_app = flask_app
        self._make_visit = make_visit

    def __repr__(self) -> str:
        return f"flask_context({self._flask_app!r})"

    def bind(self, route: RouteView) -> Layer | None:
        """Leave WebSockets out."""
        return None if "WEBSOCKET" in route.methods else self._enter

    def describe(self) -> LayerInfo:
        """Say that there may be no thread."""
        return LayerInfo(status_codes={503: "No thread was free for the old application."})

    async def _enter(self, request: Request, call_next: Dispatch) -> Response:
        """Take the request in, ask for its answer, and take it out."""
        inside = cast("list[Flask]", vars(request.state).setdefault(_STATE_KEY, []))
        if self._flask_app in inside:
            return await call_next(request)
        await request.read()
        inside.append(self._flask_app)
        visit = self._make_visit()
        try:
            early = await visit.enter(request)
            return await visit.answer(request, await call_next(request) if early is None else early)
        except Pass:
            # The next candidate makes a visit of its own.
            inside.remove(self._flask_app)
            await visit.leave(request)
            raise
