"""The build: everything that was registered becomes tables and compiled endpoints, or one list of all mistakes.

It runs once, at start-up. Blueprints are flattened, patterns parsed, layers bound to their routes, signatures
compiled; nothing is left for the first request to do. The routes are made in `build_routes`, mounts and what no route
matches in `build_prefixes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from costrel.app.build_prefixes import add_mount, add_unmatched
from costrel.app.build_routes import add_scope
from costrel.app.build_state import BuildInput, BuildState
from costrel.app.frozen import FrozenApp, RouteInfo, Target
from costrel.app.mounting import Mount
from costrel.app.scopes import Scope, iter_scopes
from costrel.app.wrapping import make_all
from costrel.errors import BuildError, Mistake
from costrel.handling import check_app_providers
from costrel.messages import Request, Response
from costrel.routing import NameIndex, RouteEntry, RouteTable, build_table

__all__ = ["BuildInput", "build"]


def build(given: BuildInput) -> FrozenApp:
    """Build an application.

    Raises:
        BuildError: every mistake that was found.
    """
    state = BuildState(given)
    for scope in iter_scopes(given.group):
        if scope.name in state.blueprints:
            state.mistakes.append(_registered_twice(scope, state.blueprints[scope.name]))
            continue
        state.blueprints[scope.name] = scope
        add_scope(state, scope)
        if scope.group.recorded.jobs:
            from costrel.app.build_jobs import add_jobs

            add_jobs(state, scope)
    root = state.blueprints[""]
    state.mistakes.extend(_mount_names_taken(given.mounts, state))
    for mount in given.mounts:
        add_mount(state, mount, root)
    routes, table_mistakes = build_table(state.entries)
    state.mistakes.extend(table_mistakes)
    routes = _varying(routes)
    if not state.mistakes:
        add_unmatched(state, routes)
    tables = [
        state.providers_of(scope)
        for scope in state.blueprints.values()
        if scope is root or scope.group.recorded.providers
    ]
    for table in tables:
        state.mistakes.extend(check_app_providers(table))
    unmatched, _ = build_table(state.unmatched)
    fallbacks = build_table(state.fallbacks)[0] if state.fallbacks else None
    state.mistakes.extend(make_all(given.wrappings))
    if state.mistakes:
        raise BuildError(list(dict.fromkeys(state.mistakes)))
    route = RouteInfo("/", "", frozenset(), "", MappingProxyType({}), "-")
    return FrozenApp(
        routes=routes,
        find=routes.find,
        unmatched=unmatched,
        fallbacks=fallbacks,
        names=NameIndex(state.names),
        scopes=MappingProxyType(state.scopes),
        blueprints=MappingProxyType(state.blueprints),
        endpoints=tuple(endpoint.info for endpoint in state.endpoints),
        compiled=tuple(state.endpoints),
        mounts=MappingProxyType({mount.name: mount for mount in given.mounts}),
        providers=tuple(tables),
        converter=state.converter_of(root),
        layers=state.bind_layers(root.layers(), route, "").functions,
        elsewhere=state.elsewhere,
        jobs=MappingProxyType(state.jobs),
    )


def _varying(routes: RouteTable[Target]) -> RouteTable[Target]:
    """Make the answers of routes that a header field chose between name it in ``Vary``."""
    if not any(getattr(entry.when, "vary", ()) for entry in routes.entries):
        return routes
    varying, _ = build_table([_with_vary(entry, routes.vary_of(entry)) for entry in routes.entries])
    return varying


def _with_vary(entry: RouteEntry[Target], field_names: tuple[str, ...]) -> RouteEntry[Target]:
    if not field_names:
        return entry
    inner = entry.target.dispatch

    async def dispatch(request: Request) -> Response:
        response = await inner(request)
        response.vary(*field_names)
        return response

    return replace(entry, target=replace(entry.target, dispatch=dispatch))


def _registered_twice(scope: Scope, other: Scope) -> Mistake:
    return Mistake(
        "COS-APP-023",
        f"Two blueprints are registered under the name `{scope.name}`.",
        where=f"{other.where} and {scope.where}",
        why="Names of routes begin with the name of their blueprint, and a name leads to one route.",
        fix=f'Give one of them another name:  app.register(blueprint, prefix=…, name="{scope.group_name}_2")',
    )


def _mount_names_taken(mounts: Sequence[Mount], state: BuildState) -> list[Mistake]:
    """Return a mistake for each name that two mounts have, or a mount and a blueprint."""
    counts = Counter(mount.name for mount in mounts)
    counts.update(name for name in state.blueprints if name in counts)
    return [
        Mistake(
            "COS-APP-038",
            f"The mount `{mount.path}` has the name `{mount.name}`, which is taken.",
            where=mount.where,
            why="Names of routes of a mounted application begin with the mount's name, and a name leads to one route.",
            fix=f'Give it another name:  app.mount("{mount.path}", …, name="{mount.name}_2")',
        )
        for mount in mounts
        if counts[mount.name] > 1
    ]
