"""Putting an application together: what an app records beyond routes, and the build that ends it.

`Assembly` is the half of `App` that is used before the first request: extensions, mounts, hosts, converters,
responders, listeners, start and stop. The other half, what a request goes through, is `application`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from costrel.app.blueprint import Blueprint, Group
from costrel.app.events import EventHub, Listener
from costrel.app.extensions import ExtensionRegistry
from costrel.app.lifecycle import Lifecycle
from costrel.app.registration import AnyLayer, caller_where, not_open, where_of
from costrel.app.template_names import TemplateKind, TemplateNames
from costrel.errors import BuildError, ConfigurationError, Mistake

if TYPE_CHECKING:
    from costrel.app.foreign import ForeignMount
    from costrel.app.frozen import FrozenApp
    from costrel.app.mounting import Mount, MountableApp
    from costrel.execution import LoopState
    from costrel.handling import EndpointInfo, Provider
    from costrel.messages import (
        AppSettings,
        BindableLayer,
        Dispatch,
        Extension,
        Layer,
        Request,
        Responder,
        Response,
        TextAs,
    )
    from costrel.mounts import ASGIWrapping
    from costrel.routing import Converter

__all__ = ["Assembly"]

_DISPATCH_EVENTS = ("request_started", "request_matched", "response_ready")

C = TypeVar("C", bound="type[Converter]")
F = TypeVar("F", bound=Callable[..., object])
P = ParamSpec("P")


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
        from costrel.routing import BUILTIN_CONVERTERS

        super().__init__(use=use, text_as=text_as, trailing_slash=None)
        self.name = name
        self.root_folder = root_folder
        self.settings = settings
        self.events: EventHub = EventHub()
        self.events.changed = self._settle_listeners
        self._extensions = ExtensionRegistry(extensions)
        self._extension_layers: list[AnyLayer] = []
        self._mounts: list[Mount] = []
        self._wrappings: list[ASGIWrapping] = []
        self._outermost: Dispatch | None = None
        self._converters: dict[str, type[Converter]] = dict(BUILTIN_CONVERTERS)
        self._responders: dict[type, Responder] = {}
        self._body_parsers: dict[str, Callable[[bytes], object]] = {}
        self._overrides: dict[object, Callable[..., object]] = {}
        self._own_providers: list[Provider] = []
        self._lifecycle = Lifecycle()
        self._running: list[LoopState] = []
        self._templates = TemplateNames()
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

    def wrap_asgi(
        self, middleware: Callable[Concatenate[Any, P], object], /, *args: P.args, **options: P.kwargs
    ) -> None:
        """Put pure ASGI middleware of others around everything, for HTTP and WebSocket, on every transport.

        It stands outside all layers, those of extensions too, and outside the match: a path that it writes into the
        scope is the one that is matched. The last call is the outermost. It is made once, by the build. What it
        changes in the scope, the request has; what else it puts there, a user or a session, handlers find in
        ``request.state.asgi_scope``. An exception that became a 500 is raised into it when that response was sent, so
        that it can be reported. Cookies of our sessions are added outside of it.

        It sees requests and handshakes, no lifespan: start and stop are the application's.

        Args:
            middleware: its class, or what else makes it of an ASGI application.
            args: further arguments for it.
            options: further arguments by name.

        Raises:
            ConfigurationError: the application was built. What cannot be made is reported by the build
                (COS-MOUNT-009).
        """
        from costrel.app.wrapping import make_wrapping

        self.check_open("wrap_asgi")
        self._wrappings.append(make_wrapping(middleware, args, options, caller_where()))

    def mount(
        self,
        path: str,
        application: MountableApp | Callable[..., object] | ForeignMount,
        /,
        *,
        name: str | None = None,
        host: str | None = None,
        fallback: bool = False,
        mode: Literal["trampoline", "task"] | None = None,
        threads: int | None = None,
        lifespan: bool = True,
    ) -> None:
        """Answer everything under `path` with another application, whose lifespan joins this one's.

        It may be an `App`, or an ASGI 3 or WSGI application of any framework, as it is. Layers stand around it as
        around a route; hooks and error handlers of this application do not, but what an application of another
        framework raises becomes a response here. A route of this application that matches comes first.

        **A fallback** answers what nothing else answers, so that routes move over one by one:

        - a path that no route and no other mount matches, and a method that no route of the path has;
        - not ``OPTIONS`` of a path that has a route here: that answer stays automatic. ``HEAD`` follows ``GET``;
        - not what a handler here has answered with a 404, and not what it passed on with `Pass`;
        - a path where a route here would only redirect to the other spelling of its final slash.

        Args:
            path: a prefix, without parameters; ``/`` is everything.
            application: an `App`, a callable of ASGI 3 or WSGI, or an `ASGIMount` or `WSGIMount` where it cannot be
                told from its parameters which of the two it is.
            name: before the names of its routes in `url_for`, and in reports; no dot in it. The last part of `path`
                unless given, and for ``/`` the name of the `App`, the function or the class.
            host: answer only for this host, which may have parameters: ``{tenant}.example.com``. All of the host is
                the mount's then: routes of this application that have no host come after it, unless it is a fallback.
            fallback: whether it answers what nothing else does; one for each host.
            mode: how an ASGI application is driven: ``trampoline``, in the request's own task, unless given, or
                ``task``, in a task of its own.
            threads: how many threads a WSGI application may occupy; as many as there are unless given.
            lifespan: whether an ASGI application is started and stopped with this one.

        Raises:
            ConfigurationError: it cannot be told what it is (COS-MOUNT-001), an option is not for it (COS-MOUNT-002),
                it contains this application, or this application was built.
            ValueError: a name with a dot.
        """
        self.check_open("mount")
        where = caller_where()
        if isinstance(application, Assembly) and (application is self or application.mounts_within(self)):
            raise ConfigurationError(
                Mistake(
                    "COS-APP-039",
                    f"`{application.name}` cannot be mounted at `{path}`, because it would contain itself.",
                    where=where,
                    why="A request would go round for ever.",
                    fix="Make a second `App`, or register a blueprint with both.",
                )
            )
        from costrel.app.mounting import make_mount

        inner = application if isinstance(application, Assembly) else None
        mount = make_mount(
            path,
            application,
            inner,
            name=name,
            host=host,
            is_fallback=fallback,
            mode=mode,
            threads=threads,
            joins_lifespan=lifespan,
            where=where,
        )
        self._mounts.append(mount)

    def mounts_within(self, other: Assembly) -> bool:
        """Whether another application is mounted in this one, at any depth."""
        inner = [mount.app for mount in self._mounts if isinstance(mount.app, Assembly)]
        return any(app is other or app.mounts_within(other) for app in inner)

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

    def template_filter(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a filter of templates: ``{{ price|money }}``."""
        return self._template_name("template_filter", "filter", name)

    def template_test(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a test of templates: ``{% if number is prime %}``."""
        return self._template_name("template_test", "test", name)

    def template_global(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a global of templates: ``{{ today() }}``."""
        return self._template_name("template_global", "global_", name)

    def _template_name(self, verb: str, kind: TemplateKind, name: str | None) -> Callable[[F], F]:
        def register(function: F) -> F:
            self.check_open(verb)
            self._templates.add(kind, name or str(getattr(function, "__name__", "")), function, where_of(function))
            return function

        return register

    def describe(self) -> dict[str, object]:
        """Return the whole application as values that JSON knows: routes, layers, providers, hooks, extensions, mounts.

        It shows names and places, never settings or values.
        """
        from costrel.app.description import describe

        return describe(self)

    @property
    def middleware_names(self) -> list[str]:
        """What `wrap_asgi` has put around the application, outermost first."""
        return [wrapping.name for wrapping in reversed(self._wrappings)]

    @property
    def lifecycle_names(self) -> list[str]:
        """What is entered at start and left at stop, in the order of start."""
        return self._lifecycle.names

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
