"""The session of one request: a dict that is read when it is first touched, and remembers what was done to it.

There is one way to the values, `Session._touch`, and it marks the session as accessed: reading, asking for a key,
counting, iterating and comparing all go through it, so that none can be forgotten. There is one way to change them,
`Session._change`, and it marks the session as modified. Of each key that is changed, and of each list or dict that is
handed out, it is kept what was there before: so a change inside a value is noticed, and it can be told which keys were
changed. Where the values come from and where they go is in `keeper` and `stored_keeper`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from costrel.errors import SessionClosed
from costrel.messages import Request
from costrel.sessions.nested import CONTAINERS, copy_containers, is_same_value

__all__ = ["MISSING", "PERMANENT", "CookieSession", "Opened", "Opener", "Session"]

PERMANENT: Final = "_permanent"
"""The key under which Flask keeps whether a session outlives the browser, and so do we."""

MISSING: Final = object()
"""Stands for the value of a key that is not there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the client's cookie came to, by itself or as the name of something that is kept.

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


class Session(MutableMapping[str, Any]):
    """A session, wherever it is kept; it is `request.session`.

    Nothing is read before it is touched. A change inside a dict, a list or a tuple is noticed by itself; after one in
    an object of another type, set `modified`.

    Args:
        opener: gives the values at the first touch.
        request: whose session it is; let go of by `close`.
    """

    __slots__ = ("_is_modified", "_is_read_only", "_opened", "_opener", "_originals", "_request")

    def __init__(self, opener: Opener, request: Request) -> None:
        self._opener = opener
        self._request: Request | None = request
        self._opened: Opened | None = None
        self._originals: dict[str, object] = {}
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

    def _change_key(self, key: str) -> dict[str, Any]:
        """Return the values to change one of them, of which the present one is remembered."""
        values = self._change()
        if key not in self._originals:
            self._originals[key] = copy_containers(values.get(key, MISSING))
        return values

    def _hand_out(self, key: str, value: Any) -> Any:
        """Return a value that the caller may change in place, and remember what it is now."""
        if type(value) in CONTAINERS and key not in self._originals:
            self._originals[key] = copy_containers(value)
        return value

    def _touch_all(self) -> dict[str, Any]:
        """Return the values, any of which the caller may change in place."""
        values = self._touch()
        for key, value in values.items():
            self._hand_out(key, value)
        return values

    def changes(self) -> dict[str, Any]:
        """Return the keys that have another value than at first, each with its value, or `MISSING`."""
        if self._opened is None:
            return {}
        values = self._opened.values
        found = {key: values.get(key, MISSING) for key in self._originals}
        return {key: value for key, value in found.items() if not is_same_value(value, self._originals[key])}

    @property
    def accessed(self) -> bool:
        """Whether anything was read or written; adds ``Vary: Cookie``."""
        return self._opened is not None

    @property
    def modified(self) -> bool:
        """Whether it must be written back. Set to `False`, it forgets that there was a change, not the change."""
        return self._is_modified or (bool(self._originals) and bool(self.changes()))

    @modified.setter
    def modified(self, value: bool) -> None:
        self._change()
        self._is_modified = value
        if not value:
            self._originals.clear()

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser; its lifetime is `AppSettings.session_lifetime_seconds`."""
        return bool(self._touch().get(PERMANENT, False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self._change_key(PERMANENT)[PERMANENT] = bool(value)

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
        return self._hand_out(key, self._touch()[key])

    def __setitem__(self, key: str, value: Any, /) -> None:
        self._change_key(key)[key] = value

    def __delitem__(self, key: str, /) -> None:
        # A key that is missing changes nothing, so it is looked up first.
        self._touch()[key]
        del self._change_key(key)[key]

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
        return self._touch_all() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self._touch_all()

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    def __copy__(self) -> dict[str, Any]:
        return self._touch_all().copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(self._touch(), memo)

    def __repr__(self) -> str:
        # Loggers and debuggers show objects at any time, so this neither reads the cookie nor raises.
        return "<session, not read yet>" if self._opened is None else f"<session {self._opened.values!r}>"

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`, or `default`."""
        values = self._touch()
        return self._hand_out(key, values[key]) if key in values else default

    def pop(self, key: str, default: Any = MISSING, /) -> Any:
        """Forget `key` and return its value, or `default`.

        Raises:
            KeyError: it is not set, and there is no `default`.
        """
        if key in self._touch():
            return self._change_key(key).pop(key)
        if default is MISSING:
            raise KeyError(key)
        return default

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`; set it to `default` first when it is missing."""
        values = self._touch()
        return self._hand_out(key, values[key]) if key in values else self._change_key(key).setdefault(key, default)

    def clear(self) -> None:
        """Forget everything; the cookie is deleted with the response."""
        for key in [*self._touch()]:
            del self[key]

    def copy(self) -> dict[str, Any]:
        """Return the values in a dict of their own; changing it changes no session."""
        return self._touch_all().copy()


class CookieSession(Session):
    """A session whose values travel in a cookie; it is `request.session`."""

    __slots__ = ()

    def rotate(self) -> None:
        """Write the session anew, as code does at a login that does not ask where sessions are kept.

        A cookie that holds the session itself has no identifier: one that somebody knew before holds what it held.
        """
        self._change()
