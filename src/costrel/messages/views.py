"""What `Request` shows of the parts that floors above put on it, as Protocols.

The session, the route and the application of a request live above this floor; here stands what a handler may expect of
them, so that nothing here has to know who made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from costrel.messages.settings import AppSettings

__all__ = ["AppView", "MountView", "RouteView", "SessionView"]


class RouteView(Protocol):
    """What `request.route` shows of the route that matched."""

    @property
    def path(self) -> str:
        """The pattern as written, with the prefixes of its blueprints, for example ``/users/{id}``."""
        ...

    @property
    def name(self) -> str:
        """The name for `url_for`, for example ``admin.show``."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The methods it was registered for; HEAD and OPTIONS are there where they are automatic."""
        ...

    @property
    def blueprint(self) -> str:
        """The dotted name of its blueprint, empty when it is the app's own."""
        ...

    @property
    def meta(self) -> Mapping[str, object]:
        """What was passed as ``meta=`` when it was registered."""
        ...

    @property
    def layers(self) -> Sequence[object]:
        """The layers around it as they were given, outermost first: of the app, its blueprints and its own."""
        ...

    @property
    def handler(self) -> str:
        """Module and name of the handler, for logs, for example ``shop.orders.show``."""
        ...


class AppView(Protocol):
    """What the messages know of the application that handles a request."""

    @property
    def name(self) -> str:
        """The application's name, for logs and for the salts of what it signs."""
        ...

    @property
    def settings(self) -> AppSettings:
        """Its settings, the limits for its requests among them."""
        ...

    @property
    def debug(self) -> bool:
        """Whether answers may show the inside of the application."""
        ...

    def url_for(
        self,
        name: str,
        /,
        *,
        external: bool = False,
        anchor: str | None = None,
        scheme: str | None = None,
        **values: Any,  # whatever the converters of the pattern take
    ) -> str:
        """Build the URL of the route `name` in the context of the current request."""
        ...

    @property
    def extensions(self) -> Mapping[str, object]:
        """The installed extensions by name."""
        ...

    def make_globals(self) -> object:
        """Make the empty `g` of one request or of one app context."""
        ...

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Tell the listeners of `event`; free when there are none."""
        ...


class MountView(Protocol):
    """What `request.mount` shows of the mount through which a request came."""

    @property
    def prefix(self) -> str:
        """The whole path from the outermost application to the mounted one, without a final slash."""
        ...

    @property
    def name(self) -> str:
        """The name it was mounted under, for `url_for`."""
        ...

    @property
    def full_name(self) -> str:
        """The names of all mounts on the way to it, with dots between them, for reports: ``shop.basket``."""
        ...


class SessionView(Protocol):
    """What `request.session` is, whoever keeps it: a dict of JSON values that remembers what was done to it."""

    modified: bool
    """Whether it must be written back; set it by hand after changing a nested value in place."""

    permanent: bool
    """Whether the cookie outlives the browser; its lifetime is `AppSettings.session_lifetime_seconds`."""

    @property
    def is_new(self) -> bool:
        """Whether the client sent no valid session."""
        ...

    @property
    def accessed(self) -> bool:
        """Whether anything was read or written; adds ``Vary: Cookie``."""
        ...

    def __getitem__(self, key: str, /) -> Any:  # JSON values have no common static type
        """Return the value of `key`."""
        ...

    def __setitem__(self, key: str, value: Any, /) -> None:
        """Set `key`."""
        ...

    def __delitem__(self, key: str, /) -> None:
        """Forget `key`."""
        ...

    def __contains__(self, key: object, /) -> bool:
        """Whether `key` is set."""
        ...

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        ...

    def __len__(self) -> int:
        """Return the number of keys."""
        ...

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`, or `default`."""
        ...

    def pop(self, key: str, default: Any = ..., /) -> Any:
        """Forget `key` and return its value, or `default`."""
        ...

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`; set it to `default` first when it is missing."""
        ...

    def update(self, values: Mapping[str, Any], /) -> None:
        """Set all of `values`."""
        ...

    def clear(self) -> None:
        """Forget everything; the cookie is deleted with the response."""
        ...
