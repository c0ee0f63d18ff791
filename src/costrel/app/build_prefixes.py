"""The part of the build that answers whole prefixes: mounted applications, and what no route matches."""

from __future__ import annotations

from types import MappingProxyType

from costrel.app.build_state import BuildState
from costrel.app.frozen import RouteInfo, Target
from costrel.app.mounting import Mount, way_into
from costrel.app.preflight import answer_preflights
from costrel.app.scopes import Scope
from costrel.app.unmatched import answer_unmatched
from costrel.errors import Mistake
from costrel.handling import RouteSpec, compile_endpoint, compile_layers
from costrel.routing import HostPattern, Pattern, RouteEntry, RouteTable

__all__ = ["add_mount", "add_unmatched"]

ANY_METHOD = None
REST = "path(leading_slash=true)"
"""The converter for everything below a prefix, a path with empty segments included."""


def add_mount(state: BuildState, mount: Mount, root: Scope) -> None:
    """Lead everything under a path into another application, or what is left of it into a fallback."""
    prefix = mount.prefix
    patterns = _patterns(state, prefix, "mounted_path", mount.where)
    host = state.parse_host(mount.host, mount.where)
    if any(pattern.parameters not in ((), ("mounted_path",)) for pattern in patterns):
        state.mistakes.append(_path_with_parameters(mount))
        return
    route = RouteInfo(f"{prefix}/", mount.name, frozenset(), "", MappingProxyType({}), mount.name)
    layers = state.bind_layers(root.layers(), route, mount.where).functions
    convert = state.converter_of(root).convert
    target = Target(compile_layers(way_into(mount, state.given.app, convert), layers, convert), None)
    entries = [
        RouteEntry(pattern, ANY_METHOD, target, host=host, trailing_slash="strict", where=mount.where)
        for pattern in patterns
    ]
    if mount.is_fallback:
        state.mistakes.extend(_second_fallback(state, mount, host))
        state.fallbacks.extend(entries)
    else:
        state.entries.extend(entries)


def add_unmatched(state: BuildState, routes: RouteTable[Target]) -> None:
    """Compile the answer for what no route matches, one for the app and one for each blueprint's prefix."""
    seen: set[tuple[str, str | None]] = set()
    for scope in state.blueprints.values():
        if (scope.prefix, scope.host) in seen:
            continue
        seen.add((scope.prefix, scope.host))
        _add_unmatched_below(state, scope, routes)


def _add_unmatched_below(state: BuildState, scope: Scope, routes: RouteTable[Target]) -> None:
    given = state.given
    patterns = _patterns(state, scope.prefix, "unmatched_path", scope.where)
    host = state.host_of(scope)
    if not patterns or (scope.host is not None and host is None):
        return
    route = RouteInfo(scope.prefix or "/", "", frozenset(), scope.name, MappingProxyType({}), "-")
    layers = state.bind_layers(scope.layers(), route, scope.where)
    spec = RouteSpec(
        handler=answer_preflights(routes, answer_unmatched(routes, given.settings.debug)),
        path=scope.prefix or "/",
        methods=frozenset(),
        name="",
        path_parameters=(*patterns[0].parameters, *(host.parameters if host is not None else ())),
        where="",
        inline=True,
        reads_body=False,
        before=tuple(scope.before()),
        after=tuple(scope.after()),
        teardown=tuple(scope.teardown()),
        layers=layers.functions,
        layer_sources=layers.sources,
        providers=state.providers_of(scope),
        convert=state.converter_of(scope).convert,
        responders=given.responders,
        settings=given.settings,
        shared=state.shared,
    )
    endpoint, mistakes = compile_endpoint(spec)
    state.mistakes.extend(mistakes)
    if endpoint is None:
        return
    target = Target(endpoint.dispatch, None)
    state.elsewhere = state.elsewhere or target
    state.unmatched.extend(
        RouteEntry(pattern, ANY_METHOD, target, host=host, trailing_slash="strict", where=scope.where)
        for pattern in patterns
    )


def _patterns(state: BuildState, prefix: str, name: str, where: str) -> list[Pattern]:
    """Return the patterns that match a prefix itself and everything below it."""
    texts = [prefix] if prefix else []
    texts += [f"{prefix}/", f"{prefix}/{{{name}:{REST}}}"]
    parsed = []
    for text in texts:
        pattern = state.parse(text, where)
        if pattern is None:
            return []
        parsed.append(pattern)
    return parsed


def _second_fallback(state: BuildState, mount: Mount, host: HostPattern | None) -> list[Mistake]:
    """Return the mistake of a fallback for hosts that have one already."""
    labels = host.labels if host is not None else None
    known = state.fallback_hosts.setdefault(labels, mount)
    if known is mount:
        return []
    hosts = f"the host `{mount.host}`" if mount.host is not None else "every host"
    return [
        Mistake(
            "COS-MOUNT-003",
            f"`{known.name}` and `{mount.name}` are both the fallback for {hosts}.",
            where=f"{known.where} and {mount.where}",
            why="A fallback answers what nothing else answers, so the second would never be asked.",
            fix=f'Mount one of them under a prefix of its own:  app.mount("/{mount.name}", …)',
        )
    ]


def _path_with_parameters(mount: Mount) -> Mistake:
    return Mistake(
        "COS-APP-037",
        f"The path `{mount.path}` of a mount has a parameter.",
        where=mount.where,
        why="A mounted application is found under one fixed prefix, which is taken away before its routes are asked.",
        fix="Mount it under a fixed path, or make it a blueprint:  app.register(blueprint, prefix=…)",
    )
