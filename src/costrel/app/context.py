"""`request`, `session`, `g`, `current_app` and `websocket`: names for what belongs to the request being handled.

Each is a small object that passes every access on to the real thing, found through one ContextVar. To a type checker
they *are* the real thing. Outside a request, and after it has ended, they say so with the fix, and never hand out old
data.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, cast

from costrel.app.request_globals import Globals
from costrel.errors import OutsideRequest, RequestEnded
from costrel.messages import Request, SessionView, WebSocket, current_request

if TYPE_CHECKING:
    from costrel.messages import AppView

__all__ = ["current_app", "g", "has_request_context", "request", "session", "websocket"]


def current(name: str) -> Request:
    """Return the request that is being handled, on behalf of `name`.

    Raises:
        OutsideRequest: there is none.
        RequestEnded: it has ended.
    """
    found = current_request.get(None)
    if found is None:
        raise OutsideRequest(name)
    if found.ended:
        raise RequestEnded(name)
    return found


def handled(name: str) -> Request:
    """Return the current request, but not the stand-in of an app context, which has no method.

    Raises:
        OutsideRequest: there is none.
        RequestEnded: it has ended.
    """
    found = current(name)
    if not found.method:
        raise OutsideRequest(name)
    return found


def globals_of(request: Request) -> Any:
    """Return the `g` of a request; the provider of it."""
    return request.g


def _find_request() -> Request:
    return handled("request")


def _find_session() -> SessionView:
    return handled("session").session


def _find_globals() -> Globals:
    return cast("Globals", current("g").g)


def _find_app() -> AppView:
    return current("current_app").app


def _find_websocket() -> WebSocket:
    found = getattr(current("websocket").state, "websocket", None)
    if found is None:
        raise OutsideRequest("websocket")
    return cast("WebSocket", found)


class Proxy:
    """Passes every access on to what `find` returns."""

    __slots__ = ("_find", "_name")

    def __init__(self, name: str, find: Callable[[], object]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_find", find)

    @property
    def __class__(self) -> type:
        """The class of the real thing, for `isinstance`; outside a request tools that look around see a proxy."""
        try:
            return type(object.__getattribute__(self, "_find")())
        except (OutsideRequest, RequestEnded):
            return Proxy

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError("a proxy stands for another object and has no class of its own to change")

    def __getattr__(self, name: str) -> Any:
        try:
            real = object.__getattribute__(self, "_find")()
        except (OutsideRequest, RequestEnded):
            # Tools look for names like `__wrapped__` on all that a module has; to them an absent one is no mistake.
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(f"outside a request there is no `{name}`", name=name) from None
            raise
        return getattr(real, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(object.__getattribute__(self, "_find")(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(object.__getattribute__(self, "_find")(), name)

    def __getitem__(self, key: Any) -> Any:
        return operator.getitem(object.__getattribute__(self, "_find")(), key)

    def __setitem__(self, key: Any, value: Any) -> None:
        operator.setitem(object.__getattribute__(self, "_find")(), key, value)

    def __delitem__(self, key: Any) -> None:
        operator.delitem(object.__getattribute__(self, "_find")(), key)

    def __contains__(self, key: object) -> bool:
        return operator.contains(object.__getattribute__(self, "_find")(), key)

    def __iter__(self) -> Iterator[Any]:
        return iter(object.__getattribute__(self, "_find")())

    def __len__(self) -> int:
        return len(object.__getattribute__(self, "_find")())

    def __bool__(self) -> bool:
        return bool(object.__getattribute__(self, "_find")())

    def __eq__(self, other: object) -> bool:
        return bool(object.__getattribute__(self, "_find")() == other)

    def __dir__(self) -> list[str]:
        return dir(object.__getattribute__(self, "_find")())

    def __repr__(self) -> str:
        name = object.__getattribute__(self, "_name")
        try:
            return f"<{name} -> {object.__getattribute__(self, '_find')()!r}>"
        except (OutsideRequest, RequestEnded):
            return f"<{name}: no request is being handled>"

    def __hash__(self) -> int:
        name = object.__getattribute__(self, "_name")
        raise TypeError(f"`{name}` stands for another object in each request, so it cannot be a key or be in a set")

    def __reduce__(self) -> NoReturn:
        name = object.__getattribute__(self, "_name")
        raise TypeError(f"`{name}` belongs to one request; pass the values you need instead of pickling it")


if TYPE_CHECKING:
    request: Request
    session: SessionView
    g: Globals
    current_app: AppView
    websocket: WebSocket
else:
    request = Proxy("request", _find_request)
    session = Proxy("session", _find_session)
    g = Proxy("g", _find_globals)
    current_app = Proxy("current_app", _find_app)
    websocket = Proxy("websocket", _find_websocket)


def has_request_context() -> bool:
    """Whether a request is being handled here, so that `request` and `session` may be used."""
    found = current_request.get(None)
    return found is not None and not found.ended and bool(found.method)


@contextmanager
def entered(subject: Request) -> Iterator[Request]:
    """Make `subject` the current request for a block; for tests, scripts and commands."""
    token = current_request.set(subject)
    try:
        yield subject
    finally:
        subject.ended = True
        current_request.reset(token)
