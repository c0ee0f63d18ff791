"""From the name of a route to its URL, correct under every prefix.

A name is looked up in the innermost application first, then in those around it; the routes of a mounted application
have the mount's name before theirs, and so have those of other frameworks, which build the rest themselves (see
`foreign_urls`). A name that begins with a dot is relative to the blueprint of the current request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from costrel.app.foreign_urls import build_foreign, foreign_names, has_foreign_name
from costrel.app.frozen import FrozenApp
from costrel.app.mounting import Mount, MountedApp
from costrel.errors import Mistake, ProgrammerError
from costrel.http import URL, encode_component, encode_path, format_query
from costrel.messages import AppSettings, Request, explain_foreign_option
from costrel.routing import NameIndex, ReversedPath, parse_host, parse_pattern

__all__ = ["NamingApp", "url_for"]


class NamingApp(Protocol):
    """An application whose routes can be named."""

    @property
    def settings(self) -> AppSettings:
        """Its settings; `base_url` and `allowed_hosts` are read."""
        ...

    @property
    def frozen(self) -> FrozenApp:
        """Its tables."""
        ...


def url_for(
    app: Any,  # a NamingApp; Protocols of mounted applications and of App would be mutually recursive
    request: Request | None,
    name: str,
    values: dict[str, Any],
    *,
    external: bool,
    anchor: str | None,
    scheme: str | None,
) -> str:
    """Build a URL; see `App.url_for`.

    Raises:
        ProgrammerError: no such route, a missing value, or an external URL with nothing to base it on.
        URLValueError: a value that cannot stand in its place.
        TypeError: an argument of Flask's that has another name here.
    """
    if request is not None and name.startswith("."):
        blueprint = request.blueprint
        name = f"{blueprint}{name}" if blueprint else name[1:]
    place = _find_place(app, request, name)
    mount_host, values = _host_of(place, request, values)
    built = _build(place, values)
    text = f"{encode_path(place.prefix)}{built.path}"
    if built.leftover:
        text += f"?{format_query(built.leftover)}"
    if anchor is not None:
        text += f"#{encode_component(anchor)}"
    host = built.host or mount_host
    is_here = host is None or (request is not None and host == request.host)
    if not external and scheme is None and is_here:
        return f"{encode_path(request.root_path) if request is not None else ''}{text}"
    return _external(app, request, text, host, scheme)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a name is known.

    Args:
        owner: the application, or the mount of one of another framework.
        prefix: below the outermost application.
        name: as the owner spells it.
        mount: the last mount on the way that is bound to a host, `None` without any.
    """

    owner: Any
    prefix: str
    name: str
    mount: Mount | None


def _build(place: _Place, values: dict[str, Any]) -> ReversedPath:
    """Build the path below the prefix; what is left over belongs into the query string."""
    owner, name = place.owner, place.name
    if isinstance(owner, Mount):
        _refuse_options_of_others(values)
        return ReversedPath(build_foreign(owner, name, values), None, {})
    frozen = owner.frozen
    scope = frozen.scopes.get(name)
    given = set(values)
    if scope is not None:
        for function in scope.url_defaults():
            function(name, values)
    built: ReversedPath = frozen.names.build(name, values, () if scope is not None else _names_in_mounts(owner))
    query = {key: value for key, value in built.leftover.items() if key in given}
    _refuse_options_of_others(query)
    return ReversedPath(built.path, built.host, query)


def _refuse_options_of_others(query: dict[str, Any]) -> None:
    for key in query:
        explained = explain_foreign_option("url_for", key)
        if explained is not None:
            raise TypeError(f"{explained}, and other keywords become the query string")


def _host_of(place: _Place, request: Request | None, values: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Build the host of a mount that has one; what is not given is that of the request, if that is one of its hosts."""
    mount = place.mount
    if mount is None or mount.host is None:
        return None, values
    host = parse_host(mount.host)
    known = (host.match(request.host) if request is not None else None) or {}
    name = f"{mount.name}.{place.name}"
    built = NameIndex([(name, parse_pattern("/"), host)]).build(name, {**known, **values})
    return built.host, built.leftover


def _find_place(app: Any, request: Request | None, name: str) -> _Place:
    """Find the application that knows a name: this one, what is mounted in it, then those around it."""
    mount = request.mount if request is not None else None
    while isinstance(mount, MountedApp) and mount.app is not app:
        mount = mount.parent
    candidate, prefix = app, mount.prefix if mount is not None else ""
    here = _Place(candidate, prefix, name, None)
    while True:
        found = _within(candidate, name, prefix, None)
        if found is not None:
            return found
        if not isinstance(mount, MountedApp):
            return here  # where the name is not found either, and the names that are near are known
        candidate, mount = mount.outer_app, mount.parent
        prefix = mount.prefix if mount is not None else ""


def _names_in_mounts(app: Any) -> Iterator[str]:
    """Yield the names of routes in mounted applications, as they are written here."""
    for name, mount in app.frozen.mounts.items():
        inner = foreign_names(mount) if mount.app is None else (*mount.app.frozen.scopes, *_names_in_mounts(mount.app))
        yield from (f"{name}.{known}" for known in inner)


def _within(app: Any, name: str, prefix: str, bound: Mount | None) -> _Place | None:
    """Look a name up in an application and, by their names, in those mounted in it."""
    frozen = app.frozen
    if name in frozen.scopes:
        return _Place(app, prefix, name, bound)
    head, _, rest = name.partition(".")
    mount = frozen.mounts.get(head)
    if mount is None or not rest:
        return None
    inner_prefix = f"{prefix}{mount.prefix}"
    inner_bound = mount if mount.host is not None else bound
    if mount.app is not None:
        return _within(mount.app, rest, inner_prefix, inner_bound)
    return _Place(mount, inner_prefix, rest, inner_bound) if has_foreign_name(mount, rest) else None


def _external(app: NamingApp, request: Request | None, text: str, host: str | None, scheme: str | None) -> str:
    """Put scheme and authority before a URL: from `base_url`, else from the request if its host is allowed."""
    base = app.settings.base_url
    if base is not None:
        origin = URL(base)
        root = origin.raw_path.rstrip("/") or (encode_path(request.root_path) if request is not None else "")
        return f"{scheme or origin.scheme}://{_with_port(host, origin.authority)}{root}{text}"
    if request is not None and request.method:
        allowed = app.settings.allowed_hosts
        authority = request.headers.get("host", "")
        if host is not None or (authority and (not allowed or request.host in allowed)):
            return f"{scheme or request.scheme}://{_with_port(host, authority)}{encode_path(request.root_path)}{text}"
    raise ProgrammerError(
        Mistake(
            "COS-APP-030",
            "An external URL was asked for, and it is not known under which address the application is reached.",
            why="Outside a request there is no host, and inside one a host that is not allowed must not be repeated.",
            fix='Set it:  export COSTREL_BASE_URL=https://shop.example/     or  AppSettings(base_url="…")',
        )
    )


def _with_port(host: str | None, authority: str) -> str:
    """Put a host in the place of the one in an authority, whose port stays."""
    if host is None:
        return authority
    _, colon, port = authority.rpartition(":")
    return f"{host}:{port}" if colon and port.isdigit() else host
