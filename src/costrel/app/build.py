"""The build: everything that was registered becomes tables and compiled endpoints, or one list of all mistakes.

It runs once, at start-up. Blueprints are flattened, patterns parsed, layers bound to their routes, signatures
compiled; nothing is left for the first request to do.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

from costrel.app.conversion import ErrorConverter, wrong_keys
from costrel.app.frozen import FrozenApp, RouteInfo, Target
from costrel.app.mounting import Mount, enter_mount
from costrel.app.registration import AnyLayer, RouteDefinition, where_of
from costrel.app.scopes import Scope, iter_scopes
from costrel.app.unmatched import answer_unmatched
from costrel.errors import BuildError, ConfigurationError, Mistake
from costrel.handling import (
    Endpoint,
    HookSpec,
    Provider,
    ProviderTable,
    RouteSpec,
    compile_endpoint,
    compile_layers,
)
from costrel.messages import AppSettings, AppView, BindableLayer, Layer, RedirectResponse, Request, Response, RouteView
from costrel.routing import (
    Converter,
    HostPattern,
    NameIndex,
    Pattern,
    RouteEntry,
    build_table,
    converter_for_annotation,
    parse_host,
    parse_pattern,
)

__all__ = ["BuildInput", "build"]

ALL_METHODS = None
REST = "{unmatched_path:path(leading_slash=true)}"


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


@dataclass(slots=True)
class _Build:
    """One build under way."""

    given: BuildInput
    mistakes: list[Mistake] = field(default_factory=list)
    entries: list[RouteEntry[Target]] = field(default_factory=list)
    unmatched: list[RouteEntry[Target]] = field(default_factory=list)
    names: list[tuple[str, Pattern, HostPattern | None]] = field(default_factory=list)
    scopes: dict[str, Scope] = field(default_factory=dict)
    blueprints: dict[str, Scope] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    taken_names: dict[str, tuple[Callable[..., object], str]] = field(default_factory=dict)
    elsewhere: Target | None = None


def build(given: BuildInput) -> FrozenApp:
    """Build an application.

    Raises:
        BuildError: every mistake that was found.
    """
    state = _Build(given)
    root: Scope | None = None
    for scope in iter_scopes(given.group):
        root = root or scope
        if scope.name in state.blueprints:
            state.mistakes.append(_registered_twice(scope, state.blueprints[scope.name]))
            continue
        state.blueprints[scope.name] = scope
        _add_scope(state, scope)
    root = state.blueprints[""]
    for mount in given.mounts:
        _add_mount(state, mount, root)
    routes, table_mistakes = build_table(state.entries)
    state.mistakes.extend(table_mistakes)
    if any(getattr(entry.when, "vary", ()) for entry in routes.entries):
        routes, _ = build_table([_with_vary(entry, routes.vary_of(entry)) for entry in routes.entries])
    _add_unmatched(state, routes)
    unmatched, _ = build_table(state.unmatched)
    if state.mistakes:
        raise BuildError(state.mistakes)
    return FrozenApp(
        routes=routes,
        unmatched=unmatched,
        names=NameIndex(state.names),
        scopes=MappingProxyType(state.scopes),
        blueprints=MappingProxyType(state.blueprints),
        endpoints=tuple(endpoint.info for endpoint in state.endpoints),
        compiled=tuple(state.endpoints),
        mounts=MappingProxyType({mount.name: mount for mount in given.mounts}),
        providers=_provider_table(given, root),
        converter=_converter(given, root),
        elsewhere=state.elsewhere,
    )


def _provider_table(given: BuildInput, scope: Scope) -> ProviderTable:
    table = ProviderTable([*given.own_providers, *scope.providers()])
    return table.with_overrides(given.overrides) if given.overrides else table


def _converter(given: BuildInput, scope: Scope) -> ErrorConverter:
    return ErrorConverter(scope.error_handlers(), given.responders, given.app.emit)


def _add_scope(state: _Build, scope: Scope) -> None:
    """Compile the routes that were registered on one app or blueprint."""
    state.mistakes.extend(wrong_keys(scope.group.recorded.error_handlers))
    host = _host(state, scope)
    for definition in scope.group.recorded.routes:
        _add_route(state, scope, definition, host)


def _host(state: _Build, scope: Scope) -> HostPattern | None:
    if scope.host is None:
        return None
    try:
        return parse_host(scope.host, where=scope.where)
    except ConfigurationError as error:
        state.mistakes.append(error.mistake)
        return None


def _parse(state: _Build, text: str, where: str) -> Pattern | None:
    try:
        return parse_pattern(text, state.given.converters, where=where)
    except ConfigurationError as error:
        state.mistakes.append(error.mistake)
        return None


def _add_route(state: _Build, scope: Scope, definition: RouteDefinition, host: HostPattern | None) -> None:
    pattern = _parse(state, scope.full_path(definition.path), definition.where)
    if pattern is None:
        return
    pattern = pattern.with_converters(_implied_converters(definition.handler))
    name = scope.full_name(definition.name)
    known = state.taken_names.setdefault(name, (definition.handler, definition.where))
    if (
        known[0] is not definition.handler
        and definition.redirect_to is None
        and not _same_resource(known[0], definition)
    ):
        state.mistakes.append(_name_taken(name, definition.where, known[1]))
        return
    endpoint = _compile(state, scope, definition, pattern, name, host)
    if endpoint is None:
        return
    options = definition.options
    info = RouteInfo(
        path=pattern.text,
        name=name,
        methods=definition.methods,
        blueprint=scope.name,
        meta=MappingProxyType(dict(options.get("meta", {}))),
        handler=_qualified(definition.handler),
    )
    state.endpoints.append(endpoint)
    state.scopes[name] = scope
    state.names.append((name, pattern, host))
    state.entries.append(
        RouteEntry(
            pattern=pattern,
            methods=definition.methods,
            target=Target(endpoint.dispatch, info, options.get("fallthrough", False), endpoint),
            host=host,
            when=cast("Callable[[Any], bool] | None", options.get("when")),
            trailing_slash=options.get("trailing_slash", scope.trailing_slash(state.given.settings.trailing_slash)),
            name=name,
            where=definition.where,
        )
    )


def _compile(
    state: _Build,
    scope: Scope,
    definition: RouteDefinition,
    pattern: Pattern,
    name: str,
    host: HostPattern | None,
) -> Endpoint | None:
    given, options = state.given, definition.options
    converter = _converter(given, scope)
    handler, is_redirect = definition.handler, definition.redirect_to is not None
    if definition.redirect_to is not None:
        target = _parse(state, scope.full_path(definition.redirect_to), definition.where)
        if target is None:
            return None
        handler = redirect_handler(target, options.get("status_code", 308))
    route = RouteInfo(
        pattern.text, name, definition.methods, scope.name, options.get("meta", {}), _qualified(definition.handler)
    )
    layers = _bind_layers(state, [*given.extension_layers, *scope.layers(), *options.get("use", ())], route, definition)
    spec = RouteSpec(
        handler=handler,
        path=pattern.text,
        methods=definition.methods,
        name=name,
        path_parameters=(*pattern.parameters, *(host.parameters if host is not None else ())),
        where=definition.where,
        is_websocket="WEBSOCKET" in definition.methods,
        subprotocols=tuple(options.get("subprotocols", ())),
        status_code=None if is_redirect else options.get("status_code"),
        media_type=options.get("media_type"),
        text_as=options.get("text_as", scope.text_as()),
        inline=options.get("inline", is_redirect),
        cancel_on_disconnect=options.get("cancel_on_disconnect", False),
        fallthrough=options.get("fallthrough", False),
        before=(*_preprocessing(scope, name), *scope.before(), *_hooks(options.get("before", ()))),
        after=(*reversed(_hooks(options.get("after", ()))), *scope.after()),
        teardown=(*reversed(_hooks(options.get("teardown", ()))), *scope.teardown()),
        layers=tuple(layers),
        providers=_provider_table(given, scope),
        convert=converter.convert,
        responders=given.responders,
        body_parsers=given.body_parsers,
        on_fail=options.get("on_fail", {}),
        debug=given.settings.debug,
        settings=given.settings,
        meta=options.get("meta", {}),
    )
    endpoint, mistakes = compile_endpoint(spec)
    state.mistakes.extend(mistakes)
    return endpoint


def _with_vary(entry: RouteEntry[Target], field_names: tuple[str, ...]) -> RouteEntry[Target]:
    """Add the header fields that chose between routes to ``Vary``, so that caches keep the answers apart."""
    if not field_names:
        return entry
    inner = entry.target.dispatch

    async def dispatch(request: Request) -> Response:
        response = await inner(request)
        response.vary(*field_names)
        return response

    return replace(entry, target=replace(entry.target, dispatch=dispatch))


def _hooks(functions: Sequence[Callable[..., object]]) -> list[HookSpec]:
    return [HookSpec(function, where_of(function)) for function in functions]


def _preprocessing(scope: Scope, name: str) -> list[HookSpec]:
    """Make one inline hook of the URL value preprocessors, if there are any."""
    functions = scope.url_value_preprocessors()
    if not functions:
        return []

    async def preprocess(request: Request) -> None:
        for function in functions:
            function(name, request.path_params)

    return [HookSpec(preprocess, scope.where)]


def _bind_layers(
    state: _Build, layers: Sequence[object], route: RouteView, definition: RouteDefinition
) -> list[Layer]:
    """Specialise the layers for a route; those that do not concern it are left out."""
    bound: list[Layer] = []
    for layer in layers:
        if isinstance(layer, BindableLayer):
            try:
                chosen = layer.bind(route)
            except ConfigurationError as error:
                state.mistakes.append(error.mistake)
                continue
            if chosen is not None:
                bound.append(chosen)
        elif callable(layer):
            bound.append(cast("Layer", layer))
        else:
            state.mistakes.append(_not_a_layer(layer, definition.where))
    return bound


def _add_mount(state: _Build, mount: Mount, root: Scope) -> None:
    """Lead everything under a path into another application."""
    prefix = mount.path.rstrip("/")
    route = RouteInfo(f"{prefix}/", mount.name, frozenset(), "", MappingProxyType({}), mount.name)
    definition = RouteDefinition(mount.path, frozenset(), enter_mount, {}, mount.where)
    layers = _bind_layers(state, [*state.given.extension_layers, *root.layers()], route, definition)

    def enter(request: Request) -> Awaitable[Response]:
        return enter_mount(mount, state.given.app, request)

    dispatch = compile_layers(enter, layers, _converter(state.given, root).convert)
    for text in ([prefix] if prefix else []) + [f"{prefix}/", f"{prefix}/{{mounted_path:path(leading_slash=true)}}"]:
        pattern = _parse(state, text, mount.where)
        if pattern is not None:
            entry = RouteEntry(
                pattern=pattern,
                methods=ALL_METHODS,
                target=Target(dispatch, None),
                trailing_slash="strict",
                name="",
                where=mount.where,
            )
            state.entries.append(entry)


def _add_unmatched(state: _Build, routes: object) -> None:
    """Compile the answer for what no route matches, one for the app and one for each blueprint's prefix."""
    given = state.given
    seen: set[tuple[str, str | None]] = set()
    for scope in state.blueprints.values():
        if (scope.prefix, scope.host) in seen or state.mistakes:
            continue
        seen.add((scope.prefix, scope.host))
        route = RouteInfo(scope.prefix or "/", "", frozenset(), scope.name, MappingProxyType({}), "-")
        definition = RouteDefinition(scope.prefix, frozenset(), answer_unmatched, {}, scope.where)
        spec = RouteSpec(
            handler=answer_unmatched(cast("Any", routes), given.settings.debug),
            path=scope.prefix or "/",
            methods=frozenset(),
            name="",
            path_parameters=(),
            where="",
            inline=True,
            reads_body=False,
            before=tuple(scope.before()),
            after=tuple(scope.after()),
            teardown=tuple(scope.teardown()),
            layers=tuple(_bind_layers(state, [*given.extension_layers, *scope.layers()], route, definition)),
            providers=_provider_table(given, scope),
            convert=_converter(given, scope).convert,
            responders=given.responders,
            debug=False,
            settings=given.settings,
        )
        endpoint, mistakes = compile_endpoint(spec)
        state.mistakes.extend(mistakes)
        if endpoint is None:
            continue
        target = Target(endpoint.dispatch, None)
        state.elsewhere = state.elsewhere or target
        for text in ([scope.prefix] if scope.prefix else []) + [f"{scope.prefix}/", f"{scope.prefix}/{REST}"]:
            pattern = _parse(state, text, scope.where)
            if pattern is not None:
                state.unmatched.append(
                    RouteEntry(
                        pattern=pattern,
                        methods=ALL_METHODS,
                        target=target,
                        host=_host(state, scope),
                        trailing_slash="strict",
                        where=scope.where,
                    )
                )


def redirect_handler(target: Pattern, status_code: int) -> Callable[[Request], Response]:
    """Make the handler of a redirect in the table: same parameters, query string kept."""

    def redirect(request: Request) -> Response:
        path, _ = target.format(request.path_params)
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return RedirectResponse(f"{request.root_path}{request.mount_prefix}{path}{query}", status_code)

    return redirect


def _implied_converters(handler: Callable[..., object]) -> dict[str, str]:
    """Return the converters that the annotations of a handler imply for its path parameters."""
    try:
        hints = inspect.get_annotations(inspect.unwrap(handler), eval_str=True)
    except (NameError, TypeError, SyntaxError):
        return {}  # the signature builder reports names that cannot be resolved
    implied = {name: converter_for_annotation(hint) for name, hint in hints.items()}
    return {name: converter for name, converter in implied.items() if converter is not None}


def _same_resource(known: Callable[..., object], definition: RouteDefinition) -> bool:
    """Whether two handlers are methods of one object and so share a name on purpose."""
    owner = getattr(known, "__self__", None)
    return owner is not None and owner is getattr(definition.handler, "__self__", None)


def _qualified(handler: Callable[..., object]) -> str:
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return f"{getattr(handler, '__module__', '')}.{name}"


def _registered_twice(scope: Scope, other: Scope) -> Mistake:
    return Mistake(
        "COS-APP-023",
        f"Two blueprints are registered under the name `{scope.name}`.",
        where=f"{other.where} and {scope.where}",
        why="Names of routes begin with the name of their blueprint, and a name leads to one route.",
        fix=f'Give one of them another name:  app.register(blueprint, prefix=…, name="{scope.name}2")',
    )


def _name_taken(name: str, where: str, other: str) -> Mistake:
    return Mistake(
        "COS-APP-024",
        f"Two handlers have the name `{name}`.",
        where=f"{other} and {where}",
        why="`url_for` finds a route by its name.",
        fix=f'Name one of them:  @app.get(…, name="{name}_2")',
    )


def _not_a_layer(layer: object, where: str) -> Mistake:
    return Mistake(
        "COS-APP-025",
        f"`use=` holds {layer!r}, which is not a layer.",
        where=where,
        why="A layer is `async def layer(request, call_next)`, or an object with `bind` and `describe`.",
        fix="If it is a class, make it first:  use=[CORS()]",
    )
