"""Putting an application together: its parts, its extensions, and the build that ends it.

`Assembly` is the half of `App` that is used before the first request. Its verbs are in `registration` (routes, hooks),
`composition` (mounts, hosts, middleware), `vocabulary` (converters, responders, templates) and `announcing` (events,
start and stop). The other half, what a request goes through, is `application`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costrel.app.announcing import Announcing
from costrel.app.blueprint import Blueprint
from costrel.app.composition import Composition
from costrel.app.extensions import ExtensionRegistry
from costrel.app.registration import AnyLayer, caller_where, not_open
from costrel.app.vocabulary import Vocabulary
from costrel.errors import BuildError, Mistake

if TYPE_CHECKING:
    from costrel.app.frozen import FrozenApp
    from costrel.execution import LoopState
    from costrel.handling import EndpointInfo, Provider
    from costrel.messages import AppSettings, BindableLayer, Dispatch, Extension, Layer, Request, Response, TextAs
    from costrel.scheduling import ScheduledJob

__all__ = ["Assembly"]

_DISPATCH_EVENTS = ("request_started", "request_matched", "response_ready")


class Assembly(Composition, Vocabulary, Announcing, ABC):
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
        self.events.changed = self._settle_listeners
        self._extensions = ExtensionRegistry(extensions)
        self._extension_layers: list[AnyLayer] = []
        self._outermost: Dispatch | None = None
        self._overrides: dict[object, Callable[..., object]] = {}
        self._own_providers: list[Provider] = []
        self._running: list[LoopState] = []
        self._frozen: FrozenApp | None = None
        self._is_reopened = False
        self._build_lock = threading.RLock()
        self._is_watched = self._rewrites = False

    @abstractmethod
    def _hidden_names(self) -> list[Mistake]:
        """Return the attributes of the application's own classes that hide the framework's."""

    @abstractmethod
    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer a request."""

    @abstractmethod
    def answer_error(self, request: Request, error: Exception) -> Awaitable[Response]:
        """Make the response of an exception that no layer of the tables can see."""

    @abstractmethod
    def _dispatch_inside(self, request: Request) -> Awaitable[Response]:
        """Answer a request that has come through the middleware of `wrap_asgi`."""

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
        if self._frozen is not None and not self._is_reopened:
            raise not_open(verb, caller_where())

    def build(self) -> FrozenApp:
        """Put everything together, once; later calls return what the first one made.

        Servers and test clients call it at start-up; `costrel check` calls it and nothing else.

        Raises:
            BuildError: every mistake in the application, each with file, line and fix.
        """
        with self._build_lock:
            if self._frozen is None:
                own_responders = dict(self._responders)
                self._extensions.install_wanted(self)
                # What the application has registered itself wins over what a default extension brings.
                self._responders.update(own_responders)
                self._templates.hand_over(self.extensions.get("templates"))
                self._frozen = self._compile()
                self.events.emit("app_built", {"app": self})
            return self._frozen

    def _compile(self) -> FrozenApp:
        from costrel.app.build import BuildInput, build

        mistakes = self._hidden_names()
        if mistakes:
            raise BuildError(mistakes)
        for mount in self._mounts:
            if isinstance(mount.app, Assembly):
                mount.app.build()
        frozen = build(
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
                wrappings=tuple(self._wrappings),
                running=self._running,
            )
        )
        if self._wrappings:
            from costrel.app.wrapping import wrapped

            self._outermost = wrapped(self._dispatch_inside, self._wrappings, self.answer_error)
            self._settle_listeners()
        return frozen

    def _settle_listeners(self) -> None:
        """Find out whether anybody stands around a dispatch or wants to see its steps; if not, it costs one test."""
        is_seen = any(self.events.has(event) for event in _DISPATCH_EVENTS)
        self._is_watched = self._rewrites or is_seen or self._outermost is not None

    @property
    def frozen(self) -> FrozenApp:
        """The tables of the built application; builds it when that has not been done."""
        return self._frozen if self._frozen is not None else self.build()

    @property
    def endpoints(self) -> tuple[EndpointInfo, ...]:
        """The description of every endpoint: paths, parameters with source and type, responses, layers, providers."""
        return self.frozen.endpoints

    @property
    def has_websockets(self) -> bool:
        """Whether a route, here or in a mounted application, may be a WebSocket's; a server prepares for them then."""
        inner = [mount.app for mount in self._mounts if isinstance(mount.app, Assembly)]
        return (
            any(endpoint.is_websocket for endpoint in self.endpoints)
            or any(mount.kind == "asgi" for mount in self._mounts)
            or any(app.has_websockets for app in inner)
        )

    @property
    def scheduled(self) -> Mapping[str, ScheduledJob]:
        """What is run by the clock, by name; ``await app.scheduled["clean"].run()`` runs it at once."""
        return self.frozen.jobs

    def _all_apps(self) -> list[Assembly]:
        """Return this application and all that are mounted in it, at any depth, each once."""
        found: list[Assembly] = [self]
        for mount in self._mounts:
            if isinstance(mount.app, Assembly):
                found += [app for app in mount.app._all_apps() if app not in found]
        return found

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

        Requests are answered with the tables that were there before until the block has ended.

        Raises:
            BuildError: mistakes in what was added; all routes, hooks, layers and mounts of the block are taken back.
        """
        from costrel.app.rebuilding import Snapshot

        self.build()
        snapshot, mounts, wrappings = Snapshot(self), list(self._mounts), list(self._wrappings)
        self._is_reopened = True
        try:
            yield
            self._templates.hand_over(self.extensions.get("templates"))
            self._frozen = self._compile()
        except BaseException:
            snapshot.restore()
            self._mounts[:] = mounts
            self._wrappings[:] = wrappings
            raise
        finally:
            self._is_reopened = False

    @contextmanager
    def override(self, type_: object, factory: Callable[..., object]) -> Iterator[None]:
        """Make values of `type_` with another factory for the block; for tests.

        Args:
            type_: what parameters are annotated with, or the function in their ``Depends(…)``.
            factory: as for `provide`; its values live as long as those it replaces.

        Raises:
            BuildError: the factory cannot be bound.
            ConfigurationError: the application runs, the value lives as long as it, and cannot be made now.
        """
        from costrel.app.rebuilding import app_values

        self.build()
        before = self._frozen, self._overrides
        self._overrides = {**self._overrides, type_: factory}
        try:
            self._frozen = self._compile()
            with app_values(self._running, self._frozen.providers):
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

    def describe(self) -> dict[str, object]:
        """Return the whole application as values that JSON knows: routes, layers, providers, hooks, extensions, mounts.

        It shows names and places, never settings or values.
        """
        from costrel.app.description import describe

        return describe(self)

    def blueprint_folders(self, attribute: str) -> list[tuple[str, Path]]:
        """Return the URL prefix and the folder of each blueprint that has one; for extensions."""
        from costrel.app.scopes import iter_scopes

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
