"""Providers: how a value that is not in the request is made for a parameter, and how long it lives.

An application registers a factory for a type; a handler, hook or other factory gets the value by naming the type.
Here are the providers themselves and the table in which they are found. Which of them a route needs, in which order and
where each runs is decided in `planning`, once; those that live as long as the application are in `app_values`.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from costrel.handling.signature import name_of, strip_annotated, strip_optional

__all__ = ["Lifetime", "Provider", "ProviderTable", "type_name"]

Lifetime = Literal["handler", "response", "app"]


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """How the values of one type are made.

    Args:
        type: what parameters ask for; the annotation must be equal to it, also when it is an ``Annotated``.
        factory: a function, generator function (the part after ``yield`` is the exit), async variants of both, or a
            class. Its own parameters are read like a handler's.
        lifetime: ``"handler"`` ends before anything is sent, ``"response"`` after the last byte, ``"app"`` when the
            application stops. `None` is ``"handler"`` for HTTP and ``"response"`` for a WebSocket.
        inline: whether a ``def`` factory is so quick that it runs on the event loop; classes always do.
    """

    type: object
    factory: Callable[..., object]
    lifetime: Lifetime | None = None
    inline: bool = False

    def __repr__(self) -> str:
        return f"<Provider {type_name(self.type)} by {name_of(self.factory)}>"

    @property
    def call(self) -> Callable[..., object]:
        """The factory itself, without what `contextlib.contextmanager` put around a generator function."""
        factory = self.factory
        if getattr(factory, "__globals__", None) is contextlib.__dict__:
            return cast("Callable[..., object]", inspect.unwrap(factory))
        return factory


def type_name(annotation: object) -> str:
    """Return a type as a user would write it."""
    name = getattr(annotation, "__name__", None)
    return str(name) if isinstance(annotation, type) and name else str(annotation).replace("typing.", "")


class ProviderTable:
    """Providers by type; a table inside another hides what has the same type there.

    Args:
        providers: of two for one type the later counts.
        parent: the table of the enclosing blueprint or app.
    """

    __slots__ = ("_by_type", "parent")

    def __init__(self, providers: Iterable[Provider] = (), parent: ProviderTable | None = None) -> None:
        self._by_type: Mapping[object, Provider] = {provider.type: provider for provider in providers}
        self.parent: ProviderTable | None = parent

    def __iter__(self) -> Iterator[Provider]:
        """Iterate over what can be found here, the innermost of each type."""
        seen: set[object] = set()
        table: ProviderTable | None = self
        while table is not None:
            for key, provider in table._by_type.items():
                if key not in seen:
                    seen.add(key)
                    yield provider
            table = table.parent

    def find(self, annotation: object) -> Provider | None:
        """Return the provider for an annotation, or `None`.

        An ``Annotated`` type is looked for as it is and then without its metadata, ``X | None`` at last as ``X``.
        """
        candidates = [annotation]
        for simpler in (strip_annotated(annotation), strip_optional(annotation)):
            if simpler is not candidates[-1]:
                candidates.append(simpler)
        for candidate in candidates:
            try:
                hash(candidate)
            except TypeError:
                continue
            table: ProviderTable | None = self
            while table is not None:
                provider = table._by_type.get(candidate)
                if provider is not None:
                    return provider
                table = table.parent
        return None

    def with_overrides(self, overrides: Mapping[object, Callable[..., object]]) -> ProviderTable:
        """Return a table in which `overrides` make the values; each keeps the lifetime of what it replaces.

        Args:
            overrides: type -> factory.
        """
        replaced: list[Provider] = []
        for annotation, factory in overrides.items():
            known = self.find(annotation)
            replaced.append(Provider(annotation, factory, known.lifetime if known is not None else None))
        return ProviderTable(replaced, self)
