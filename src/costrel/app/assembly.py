"""Putting an application together: what an app records beyond routes, and the build that ends it.

`Assembly` is the half of `App` that is used before the first request: extensions, mounts, hosts, converters,
responders, listeners, start and stop. The other half, what a request goes through, is `application`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from costrel.app.blueprint import Blueprint, Group
from costrel.app.build import BuildInput, build
from costrel.app.events import EventHub, Listener
from costrel.app.extensions import ExtensionRegistry
from costrel.app.frozen import FrozenApp
from costrel.app.lifecycle import Lifecycle
from costrel.app.mounting import Mount, MountableApp
from costrel.app.registration import AnyLayer, caller_where, not_open
from costrel.app.scopes import iter_scopes
from costrel.errors import ConfigurationError, Mistake
from costrel.handling import EndpointInfo, Provider
from costrel.messages import AppSettings, BindableLayer, Extension, Layer, Responder, TextAs
from costrel.routing import BUILTIN_CONVERTERS, Converter

__all__ = ["Assembly"]

C = TypeVar("C", bound=type[Converter])
F = TypeVar("F", bound=Callable[..., object])


class Assembly(Group, ABC):
    """What an application is made of; `App` adds what a request goes through.

    Args:
        name: for logs and for the salts of what it signs.
        root_folder: relative folders are below it.
        settings: its settings.
        use: layers around everything, outermost first.
        extensions: extensions, or import strings of them.
        text_as: what a returned `str` is.
    """

    def __init__(
        self,
        name: str,
        *,
        root_folder: Path,
        settings: AppSettings,
        use: Sequence[AnyLayer],
        extensions: Sequence[Extension | str],
        text_as: TextAs | None,
    ) -> None:
        super().__init__(use=use, text_as=text_as, trailing_slash=None)
        self.name = name
        self.root_folder = root_folder
        self.settings = settings
        self.events = EventHub()
        self._extensions = ExtensionRegistry(extensions)
        self._extension_layers: list[AnyLayer] = []
        self._mounts: list[Mount] = []
        self._converters: dict[str, type[Converter]] = dict(BUILTIN_CONVERTERS)
        self._responders: dict[type, Responder] = {}
        self._body_parsers: dict[str, Callable[[bytes], object]] = {}
        self._overrides: dict[object, Callable[..., object]] = {}
        self._own_providers: list[Provider] = []
        self._lifecycle = Lifecycle()
        self._frozen: FrozenApp | None = None
        self._build_lock = threading.RLock()
        self._announce_start = self._announce_match = self._announce_response = False

    @abstractmethod
    def make_globals(self) -> object:
        """Make the empty `g` of one request or app context."""

    @abstractmethod
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
        """Build the URL of a route."""

    def check_open(self, verb: str) -> None:
        """Raise when the application has been built, so that nothing is registered in vain.

        Raises:
            ConfigurationError: COS-APP-001.
        """
        if self._frozen is not None:
            raise not_open(verb, caller_where(3))

    def build(self) -> FrozenApp:
        """Put everything together, once; later calls return what the first one made.

        Servers and test clients call it at start-up; `costrel check` calls it and nothing else.

        Raises:
            BuildError: every mistake in the application, each with file, line and fix.
        """
        with self._build_lock:
            if self._frozen is None:
                self._extensions.install_wanted(self)
                self._frozen = self._compile()
                self._settle_listeners()
                self.events.emit("app_built", {"app": self})
            return self._frozen

    def _compile(self) -> FrozenApp:
        for mount in self._mounts:
            if isinstance(mount.app, Assembly):
                mount.app.build()
        return build(
            BuildInput(
                app=self,
                group=self,
                settings=self.settings,
                extension_layers=tuple(reversed(self._extension_layers)),
                mounts=tuple(self._mounts),
                converters=self._converters,
                responders=self._responders,
                body_parsers=self._body_parsers,
                overrides=self._overrides,
                own_providers=self._own_providers,
            )
        )

    def _settle_listeners(self) -> None:
        """Find out who listens, so that an event nobody wants costs one test."""
        self._announce_start = self.events.has("request_started")
        self._announce_match = self.events.has("request_matched")
        self._announce_response = self.events.has("response_ready")

    @property
    def frozen(self) -> FrozenApp:
        """The tables of the built application; builds it when that has not been done."""
        return self._frozen if self._frozen is not None else self.build()

    @property
    def endpoints(self) -> tuple[EndpointInfo, ...]:
        """The description of every endpoint: paths, parameters with source and type, responses, layers, providers."""
        return self.frozen.endpoints

    @property
    def mounts(self) -> Mapping[str, Mount]:
        """The mounted applications by name."""
        return {mount.name: mount for mount in self._mounts}

    @property
    def extensions(self) -> Mapping[str, Extension]:
        """The installed extensions by name."""
        return self._extensions.by_name

    @property
    def debug(self) -> bool:
        """Whether answers may show the inside of the application."""
        return self.settings.debug

    @contextmanager
    def reopen(self) -> Iterator[None]:
        """Register more on an application that was built; what was registered is built at the end of the block.

        Requests under way finish with the tables they started with.

        Raises:
            BuildError: mistakes in what was added; the application stays as it was, but for what was recorded.
        """
        before, self._frozen = self.frozen, None
        try:
            yield
            self._frozen = self._compile()
            self._settle_listeners()
        except BaseException:
            self._frozen = before
            raise

    @contextmanager
    def override(self, type_: object, factory: Callable[..., object]) -> Iterator[None]:
        """Make values of `type_` with another factory for the block; for tests.

        Args:
            type_: what parameters are annotated with.
            factory: as for `provide`; its values live as long as those it replaces.
        """
        self.build()
        before = self._frozen, self._overrides
        self._overrides = {**self._overrides, type_: factory}
        try:
            self._frozen = self._compile()
            yield
        finally:
            self._frozen, self._overrides = before

    def install(self, extension: Extension, /) -> None:
        """Install an extension now.

        Raises:
            ConfigurationError: it is none, one of its name is installed, or the application was built.
        """
        self.check_open("install")
        self._extensions.install(extension, self)

    def add_layer(self, layer: Layer | BindableLayer, /) -> None:
        """Put a layer around every route, outside those of ``use=``; for extensions. The last added is outermost."""
        self.check_open("add_layer")
        self._extension_layers.append(layer)

    def mount(self, path: str, app: MountableApp, /, *, name: str | None = None) -> None:
        """Answer everything under `path` with another application, whose lifespan joins this one's.

        Args:
            path: a prefix, without parameters.
            app: another `App`.
            name: before the names of its routes in `url_for`; the last part of `path` unless given.

        Raises:
            ConfigurationError: it is not an `App`, or this application was built.
        """
        self.check_open("mount")
        if not isinstance(app, Assembly):
            raise ConfigurationError(
                Mistake(
                    "COS-APP-032",
                    f"`mount` was given {app!r}, which is not a Costrel application.",
                    where=caller_where(),
                    why="Mounting other ASGI and WSGI applications is not part of this version.",
                    fix="Mount an `App`; run the other application beside this one.",
                )
            )
        self._mounts.append(Mount(path, app, name or path.strip("/").rpartition("/")[2] or app.name, caller_where()))

    def host(
        self, pattern: str, blueprint: Blueprint, /, *, prefix: str | None = None, name: str | None = None
    ) -> None:
        """Register a blueprint for one host, for example ``api.example.com`` or ``{tenant}.example.com``."""
        self.check_open("host")
        self._register(blueprint, prefix, name, pattern)

    def converter(self, name: str, /) -> Callable[[C], C]:
        """Register the decorated `Converter` class for patterns of this application: ``{color:hex}``."""

        def register(converter: C) -> C:
            self.check_open("converter")
            self._converters[name] = converter
            return converter

        return register

    def responder(self, type_: type, make: Responder) -> None:
        """Make responses of values of `type_`, and of what derives from it, with `make`."""
        self.check_open("responder")
        self._responders[type_] = make

    def body_parser(self, media_type: str, parse: Callable[[bytes], object]) -> None:
        """Read bodies of another media type: `parse` gets the bytes and returns what JSON would have given.

        Args:
            media_type: without parameters, for example ``application/msgpack``.
            parse: raises `ValueError` for malformed content, which answers 400.
        """
        self.check_open("body_parser")
        self._body_parsers[media_type.lower()] = parse

    def blueprint_folders(self, attribute: str) -> list[tuple[str, Path]]:
        """Return the URL prefix and the folder of each blueprint that has one; for extensions."""
        found = []
        for scope in iter_scopes(self):
            folder = getattr(scope.group, attribute, None)
            if isinstance(scope.group, Blueprint) and folder is not None:
                found.append((scope.prefix, scope.group.root_folder / folder))
        return found

    def context_of(self, blueprint: str) -> Mapping[str, object]:
        """Return what the context processors of the app and of `blueprint` add to a template's context."""
        scope = self.frozen.blueprints.get(blueprint) or self.frozen.blueprints[""]
        context: dict[str, object] = {}
        for processor in scope.context_processors():
            context.update(processor())
        return context

    def on(self, event: str, listener: Listener, /) -> None:
        """Call `listener` with the fields of each `event`; see `EVENTS`.

        Raises:
            ConfigurationError: no such event, or the application was built.
        """
        self.check_open("on")
        self.events.add(event, listener)

    def declare_event(self, event: str) -> None:
        """Add an event of an extension, with a namespace in its name."""
        self.events.declare(event)

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Tell the listeners of an event."""
        self.events.emit(event, fields)

    def listens(self, event: str) -> bool:
        """Whether an event has a listener."""
        return self.events.has(event)

    def on_start(self, function: F) -> F:
        """Call `function` at start, in the order of registration; it may be ``async def``."""
        self.check_open("on_start")
        self._lifecycle.add_start(function)
        return function

    def on_stop(self, function: F) -> F:
        """Call `function` at stop, in the reverse of the order of registration; it may be ``async def``."""
        self.check_open("on_stop")
        self._lifecycle.add_stop(function)
        return function
