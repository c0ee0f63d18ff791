"""`g`: the values that an application keeps during one request, and nothing else; how it is found is in `context`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Globals"]


class Globals:
    """The values that the application keeps during one request: `g`.

    Subclass it with annotations to have them typed, and pass the class: ``App(g=MyGlobals)``.
    """

    def __getattr__(self, name: str) -> Any:  # reached only when the attribute is not set
        raise AttributeError(f"`g.{name}` has not been set during this request", name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("get", "pop", "setdefault"):
            raise AttributeError(f"`g.{name}` is a method; give the value another name", name=name, obj=self)
        self.__dict__[name] = value

    def get(self, name: str, default: Any = None) -> Any:  # the type is the application's own
        """Return the value of `name`, or `default`."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = None) -> Any:
        """Forget `name` and return its value, or `default`."""
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of `name`; set it to `default` first when it is missing."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        return f"<g {', '.join(self.__dict__)}>"
