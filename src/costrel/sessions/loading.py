"""The layer that asks the store for a session before the handler, for clients that have sent a cookie of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView
from costrel.sessions.reaching import MAIN

__all__ = ["Loading"]


class Loads(Protocol):
    """An extension whose sessions have to be waited for."""

    @property
    def name(self) -> str:
        """Its name among the extensions."""
        ...

    @property
    def cookie_name(self) -> str:
        """The name of its cookie."""
        ...

    async def load(self, request: Request) -> None:
        """Ask the store for the session of a request."""
        ...


class Loading:
    """The layer that asks the store.

    Args:
        sessions: what it loads.
    """

    def __init__(self, sessions: Loads) -> None:
        self._sessions = sessions

    def __repr__(self) -> str:
        return f"<loading of {self._sessions.name!r}>"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route."""
        sessions, is_main = self._sessions, self._sessions.name == MAIN
        cookie_name = sessions.cookie_name

        def load_session(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            if request.headers.get_raw(b"cookie") is None or cookie_name not in request.cookies:
                return call_next(request)
            keeper: object = request.session_keeper
            if is_main and keeper is not None and keeper is not sessions:
                # The application around this one keeps the same session, and has loaded it.
                return call_next(request)
            return load_first(request, call_next)

        async def load_first(request: Request, call_next: Dispatch) -> Response:
            await sessions.load(request)
            return await call_next(request)

        return load_session

    def describe(self) -> LayerInfo:
        """Say that the answer may be 503."""
        return LayerInfo({503: "The sessions cannot be reached."}, request_headers=("cookie",))
