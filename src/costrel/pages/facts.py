"""What is known of the failed request, as tables of names and values, with the secrets masked.

Looking changes nothing: the session stays untouched, and a body that was not read stays unread.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from costrel.http import FORM, MULTIPART
from costrel.messages import LayerInfo, Request, is_json_media_type
from costrel.pages.values import show_value
from costrel.version import __version__

__all__ = ["Section", "describe_request"]

MAX_ROWS = 60
MAX_BODY_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Section:
    """One table.

    Args:
        title: what it is about.
        rows: names and shown values.
        is_open: whether it is shown at once.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    is_open: bool = True


class _Endpoint(Protocol):
    """What is shown of the description of an endpoint."""

    name: str
    path: str
    where: str
    mode: object
    layers: tuple[tuple[str, LayerInfo], ...]


def describe_request(request: Request) -> tuple[Section, ...]:
    """Return the tables about a request; those that would be empty are left out."""
    sections = (
        Section("Request", _collect(_read_request, request)),
        Section("Route", _collect(_read_route, request)),
        Section("Path parameters", _collect(lambda found: _shown(found.path_params.items()), request)),
        Section("Query", _collect(lambda found: _shown(found.query.items(multi=True)), request)),
        Section("Body", _collect(_read_body, request)),
        Section("Session and user", _collect(_read_session, request)),
        Section("g", _collect(lambda found: _shown(vars(found.g).items()), request)),
        Section("State", _collect(lambda found: _shown(vars(found.state).items()), request)),
        Section("Cookies", _collect(_read_cookies, request), is_open=False),
        Section("Header fields", _collect(lambda found: _shown(found.headers.items()), request), is_open=False),
        Section("Application", _collect(_read_application, request), is_open=False),
    )
    return tuple(section for section in sections if section.rows)


def _collect(read: Callable[[Request], Iterator[tuple[str, str]]], request: Request) -> tuple[tuple[str, str], ...]:
    """Read one table; what goes wrong ends it with a row that says so."""
    rows: list[tuple[str, str]] = []
    try:
        for row in read(request):
            rows.append(row)
            if len(rows) == MAX_ROWS:
                rows.append(("…", ""))
                break
    except Exception as error:
        rows.append(("…", f"cannot be shown: {type(error).__name__}"))
    return tuple(rows)


def _shown(pairs: Iterable[tuple[object, object]]) -> Iterator[tuple[str, str]]:
    return ((str(name), show_value(value, str(name))) for name, value in list(pairs))


def _read_request(request: Request) -> Iterator[tuple[str, str]]:
    yield "method", request.method
    yield "path", request.path[:2000]
    yield "host", f"{request.scheme}://{request.headers.get('host', '')}"
    yield "version", f"HTTP/{request.http_version}{', WebSocket handshake' if request.is_websocket else ''}"
    yield "client", f"{request.client[0]}:{request.client[1]}" if request.client else "unknown"
    if request.mount is not None:
        yield "mounted at", request.mount.prefix
    yield "id", request.id


def _read_route(request: Request) -> Iterator[tuple[str, str]]:
    route = request.route
    if route is None:
        return
    yield "pattern", route.path
    yield "name", route.name
    yield "handler", route.handler
    if route.blueprint:
        yield "blueprint", route.blueprint
    found = _find_endpoint(request)
    if found is not None:
        yield "registered at", found.where
        yield "runs", str(getattr(found.mode, "value", found.mode))
        yield "layers", " → ".join(name for name, _ in found.layers) or "none"


def _find_endpoint(request: Request) -> _Endpoint | None:
    """Find the description of the endpoint, if the application has descriptions."""
    route = request.route
    endpoints = cast("Iterable[_Endpoint]", getattr(request.app, "endpoints", ()))
    for endpoint in endpoints:
        if route is not None and (endpoint.name, endpoint.path) == (route.name, route.path):
            return endpoint
    return None


def _read_body(request: Request) -> Iterator[tuple[str, str]]:
    media_type = request.content_type
    content = request.kept_content
    if media_type:
        yield "media type", media_type
    if content is None:
        return
    is_form = media_type in (FORM, MULTIPART)
    if isinstance(content, bytes) and content:
        yield "length", f"{len(content):,} bytes"
        if len(content) <= MAX_BODY_BYTES and not is_form:
            yield "content", show_value(json.loads(content) if is_json_media_type(media_type) else content)
    elif not isinstance(content, bytes) and not is_form:
        yield "content", "more than is kept in memory"
    if is_form:
        yield from _shown(request.form.items(multi=True))
        yield from _shown(request.files.items(multi=True))


def _read_cookies(request: Request) -> Iterator[tuple[str, str]]:
    """Name the cookies; the value of any may be what signs somebody in."""
    for name, value in request.cookies.items():
        yield name, f"{len(value)} characters"


def _read_session(request: Request) -> Iterator[tuple[str, str]]:
    # Its `repr` does not count as a touch.
    yield "session", show_value(request.session)
    if request.user is not None:
        yield "user", show_value(request.user)


def _read_application(request: Request) -> Iterator[tuple[str, str]]:
    yield "name", request.app.name
    yield "settings", show_value(request.app.settings)
    yield "Costrel", __version__
    yield "Python", f"{platform.python_version()} on {platform.system()}"
    yield "process", str(os.getpid())
    yield "working directory", str(Path.cwd())
