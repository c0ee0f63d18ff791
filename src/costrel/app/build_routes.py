"""The part of the build that makes an endpoint and an entry of the table out of each registered route."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from costrel.app.build_state import BuildState
from costrel.app.error_handlers import wrong_error_handlers
from costrel.app.frozen import RouteInfo, Target
from costrel.app.registration import RouteDefinition, where_of
from costrel.app.resource import Resource
from costrel.app.scopes import Scope
from costrel.errors import Mistake, NotFound
from costrel.handling import Endpoint, HookSpec, RouteSpec, compile_endpoint, path_annotations
from costrel.http import is_token
from costrel.messages import RedirectResponse, Request, Response
from costrel.routing import BUILTIN_CONVERTERS, HostPattern, Pattern, RouteEntry, converter_for_annotation

__all__ = ["add_scope", "redirect_handler"]

NO_META: Mapping[str, object] = MappingProxyType({})

_BUILTIN_CLASSES = frozenset(BUILTIN_CONVERTERS.values())


def add_scope(state: BuildState, scope: Scope) -> None:
    """Compile the routes that were registered on one app or blueprint."""
    state.mistakes.extend(wrong_error_handlers(scope.group.recorded.error_handlers))
    host = state.host_of(scope)
    for definition in scope.group.recorded.routes:
        _add_route(state, scope, definition, host)


def redirect_handler(target: Pattern, status_code: int) -> Callable[[Request], Response]:
    """Make the handler of a redirect in the table: same parameters, query string kept."""

    def redirect(request: Request) -> Response:
        try:
            path, _ = target.format(request.path_params)
        except ValueError as error:
            # The client's own values, `..` for one, make no path there.
            raise NotFound from error
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return RedirectResponse(f"{request.root_path}{request.mount_prefix}{path}{query}", status_code)

    return redirect


def _add_route(state: BuildState, scope: Scope, definition: RouteDefinition, host: HostPattern | None) -> None:
    mistake = _wrong_methods(definition) or _wrong_handler(definition)
    if mistake is not None:
        state.mistakes.append(mistake)
        return
    pattern = state.parse(scope.full_path(definition.path), definition.where)
    if pattern is None:
        return
    pattern = pattern.with_converters(_implied_converters(definition.handler, pattern))
    name = scope.full_name(definition.name)
    known = state.taken_names.setdefault(name, (definition.handler, definition.where))
    if (
        known[0] is not definition.handler
        and definition.redirect_to is None
        and not _same_resource(known[0], definition)
    ):
        state.mistakes.append(_name_taken(name, definition.where, known[1]))
        return
    options = definition.options
    route = RouteInfo(
        path=pattern.text,
        name=name,
        methods=definition.all_methods,
        blueprint=scope.name,
        meta=MappingProxyType(dict(options["meta"])) if "meta" in options else NO_META,
        handler=state.shared.line(_qualified(definition.handler)),
        layers=(*scope.layers(), *options.get("use", ())),
    )
    endpoint = _compile(state, scope, definition, pattern, route, host)
    if endpoint is not None:
        state.endpoints.append(endpoint)
        state.scopes[name] = scope
        state.names.append((name, pattern, host))
    # A route with a mistake stands in the table too, so that what clashes with it is in the same report.
    state.entries.append(
        RouteEntry(
            pattern=pattern,
            methods=definition.methods,
            target=Target(
                endpoint.dispatch if endpoint is not None else _not_compiled,
                route,
                options.get("fallthrough", False),
                endpoint,
            ),
            host=host,
            when=cast("Callable[[Any], bool] | None", options.get("when")),
            trailing_slash=options.get("trailing_slash", scope.trailing_slash(state.given.settings.trailing_slash)),
            name=name,
            where=definition.where,
        )
    )


async def _not_compiled(request: Request) -> Response:
    """Stand for an endpoint that has a mistake; the build raises before anybody can ask it."""
    raise AssertionError(request.path)


def _compile(
    state: BuildState,
    scope: Scope,
    definition: RouteDefinition,
    pattern: Pattern,
    route: RouteInfo,
    host: HostPattern | None,
) -> Endpoint | None:
    given, options = state.given, definition.options
    handler, is_redirect = definition.handler, definition.redirect_to is not None
    if definition.redirect_to is not None:
        target = state.parse(scope.full_path(definition.redirect_to), definition.where)
        if target is None:
            return None
        handler = redirect_handler(target, options.get("status_code", 308))
    layers = state.bind_layers([*scope.layers(), *options.get("use", ())], route, definition.where)
    spec = RouteSpec(
        handler=handler,
        path=pattern.text,
        methods=definition.methods,
        name=route.name,
        path_parameters=(*pattern.parameters, *(host.parameters if host is not None else ())),
        where=definition.where,
        custom_path_parameters=frozenset(
            name for name, converter in pattern.converters.items() if type(converter) not in _BUILTIN_CLASSES
        ),
        is_websocket="WEBSOCKET" in definition.methods,
        subprotocols=tuple(options.get("subprotocols", ())),
        origins=tuple(options.get("origins", ())),
        status_code=None if is_redirect else options.get("status_code"),
        media_type=options.get("media_type"),
        text_as=options.get("text_as", scope.text_as()),
        inline=options.get("inline", is_redirect),
        cancel_on_disconnect=options.get("cancel_on_disconnect", False),
        fallthrough=options.get("fallthrough", False),
        before=(*_preprocessing(scope, route.name), *scope.before(), *_hooks(options.get("before", ()))),
        after=(*reversed(_hooks(options.get("after", ()))), *scope.after()),
        teardown=(*reversed(_hooks(options.get("teardown", ()))), *scope.teardown()),
        layers=layers.functions,
        layer_sources=layers.sources,
        providers=state.providers_of(scope),
        convert=state.converter_of(scope).convert,
        responders=given.responders,
        body_parsers=given.body_parsers,
        on_fail=options.get("on_fail", {}),
        debug=given.settings.debug,
        settings=given.settings,
        meta=route.meta,
        shared=state.shared,
    )
    endpoint, mistakes = compile_endpoint(spec)
    state.mistakes.extend(mistakes)
    return endpoint


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


def _implied_converters(handler: Callable[..., object], pattern: Pattern) -> dict[str, str]:
    """Return the converters that the annotations of a handler imply for its path parameters."""
    if not pattern.parameters:
        return {}
    found = {}
    for name, annotation in path_annotations(handler, pattern.parameters).items():
        converter = converter_for_annotation(annotation)
        if converter is not None:
            found[name] = converter
    return found


def _same_resource(known: Callable[..., object], definition: RouteDefinition) -> bool:
    """Whether two handlers are methods of one object and so share a name on purpose."""
    owner = getattr(known, "__self__", None)
    return owner is not None and owner is getattr(definition.handler, "__self__", None)


def _qualified(handler: Callable[..., object]) -> str:
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return f"{getattr(handler, '__module__', '')}.{name}"


def _wrong_methods(definition: RouteDefinition) -> Mistake | None:
    methods = sorted(definition.methods)
    wrong = [method for method in methods if not is_token(method.encode("utf-8", "replace"))]
    if methods and not wrong and not ("WEBSOCKET" in methods and len(methods) > 1):
        return None
    shown = ", ".join(map(repr, wrong or methods)) or "nothing"
    return Mistake(
        "COS-APP-033",
        f"The route `{definition.path}` has {shown} for its methods.",
        where=definition.where,
        why="Methods are names such as GET, at least one; a WebSocket has a route of its own.",
        fix='@app.route("/orders", methods=["GET", "POST"])',
    )


def _wrong_handler(definition: RouteDefinition) -> Mistake | None:
    handler = definition.handler
    if callable(handler) and not inspect.isclass(handler):
        return None
    shown = getattr(handler, "__name__", repr(handler))
    is_resource = inspect.isclass(handler) and issubclass(handler, Resource)
    return Mistake(
        "COS-APP-034",
        f"The handler of `{definition.path}` is {'the class ' if inspect.isclass(handler) else ''}`{shown}`.",
        where=definition.where,
        why="A handler is a function, a method, or an object that can be called.",
        fix=(
            f'Register each of its methods:  app.add_resource("{definition.path}", {shown})'
            if is_resource
            else "Write a function, or derive the class from `Resource` and register it with `add_resource`."
        ),
    )


def _name_taken(name: str, where: str, other: str) -> Mistake:
    return Mistake(
        "COS-APP-024",
        f"Two handlers have the name `{name}`.",
        where=f"{other} and {where}",
        why="`url_for` finds a route by its name.",
        fix=f'Name one of them:  @app.get(…, name="{name}_2")',
    )
