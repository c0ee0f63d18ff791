"""From the name of a route to its URL, correct under every prefix.

A name is looked up in the innermost application first, then in those around it; the routes of a mounted application
have the mount's name before theirs. A name that begins with a dot is relative to the blueprint of the current request.
"""

from __future__ import annotations

from typing import Any, Protocol

from costrel.app.frozen import FrozenApp
from costrel.app.mounting import MountedApp
from costrel.errors import Mistake, ProgrammerError
from costrel.http import URL, encode_component, encode_path, format_query
from costrel.messages import AppSettings, Request, explain_foreign_option

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
    owner, prefix, name = _find_owner(app, request, name)
    frozen = owner.frozen
    scope = frozen.scopes.get(name)
    given = set(values)
    if scope is not None:
        for function in scope.url_defaults():
            function(name, values)
    built = frozen.names.build(name, values, () if scope is not None else _names_in_mounts(owner))
    query = {key: value for key, value in built.leftover.items() if key in given}
    for key in query:
        explained = explain_foreign_option("url_for", key)
        if explained is not None:
            raise TypeError(f"{explained}, and other keywords become the query string")
    text = f"{encode_path(prefix)}{built.path}" + (f"?{format_query(query)}" if query else "")
    if anchor is not None:
        text += f"#{encode_component(anchor)}"
    is_here = built.host is None or (request is not None and built.host == request.host)
    if not external and scheme is None and is_here:
        return f"{encode_path(request.root_path) if request is not None else ''}{text}"
    return _external(app, request, text, built.host, scheme)


def _find_owner(app: Any, request: Request | None, name: str) -> tuple[Any, str, str]:
    """Return the application that knows a name, its prefix below the outermost one, and the name within it."""
    mount = request.mount if request is not None else None
    while isinstance(mount, MountedApp) and mount.app is not app:
        mount = mount.parent
    candidate, prefix = app, mount.prefix if mount is not None else ""
    here = candidate, prefix, name
    while True:
        found = _within(candidate, name, prefix)
        if found is not None:
            return found
        if not isinstance(mount, MountedApp):
            return here  # where the name is not found either, and the names that are near are known
        candidate, mount = mount.outer_app, mount.parent
        prefix = mount.prefix if mount is not None else ""


def _names_in_mounts(app: Any) -> list[str]:
    """Return the names of routes in mounted applications, as they are written here."""
    return [
        f"{name}.{inner}"
        for name, mount in app.frozen.mounts.items()
        for inner in (*mount.app.frozen.scopes, *_names_in_mounts(mount.app))
    ]


def _within(app: Any, name: str, prefix: str) -> tuple[Any, str, str] | None:
    """Look a name up in an application and, by their names, in those mounted in it."""
    frozen = app.frozen
    if name in frozen.scopes:
        return app, prefix, name
    head, _, rest = name.partition(".")
    mount = frozen.mounts.get(head)
    if mount is None or not rest:
        return None
    return _within(mount.app, rest, f"{prefix}{mount.path.rstrip('/')}")


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
