"""Where a route stands: the chain from the app through its blueprints, flattened for the build.

Hooks, layers, error handlers and providers hold for the scope they were registered on and everything below. A `Scope`
is one path through that tree, with what holds there already in running order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from costrel.app.blueprint import Blueprint, Group
from costrel.app.registration import AnyLayer, ErrorHandler, Registrar
from costrel.handling import HookSpec, Provider
from costrel.messages import TextAs, TrailingSlash

__all__ = ["Scope", "iter_scopes"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The app, or one registration of a blueprint.

    Args:
        group: the app or blueprint itself.
        parent: the scope around it, `None` for the app's.
        prefix: what stands before its paths, those of its parents included.
        name: the dotted name of the blueprint, empty for the app.
        host: the host it is bound to, `None` for every host.
        where: file and line of the registration.
    """

    group: Group
    parent: Scope | None
    prefix: str
    name: str
    host: str | None
    where: str

    def chain(self) -> list[Registrar]:
        """Return what is registered on the way here, the app first."""
        above = self.parent.chain() if self.parent is not None else []
        return [*above, self.group]

    def layers(self) -> list[AnyLayer]:
        """Return the layers that hold here, the outermost first."""
        return [layer for registrar in self.chain() for layer in registrar.layers]

    def before(self) -> list[HookSpec]:
        """Return the before hooks in running order: the app's first, each in the order of registration."""
        return [hook for registrar in self.chain() for hook in registrar.recorded.before]

    def after(self) -> list[HookSpec]:
        """Return the after hooks in running order: the innermost first, the last registered first."""
        return [hook for registrar in reversed(self.chain()) for hook in reversed(registrar.recorded.after)]

    def teardown(self) -> list[HookSpec]:
        """Return the teardown hooks in running order, which is that of the after hooks."""
        return [hook for registrar in reversed(self.chain()) for hook in reversed(registrar.recorded.teardown)]

    def error_handlers(self) -> list[list[ErrorHandler]]:
        """Return the error handlers scope by scope, the innermost first."""
        return [registrar.recorded.error_handlers for registrar in reversed(self.chain())]

    def providers(self) -> list[Provider]:
        """Return the providers, the app's first; of one type the innermost counts."""
        return [provider for registrar in self.chain() for provider in registrar.recorded.providers]

    def url_value_preprocessors(self) -> list[Callable[[str, dict[str, Any]], None]]:
        """Return what looks at path parameters before the hooks, the app's first."""
        return [function for registrar in self.chain() for function in registrar.recorded.url_value_preprocessors]

    def url_defaults(self) -> list[Callable[[str, dict[str, Any]], None]]:
        """Return what adds values to `url_for`, the innermost first."""
        return [function for registrar in reversed(self.chain()) for function in registrar.recorded.url_defaults]

    def context_processors(self) -> list[Callable[[], Mapping[str, object]]]:
        """Return what adds to the context of templates, the app's first."""
        return [function for registrar in self.chain() for function in registrar.recorded.context_processors]

    def text_as(self) -> TextAs:
        """Return what a returned `str` is here; the innermost that says so counts."""
        chosen: TextAs = "html"
        for registrar in self.chain():
            chosen = registrar.text_as or chosen
        return chosen

    def trailing_slash(self, default: TrailingSlash) -> TrailingSlash:
        """Return what a final slash means here; the innermost that says so counts."""
        chosen = default
        for registrar in self.chain():
            chosen = registrar.trailing_slash or chosen
        return chosen

    @property
    def group_name(self) -> str:
        """The name of the blueprint itself, without those around it."""
        return self.name.rpartition(".")[2]

    def full_name(self, name: str) -> str:
        """Put the name of the blueprint before that of a route."""
        return f"{self.name}.{name}" if self.name else name

    def full_path(self, path: str) -> str:
        """Put the prefix before a path; a blueprint's ``/`` is its prefix itself."""
        if not self.prefix:
            return path
        return self.prefix if path in ("", "/") else f"{self.prefix}{path}"


def iter_scopes(group: Group) -> Iterator[Scope]:
    """Yield the scope of the app, then those of its blueprints, parents before children."""
    yield from _below(Scope(group, None, "", "", None, ""))


def _below(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.group.children:
        blueprint: Blueprint = child.blueprint
        yield from _below(
            Scope(
                group=blueprint,
                parent=scope,
                prefix=scope.prefix + child.prefix,
                name=scope.full_name(child.name),
                host=child.host or scope.host,
                where=child.where,
            )
        )
