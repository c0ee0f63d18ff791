"""What the routes of one build have in common: made once and kept once, however many routes there are.

A thousand routes that read ``page: int = 1`` need one reader of it, and most lines of their generated text are the
same. A build hands one `Shared` to all its routes; it goes with the build, and what it has made stays with the routes.

Two descriptions are the same when they would be written alike: ``1`` is not ``True``, and ``int | str`` is not
``str | int``, although Python calls both pairs equal. What this module cannot take apart is the same only as itself,
so no method of a foreign object decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import MethodType
from typing import TypeVar, cast, get_args, get_origin

__all__ = ["Shared"]

T = TypeVar("T")

_PLAIN = (str, int, bool, float, bytes, type(None))


class Shared:
    """The common things of one build."""

    __slots__ = ("_lines", "_made")

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        # The description is kept with what was made of it: as long as it lives, its identity is its own.
        self._made: dict[Hashable, tuple[object, object]] = {}

    def once(self, make: Callable[[], T], *description: object) -> T:
        """Return what was made for this description, or make it.

        Args:
            make: makes it; what it raises is raised, and nothing is kept.
            description: everything that decides what it is: texts, numbers, types, and any other objects.
        """
        key = tuple([_key_of(part) for part in description])
        known = self._made.get(key)
        if known is None:
            known = self._made[key] = (make(), description)
        return cast("T", known[0])

    def line(self, text: str) -> str:
        """Return the first text that was equal to this one."""
        return self._lines.setdefault(text, text)


def _key_of(part: object) -> Hashable:
    """Return a key that parts have in common when they would be written alike."""
    if type(part) in _PLAIN:
        return type(part), repr(part)
    if isinstance(part, type):
        return id(part)
    if isinstance(part, MethodType):
        return MethodType, id(part.__self__), id(part.__func__)
    origin = get_origin(part)
    if origin is not None:
        return type(part), _key_of(origin), tuple(map(_key_of, get_args(part)))
    return id(part)
