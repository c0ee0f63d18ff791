"""The session of one request: a dict that is read when it is first touched, and remembers what was done to it.

There is one way to the values, `CookieSession._touch`, and it marks the session as accessed: reading, asking for a key,
counting, iterating and comparing all go through it, so that none can be forgotten. There is one way to change them,
`CookieSession._change`, and it marks the session as modified. Where the values come from and how the cookie is written
is in `keeper`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from costrel.errors import SessionClosed
from costrel.messages import Request

__all__ = ["PERMANENT", "CookieSession", "Opened", "Opener"]

PERMANENT: Final = "_permanent"
"""The key under which Flask keeps whether a session outlives the browser, and so do we."""

_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Opened:
    """What the client's cookie came to.

    Args:
        values: the content, empty for a new session.
        is_new: whether the client sent no valid session.
        is_refused: whether it sent a cookie that is not valid, which should be deleted.
        age_seconds: how long ago a valid one was signed.
    """

    values: dict[str, Any]
    is_new: bool
    is_refused: bool = False
    age_seconds: float = 0.0


class Opener(Protocol):
    """Where the values of a session come from."""

    def open(self, request: Request) -> Opened:
        """Read the session that the client sent.

        Raises:
            MissingSecretKey: the application has no key to check it with.
        """
        ...


class CookieSession(MutableMapping[str, Any]):
    """A session whose values travel in a signed cookie; it is `request.session`.

    Nothing is read before it is touched. After a nested value was changed in place, set `modified`.

    Args:
        opener: reads the client's cookie at the first touch.
        request: whose session it is; let go of by `close`.
    """

    __slots__ = ("_is_modified", "_is_read_only", "_opened", "_opener", "_request")

    def __init__(self, opener: Opener, request: Request) -> None:
        self._opener = opener
        self._request: Request | None = request
        self._opened: Opened | None = None
        self._is_modified = False
        self._is_read_only = False

    def _touch(self) -> dict[str, Any]:
        """Return the values, read if they have not been.

        Raises:
            SessionClosed: the head of the response was sent.
            MissingSecretKey: the application has no secret key.
        """
        request = self._request
        if request is None:
            raise SessionClosed
        opened = self._opened
        if opened is None:
            opened = self._opened = self._opener.open(request)
        return opened.values

    def _change(self) -> dict[str, Any]:
        """Return the values to change them. Raises as `_touch` does."""
        if self._is_read_only:
            raise SessionClosed
        values = self._touch()
        self._is_modified = True
        return values

    @property
    def accessed(self) -> bool:
        """Whether anything was read or written; adds ``Vary: Cookie``."""
        return self._opened is not None

    @property
    def modified(self) -> bool:
        """Whether it must be written back; set it by hand after changing a nested value in place."""
        return self._is_modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._change()
        self._is_modified = value

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser; its lifetime is `AppSettings.session_lifetime_seconds`."""
        return bool(self._touch().get(PERMANENT, False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self._change()[PERMANENT] = bool(value)

    @property
    def is_new(self) -> bool:
        """Whether the client sent no valid session."""
        self._touch()
        return self._opened is not None and self._opened.is_new

    @property
    def opener(self) -> Opener:
        """Where its values come from."""
        return self._opener

    @property
    def opened(self) -> Opened | None:
        """What the cookie came to, `None` while nobody has touched the session; for who writes it back."""
        return self._opened

    @property
    def is_read_only(self) -> bool:
        """Whether its cookie has gone and it can only be read, in the handler of a socket."""
        return self._is_read_only

    def close(self) -> None:
        """Let go of the request: every later touch raises `SessionClosed`."""
        # The request holds its session, so holding on to the request would keep both until the garbage collector runs.
        self._request = None

    def close_for_writing(self) -> None:
        """Allow reading only: every later change raises `SessionClosed`."""
        self._is_read_only = True

    def __getitem__(self, key: str, /) -> Any:
        return self._touch()[key]

    def __setitem__(self, key: str, value: Any, /) -> None:
        self._change()[key] = value

    def __delitem__(self, key: str, /) -> None:
        # A key that is missing changes nothing, so it is looked up first.
        self._touch()[key]
        del self._change()[key]

    def __contains__(self, key: object, /) -> bool:
        return key in self._touch()

    def __iter__(self) -> Iterator[str]:
        return iter(self._touch())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._touch())

    def __len__(self) -> int:
        return len(self._touch())

    def __eq__(self, other: object) -> bool:
        mine = self._touch()
        if isinstance(other, Mapping):
            return mine == dict(other)
        return NotImplemented

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return self._touch() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self._touch()

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self._change().update(other)
        return self

    def __copy__(self) -> dict[str, Any]:
        return self._touch().copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self._touch(), memo)

    def __repr__(self) -> str:
        # Loggers and debuggers show objects at any time, so this neither reads the cookie nor raises.
        return "<session, not read yet>" if self._opened is None else f"<session {self._opened.values!r}>"

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`, or `default`."""
        return self._touch().get(key, default)

    def pop(self, key: str, default: Any = _MISSING, /) -> Any:
        """Forget `key` and return its value, or `default`.

        Raises:
            KeyError: it is not set, and there is no `default`.
        """
        if key in self._touch():
            return self._change().pop(key)
        if default is _MISSING:
            raise KeyError(key)
        return default

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`; set it to `default` first when it is missing."""
        values = self._touch()
        return values[key] if key in values else self._change().setdefault(key, default)

    def clear(self) -> None:
        """Forget everything; the cookie is deleted with the response."""
        if self._touch():
            self._change().clear()

    def copy(self) -> dict[str, Any]:
        """Return the values in a dict of their own; changing it changes no session."""
        return self._touch().copy()
