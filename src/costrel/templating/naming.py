"""What an application gives its templates by name: filters, tests and globals, before and after there is a Jinja.

Jinja keeps each kind in a dict. Until the environment exists a `NameTable` has a dict of its own, then it writes to
Jinja's.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar, overload

__all__ = ["NameTable"]

F = TypeVar("F", bound=Callable[..., object])


class NameTable:
    """One kind of name; calling it registers the decorated function.

    Both ``@templates.filter`` and ``@templates.filter("money")`` are read.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: MutableMapping[str, Any] = {}

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, name: str | None = None, /) -> Callable[[F], F]: ...
    def __call__(self, given: F | str | None = None, /) -> F | Callable[[F], F]:
        """Register the decorated function.

        Args:
            given: what templates call it; the function's own name unless given.
        """

        def register(function: F) -> F:
            name = given if isinstance(given, str) else getattr(function, "__name__", type(function).__name__)
            self.set(name, function)
            return function

        return register if given is None or isinstance(given, str) else register(given)

    def set(self, name: str, value: object, /) -> None:
        """Give a value a name; one that is there already is replaced."""
        self._values[name] = value

    def move_to(self, target: MutableMapping[str, Any]) -> None:
        """Put everything into Jinja's own table, and all that follows too."""
        target.update(self._values)
        self._values = target
