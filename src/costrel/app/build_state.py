"""What a build is given, and what it has made and found so far.

The steps of the build share what is here: parsing that collects mistakes, the layers bound to a route, and the tables
of providers and error handlers, one for each scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from costrel.app.conversion import ErrorConverter
from costrel.app.frozen import Target
from costrel.app.mounting import Mount
from costrel.app.registration import AnyLayer
from costrel.app.scopes import Scope
from costrel.errors import ConfigurationError, Mistake
from costrel.handling import Endpoint, Provider, ProviderTable, Shared
from costrel.messages import AppSettings, AppView, BindableLayer, Layer, Response, RouteView
from costrel.routing import Converter, HostPattern, Pattern, RouteEntry, parse_host, parse_pattern

if TYPE_CHECKING:
    from costrel.execution import LoopState
    from costrel.mounts import ASGIWrapping
    from costrel.scheduling import ScheduledJob

__all__ = ["BoundLayers", "BuildInput", "BuildState"]


class BoundLayers(NamedTuple):
    """The layers of one route, outermost first: what is called, and what each was bound from."""

    functions: tuple[Layer, ...]
    sources: tuple[AnyLayer, ...]


@dataclass(frozen=True, slots=True)
class BuildInput:
    """What an app brings to its build."""

    app: AppView
    group: Any  # the App as a Group; typed so because App itself stands above this module
    settings: AppSettings
    extension_layers: Sequence[AnyLayer]
    mounts: Sequence[Mount]
    converters: Mapping[str, type[Converter]]
    responders: Mapping[type, Callable[[Any], Response]]
    body_parsers: Mapping[str, Callable[[bytes], object]]
    overrides: Mapping[object, Callable[..., object]]
    own_providers: Sequence[Provider]
    wrappings: Sequence[ASGIWrapping] = ()
    running: Sequence[LoopState] = ()


@dataclass(slots=True)
class BuildState:
    """One build under way."""

    given: BuildInput
    mistakes: list[Mistake] = field(default_factory=list)
    entries: list[RouteEntry[Target]] = field(default_factory=list)
    unmatched: list[RouteEntry[Target]] = field(default_factory=list)
    fallbacks: list[RouteEntry[Target]] = field(default_factory=list)
    fallback_hosts: dict[tuple[str | None, ...] | None, Mount] = field(default_factory=dict)
    names: list[tuple[str, Pattern, HostPattern | None]] = field(default_factory=list)
    scopes: dict[str, Scope] = field(default_factory=dict)
    blueprints: dict[str, Scope] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    taken_names: dict[str, tuple[Callable[..., object], str]] = field(default_factory=dict)
    elsewhere: Target | None = None
    provider_tables: dict[str, ProviderTable] = field(default_factory=dict)
    converters: dict[str, ErrorConverter] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)
    jobs: dict[str, ScheduledJob] = field(default_factory=dict)

    def providers_of(self, scope: Scope) -> ProviderTable:
        """Return the providers that hold in a scope, overrides on top."""
        table = self.provider_tables.get(scope.name)
        if table is None:
            given = self.given
            table = ProviderTable([*given.own_providers, *scope.providers()])
            if given.overrides:
                table = table.with_overrides(given.overrides)
            self.provider_tables[scope.name] = table
        return table

    def converter_of(self, scope: Scope) -> ErrorConverter:
        """Return what makes responses of exceptions in a scope."""
        converter = self.converters.get(scope.name)
        if converter is None:
            given = self.given
            converter = ErrorConverter(scope.error_handlers(), given.responders, given.app.emit, scope.text_as())
            self.converters[scope.name] = converter
        return converter

    def parse(self, text: str, where: str) -> Pattern | None:
        """Parse a pattern; `None` when it is wrong."""
        try:
            return parse_pattern(text, self.given.converters, where=where)
        except ConfigurationError as error:
            self.mistakes.append(error.mistake)
            return None

    def host_of(self, scope: Scope) -> HostPattern | None:
        """Parse the host of a scope, if it has one."""
        return self.parse_host(scope.host, scope.where)

    def parse_host(self, text: str | None, where: str) -> HostPattern | None:
        """Parse the pattern of a host; `None` when there is none, or when it is wrong."""
        if text is None:
            return None
        try:
            return parse_host(text, where=where)
        except ConfigurationError as error:
            self.mistakes.append(error.mistake)
            return None

    def bind_layers(self, layers: Sequence[AnyLayer], route: RouteView, where: str) -> BoundLayers:
        """Specialise the layers for a route; those that do not concern it are left out."""
        functions: list[Layer] = []
        sources: list[AnyLayer] = []
        for layer in (*self.given.extension_layers, *layers):
            if isinstance(layer, type) or not (isinstance(layer, BindableLayer) or callable(layer)):
                self.mistakes.append(_not_a_layer(layer, where))
            elif isinstance(layer, BindableLayer):
                try:
                    chosen = layer.bind(route)
                except ConfigurationError as error:
                    self.mistakes.append(error.mistake)
                    continue
                if chosen is not None:
                    functions.append(chosen)
                    sources.append(layer)
            else:
                functions.append(layer)
                sources.append(layer)
        return BoundLayers(tuple(functions), tuple(sources))


def _not_a_layer(layer: object, where: str) -> Mistake:
    shown = layer.__name__ if isinstance(layer, type) else repr(layer)
    return Mistake(
        "COS-APP-025",
        f"`use=` holds `{shown}`, which is not a layer.",
        where=where,
        why="A layer is `async def layer(request, call_next)`, or an object with `bind` and `describe`.",
        fix="If it is a class, make it first:  use=[CORS()]",
    )
