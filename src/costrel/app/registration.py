"""The verbs of registration, written once and shared by `App` and `Blueprint`.

A registration only records: what is wrong with it is found by `App.build()`, which reports everything together, each
with the file and line that stand here. After the build, registering raises.

The rooms below are imported by the functions that need them, here and in the other modules that `App` consists of. So
``from costrel import App`` is quick, and whoever makes an `App` has everything imported before its first request.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, Unpack, runtime_checkable

from costrel.errors import ConfigurationError, Mistake

if TYPE_CHECKING:
    from costrel.app.job_definition import JobDefinition
    from costrel.handling import HookSpec, Provider
    from costrel.messages import BindableLayer, Layer, RouteOptions, TextAs, TrailingSlash

__all__ = ["AnyLayer", "ErrorHandler", "Registrar", "RouteDefinition", "caller_where", "not_open", "where_of"]

H = TypeVar("H", bound=Callable[..., object])
U = TypeVar("U", bound=Callable[[str, dict[str, Any]], None])
P = TypeVar("P", bound=Callable[[], Mapping[str, object]])
AnyLayer: TypeAlias = "Layer | BindableLayer"
Lifetime = Literal["handler", "response", "app"]
_HERE = f"{Path(__file__).parent}{os.sep}"


@dataclass(frozen=True, slots=True)
class RouteDefinition:
    """One registration of a handler, as it was written."""

    path: str
    methods: frozenset[str]
    handler: Callable[..., object]
    options: RouteOptions
    where: str
    redirect_to: str | None = None

    @property
    def name(self) -> str:
        """The name without that of the blueprint."""
        return self.options.get("name") or str(getattr(self.handler, "__name__", type(self.handler).__name__))

    @property
    def all_methods(self) -> frozenset[str]:
        """The methods with those that are answered without being registered."""
        if "WEBSOCKET" in self.methods:
            return self.methods
        return _one_of(self.methods | ({"HEAD", "OPTIONS"} if "GET" in self.methods else {"OPTIONS"}))


@runtime_checkable
class ResourceLike(Protocol):
    """What `add_resource` takes: an instance or class of `Resource`."""

    def handlers(self) -> Mapping[str, Callable[..., object]]:
        """Return the bound method for each HTTP method."""
        ...


@functools.lru_cache(maxsize=64)
def _one_of(methods: frozenset[str]) -> frozenset[str]:
    """Return one set for all routes with the same methods."""
    return methods


def where_of(function: object) -> str:
    """Return ``path/to/file.py:41`` for a function or class, relative to the working directory where it can be."""
    target = inspect.unwrap(function) if callable(function) else function
    code = getattr(target, "__code__", None)
    if code is None and inspect.isclass(target):
        module = sys.modules.get(target.__module__)
        return f"{getattr(module, '__file__', target.__module__)}: class {target.__name__}"
    if code is None and callable(target):
        code = getattr(type(target).__call__, "__code__", None)
    if code is None:
        return repr(function)
    return f"{_relative(code.co_filename)}:{code.co_firstlineno}"


def caller_where() -> str:
    """Return the file and line of the nearest caller outside this room."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{_relative(frame.f_code.co_filename)}:{frame.f_lineno}"


def _relative(file_name: str) -> str:
    try:
        return str(Path(file_name).relative_to(Path.cwd()))
    except ValueError:
        return file_name


@dataclass(slots=True)
class ErrorHandler:
    """A function for a status or an exception class."""

    key: int | type[Exception]
    function: Callable[..., object]
    where: str


@dataclass(slots=True)
class Recorded:
    """Everything that was registered on one app or blueprint."""

    routes: list[RouteDefinition] = field(default_factory=list)
    before: list[HookSpec] = field(default_factory=list)
    after: list[HookSpec] = field(default_factory=list)
    teardown: list[HookSpec] = field(default_factory=list)
    error_handlers: list[ErrorHandler] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    url_value_preprocessors: list[Callable[[str, dict[str, Any]], None]] = field(default_factory=list)
    url_defaults: list[Callable[[str, dict[str, Any]], None]] = field(default_factory=list)
    context_processors: list[Callable[[], Mapping[str, object]]] = field(default_factory=list)
    jobs: list[JobDefinition] = field(default_factory=list)


class Registrar:
    """The verbs: routes, hooks, error handlers, providers. `App` and `Blueprint` inherit them."""

    def __init__(
        self, *, use: Sequence[AnyLayer], text_as: TextAs | None, trailing_slash: TrailingSlash | None
    ) -> None:
        self.recorded: Recorded = Recorded()
        self.layers: list[AnyLayer] = list(use)
        self.text_as: TextAs | None = text_as
        self.trailing_slash: TrailingSlash | None = trailing_slash

    def check_open(self, verb: str) -> None:
        """Raise when nothing can be registered any more.

        Raises:
            ConfigurationError: the application was built.
        """

    def route(
        self, path: str, /, *, methods: Iterable[str] = ("GET",), **options: Unpack[RouteOptions]
    ) -> Callable[[H], H]:
        """Register the decorated handler for `path` and `methods`.

        Args:
            path: a pattern, ``/users/{id}``, ``/users/{id:int}`` or Flask's ``/users/<int:id>``.
            methods: HTTP methods, any case; HEAD follows GET and OPTIONS is automatic.
            options: see `RouteOptions`.
        """

        def register(handler: H) -> H:
            self.add_route(path, handler, methods=methods, **options)
            return handler

        return register

    def add_route(
        self,
        path: str,
        handler: Callable[..., object],
        /,
        *,
        methods: Iterable[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> None:
        """Register `handler`; the same as the decorators, without decorating.

        Raises:
            TypeError: an option that does not exist.
            ConfigurationError: the application was built.
        """
        from costrel.messages import RouteOptions, refuse_options

        self.check_open("add_route")
        unknown = set(options) - RouteOptions.__optional_keys__
        if unknown:
            raise refuse_options("a route", unknown, RouteOptions.__optional_keys__)
        given = (methods,) if isinstance(methods, str) else methods
        upper = _one_of(frozenset(method.upper() for method in given))
        self.recorded.routes.append(RouteDefinition(path, upper, handler, options, where_of(handler)))

    def get(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for GET, and with it for HEAD."""
        return self._verb("GET", path, options)

    def post(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for POST."""
        return self._verb("POST", path, options)

    def put(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for PUT."""
        return self._verb("PUT", path, options)

    def patch(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for PATCH."""
        return self._verb("PATCH", path, options)

    def delete(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for DELETE."""
        return self._verb("DELETE", path, options)

    def head(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for HEAD alone; it need not make a body."""
        return self._verb("HEAD", path, options)

    def options(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for OPTIONS, in place of the automatic answer."""
        return self._verb("OPTIONS", path, options)

    def query(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated handler for QUERY: safe and idempotent as GET, with a body as POST."""
        return self._verb("QUERY", path, options)

    def websocket(self, path: str, /, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Register the decorated ``async def`` handler for WebSocket connections."""
        return self._verb("WEBSOCKET", path, options)

    def _verb(self, method: str, path: str, options: RouteOptions) -> Callable[[H], H]:
        if "methods" in options:
            raise TypeError(f'this registers {method} alone; for several methods write route("{path}", methods=[…])')

        def register(handler: H) -> H:
            self.add_route(path, handler, methods=(method,), **options)
            return handler

        return register

    def add_redirect(self, path: str, to: str, /, **options: Unpack[RouteOptions]) -> None:
        """Answer `path` with 308 to the pattern `to`, filled with the same parameters; the query string is kept.

        Args:
            path: the old pattern.
            to: the new one; every parameter it has must be in `path`.
            options: see `RouteOptions`; ``status_code`` may be 301, 302, 303, 307 or 308.
        """
        self.check_open("add_redirect")
        where = caller_where()
        definition = RouteDefinition(path, frozenset({"GET"}), _redirect_handler, options, where, redirect_to=to)
        self.recorded.routes.append(definition)

    def add_resource(self, path: str, resource: ResourceLike | type, /, **options: Unpack[RouteOptions]) -> None:
        """Register each method of a `Resource` under `path`: ``def get``, ``def post`` …

        Args:
            path: a pattern.
            resource: an instance, or a class that is made once without arguments.
            options: for all of its methods; the name is the class's in snake case unless given.

        Raises:
            ConfigurationError: it is none, or has no method that answers anything.
        """
        instance: Any = resource() if inspect.isclass(resource) else resource
        handlers = instance.handlers() if isinstance(instance, ResourceLike) else {}
        if not handlers:
            raise ConfigurationError(_not_a_resource(path, instance, caller_where()))
        name = options.get("name") or _snake(type(instance).__name__)
        for method, handler in handlers.items():
            named: RouteOptions = {**options, "name": name}
            self.add_route(path, handler, methods=(method,), **named)

    def before_request(self, function: H) -> H:
        """Run `function` before each handler here; a return value other than `None` answers the request."""
        self.check_open("before_request")
        self.recorded.before.append(_hook(function))
        return function

    def after_request(self, function: H) -> H:
        """Run `function` with the response of each handler here; it returns that response or another."""
        self.check_open("after_request")
        self.recorded.after.append(_hook(function))
        return function

    def teardown_request(self, function: H) -> H:
        """Run `function` when the exchange is over, whatever happened; it gets the exception or `None`."""
        self.check_open("teardown_request")
        self.recorded.teardown.append(_hook(function))
        return function

    def errorhandler(self, key: int | type[Exception], /) -> Callable[[H], H]:
        """Answer a status or an exception class, and what derives from it, with the decorated function.

        The most specific class wins, the blueprint before the app. A plain return value keeps the error's status.
        """

        def register(function: H) -> H:
            self.check_open("errorhandler")
            self.recorded.error_handlers.append(ErrorHandler(key, function, where_of(function)))
            return function

        return register

    def provide(
        self,
        type_: object,
        factory: Callable[..., object],
        *,
        lifetime: Lifetime | None = None,
        inline: bool = False,
    ) -> None:
        """Make values of `type_` with `factory` for every handler parameter that asks for the type.

        Args:
            type_: what parameters are annotated with.
            factory: a function, a class, or a generator function that yields once; its own parameters are bound
                like a handler's.
            lifetime: when what it yields is left: ``handler`` (before anything is sent; the default on HTTP),
                ``response`` (after the last byte; the default on WebSockets) or ``app`` (at stop).
            inline: whether a ``def`` factory is so quick that it may run on the event loop.
        """
        from costrel.handling import Provider

        self.check_open("provide")
        self.recorded.providers.append(Provider(type_, factory, lifetime=lifetime, inline=inline))

    def url_value_preprocessor(self, function: U) -> U:
        """Call `function` with the route's name and path parameters before the hooks; it may take parameters out."""
        self.check_open("url_value_preprocessor")
        self.recorded.url_value_preprocessors.append(function)
        return function

    def url_defaults(self, function: U) -> U:
        """Call `function` with the name and values of each `url_for` here; it may add values."""
        self.check_open("url_defaults")
        self.recorded.url_defaults.append(function)
        return function

    def context_processor(self, function: P) -> P:
        """Add what `function` returns to the context of every template rendered here."""
        self.check_open("context_processor")
        self.recorded.context_processors.append(function)
        return function


def _hook(function: Callable[..., object]) -> HookSpec:
    from costrel.handling import HookSpec

    return HookSpec(function, where_of(function))


def _redirect_handler() -> None:
    """Stand for the handler that the build makes of a redirect."""


def _snake(name: str) -> str:
    """Turn ``OrderItems`` into ``order_items``."""
    return "".join(f"_{char.lower()}" if char.isupper() and index else char.lower() for index, char in enumerate(name))


def _not_a_resource(path: str, instance: object, where: str) -> Mistake:
    return Mistake(
        "COS-APP-035",
        f"`{type(instance).__name__}` at `{path}` answers no method.",
        where=where,
        why="A resource is a subclass of `Resource` with methods named `get`, `post`, `put` and so on, in lower case.",
        fix="class Users(Resource):\n    def get(self, id: int): …",
    )


def not_open(verb: str, where: str) -> ConfigurationError:
    """Make the error for a registration that comes too late."""
    return ConfigurationError(
        Mistake(
            "COS-APP-001",
            f"`{verb}` was called after the application had been built.",
            where=where,
            why="Routes, hooks and providers are compiled once, at start-up; nothing is looked up while requests run.",
            fix=(
                "Register it while the modules are imported or in the factory that makes the app,\n"
                "or say that you mean it:  with app.reopen(): …"
            ),
        )
    )
