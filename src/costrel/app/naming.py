"""From the name of a route to its URL, correct under every prefix.

A name is looked up in the innermost application first, then in those around it; the routes of a mounted application
have the mount's name before theirs. A name that begins with a dot is relative to the blueprint of the current request.
"""

from __future__ import annotations

from typing import Any, Protocol

from costrel.app.frozen import FrozenApp
from costrel.app.mounting import MountedApp
from costrel.errors import Mistake, ProgrammerError
from costrel.http import URL, encode_component, format_query
from costrel.messages import AppSettings, Request

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
    """
    if request is not None and name.startswith("."):
        blueprint = request.blueprint
        name = f"{blueprint}{name}" if blueprint else name[1:]
    owner, mount_prefix, name, owner_prefix = _find_owner(app, request, name)
    frozen = owner.frozen
    scope = frozen.scopes.get(name)
    given = set(values)
    if scope is not None:
        for function in scope.url_defaults():
            function(name, values)
    built = frozen.names.build(name, values)
    query = {key: value for key, value in built.leftover.items() if key in given}
    root = request.root_path if request is not None else ""
    path = f"{root}{mount_prefix}{owner_prefix}{built.path}"
    text = path + (f"?{format_query(query)}" if query else "")
    if anchor is not None:
        text += f"#{encode_component(anchor)}"
    if not (external or built.host is not None or scheme is not None):
        return text
    return _external(app, request, text, built.host, scheme)


def _find_owner(app: Any, request: Request | None, name: str) -> tuple[Any, str, str, str]:
    """Return the application that knows `name`, its mount prefix, the name within it, and the prefix below that."""
    mount = request.mount if request is not None and request.app is app else None
    candidate, prefix = app, mount.prefix if mount is not None else ""
    while True:
        found = _within(candidate, name, "")
        if found is not None:
            owner, inner_name, inner_prefix = found
            return owner, prefix, inner_name, inner_prefix
        if not isinstance(mount, MountedApp):
            return app, mount.prefix if mount is not None else "", name, ""
        candidate, mount = mount.outer_app, mount.parent
        prefix = mount.prefix if mount is not None else ""


def _within(app: Any, name: str, prefix: str) -> tuple[Any, str, str] | None:
    """Look a name up in an application and, by their names, in those mounted in it."""
    frozen = app.frozen
    if name in frozen.scopes:
        return app, name, prefix
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
        return f"{scheme or origin.scheme}://{host or origin.authority}{origin.path.rstrip('/')}{text}"
    if request is not None and request.method:
        allowed = app.settings.allowed_hosts
        if host is not None or not allowed or request.host in allowed:
            authority = host or request.headers.get("host", "")
            if authority:
                return f"{scheme or request.scheme}://{authority}{text}"
    raise ProgrammerError(
        Mistake(
            "COS-APP-030",
            "An external URL was asked for, and it is not known under which address the application is reached.",
            why="Outside a request there is no host, and inside one a host that is not allowed must not be repeated.",
            fix='Set it:  export COSTREL_BASE_URL=https://shop.example/     or  AppSettings(base_url="…")',
        )
    )
