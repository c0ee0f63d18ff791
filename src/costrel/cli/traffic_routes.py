"""`costrel routes --traffic`: read an access log and print what it says about the routes of an application."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import click

from costrel.app import App
from costrel.cli.access_lines import AccessLogReader
from costrel.cli.terminal import Paint
from costrel.cli.traffic import KnownRoute, Traffic, count_traffic
from costrel.cli.traffic_report import traffic_json, traffic_text

__all__ = ["known_routes", "show_traffic"]


def show_traffic(app: App, path: str, *, as_json: bool) -> None:
    """Read a log and print the report.

    Args:
        app: built.
        path: of the log, ``-`` for the standard input.
        as_json: for programs.

    Raises:
        click.UsageError: the log cannot be read.
    """
    traffic = _read_traffic(app, path)
    if as_json:
        click.echo(json.dumps(traffic_json(traffic), indent=2, ensure_ascii=False))
    else:
        click.echo(traffic_text(traffic, Paint(sys.stdout)))


def _read_traffic(app: App, path: str) -> Traffic:
    reader = AccessLogReader(path)
    try:
        traffic = count_traffic(reader, list(known_routes(app)), dict(_own_mounts(app)))
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    traffic.broken_count = reader.broken_count
    return traffic


def known_routes(app: App, prefix: str = "", mount: str = "") -> Iterator[KnownRoute]:
    """Yield every method of every route of an application, then those of each `App` mounted in it.

    Args:
        app: built.
        prefix: of its mount.
        mount: the dotted name of its mount.
    """
    for endpoint in app.frozen.compiled:
        info = endpoint.info
        # HEAD and OPTIONS are answered by themselves; a route that does nothing else has them on its own.
        asked = sorted(info.methods - {"HEAD", "OPTIONS"}) or sorted(info.methods)
        for method in asked:
            yield KnownRoute(method, prefix + info.path, info.path, mount, info.name, info.where)
    for inner in app.mounts.values():
        if isinstance(inner.app, App):
            yield from known_routes(inner.app, prefix + inner.path.rstrip("/"), f"{mount}.{inner.name}".lstrip("."))


def _own_mounts(app: App, outer: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the dotted name of each mount, and whether what is mounted is an `App`."""
    for mount in app.mounts.values():
        name = f"{outer}.{mount.name}".lstrip(".")
        yield name, isinstance(mount.app, App)
        if isinstance(mount.app, App):
            yield from _own_mounts(mount.app, name)
