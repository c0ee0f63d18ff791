"""URLs of routes in mounted applications of other frameworks, built by what these build theirs with.

Frameworks on Werkzeug have a `url_map`, those on Starlette a `url_path_for`. Both are found by these names; none of the
packages is imported. An application with neither has no names that anybody could ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from costrel.app.mounting import Mount
from costrel.errors import Mistake, ProgrammerError
from costrel.http import encode_path, format_query

__all__ = ["build_foreign", "foreign_names", "has_foreign_name"]

_ANY_HOST = "localhost"


def has_foreign_name(mount: Mount, name: str) -> bool:
    """Whether an application of another framework has a route of a name."""
    application: Any = mount.application
    if _has_url_map(application):
        try:
            return any(True for _ in application.url_map.iter_rules(name))
        except KeyError:
            return False
    return any(name == known for known in foreign_names(mount))


def foreign_names(mount: Mount) -> Iterator[str]:
    """Yield the names of the routes of an application of another framework, as it spells them."""
    application: Any = mount.application
    if _has_url_map(application):
        yield from dict.fromkeys(str(rule.endpoint) for rule in application.url_map.iter_rules())
    elif _has_url_path_for(application):
        yield from dict.fromkeys(name for name, _ in _named_routes(application.routes, ""))


def build_foreign(mount: Mount, name: str, values: Mapping[str, Any]) -> str:
    """Build the path and query of a route, without the prefix of the mount.

    Args:
        mount: of an application that has the name.
        name: as the application spells it.
        values: the parameters of the route; the rest becomes the query string.

    Raises:
        ProgrammerError: COS-MOUNT-010, the application builds no URL of these values.
    """
    application: Any = mount.application
    build = _build_with_url_map if _has_url_map(application) else _build_with_routes
    try:
        return build(application, name, {key: value for key, value in values.items() if value is not None})
    except Exception as error:
        raise ProgrammerError(_not_built(mount, name, error)) from error


def _has_url_map(application: object) -> bool:
    return hasattr(getattr(application, "url_map", None), "iter_rules")


def _has_url_path_for(application: object) -> bool:
    return hasattr(application, "url_path_for") and hasattr(application, "routes")


def _build_with_url_map(application: Any, name: str, values: dict[str, Any]) -> str:
    """Ask a map of Werkzeug's; what is in no rule it puts into the query string itself."""
    inject_defaults = getattr(application, "inject_url_defaults", None)
    if inject_defaults is not None:
        inject_defaults(name, values)
    # The map builds below its own root; a rule for a subdomain builds an absolute URL, whose host is not ours.
    built = urlsplit(application.url_map.bind(_ANY_HOST).build(name, values))
    return f"{built.path}?{built.query}" if built.query else built.path


def _build_with_routes(application: Any, name: str, values: dict[str, Any]) -> str:
    """Ask the routes of Starlette's, which take the parameters of the path and nothing else.

    Of several routes with the name, the one that takes the most of the values is meant.
    """
    forms = [parameters for known, parameters in _named_routes(application.routes, "") if known == name]
    complete = [parameters for parameters in forms if parameters <= values.keys()]
    if not complete:
        raise LookupError(f"it needs the values {' or '.join(', '.join(sorted(parameters)) for parameters in forms)}")
    parameters = max(complete, key=len)
    # It puts the values into the path as they are.
    path = encode_path(str(application.url_path_for(name, **{key: values[key] for key in parameters})))
    query = {key: value for key, value in values.items() if key not in parameters}
    return f"{path}?{format_query(query)}" if query else path


def _named_routes(routes: Any, prefix: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the names of routes with the parameters of their paths, those inside mounts too: ``admin:show``."""
    for route in routes:
        name = getattr(route, "name", None)
        parameters = frozenset(getattr(route, "param_convertors", ()))
        inner = getattr(route, "routes", None)
        if inner:
            below = f"{prefix}{name}:" if name else prefix
            # The converter for what is below a mount is the mount's own.
            yield from ((known, needed | (parameters - {"path"})) for known, needed in _named_routes(inner, below))
        if name and not inner:
            yield f"{prefix}{name}", parameters


def _not_built(mount: Mount, name: str, error: Exception) -> Mistake:
    return Mistake(
        "COS-MOUNT-010",
        f"The URL of `{name}` in the mount `{mount.name}` cannot be built.",
        mount.where,
        f"The application was asked, and it says: {str(error) or type(error).__name__}.",
        "Give the values that the route has in its own application.",
    )
