"""A namespace for values of the application: attributes that may be set freely and explain themselves when missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

__all__ = ["State"]


class State:
    """A namespace with attribute access, for one request or for one running application.

    Subclass it with annotations to have its attributes typed: ``class MyState(State): db: Database``.
    """

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> object:  # reached only when the attribute is not set
        known = ", ".join(f"`{key}`" for key in self.__dict__) or "nothing"
        raise AttributeError(f"`{name}` has not been set here; what has been set is {known}", name=name, obj=self)

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None: ...

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        return f"<State {', '.join(self.__dict__)}>"

    def copy(self) -> Self:
        """Return a namespace of the same class with the same values."""
        twin = type(self)()
        twin.__dict__.update(self.__dict__)
        return twin
