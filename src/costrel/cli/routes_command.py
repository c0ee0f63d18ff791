"""`costrel routes`: what an application answers, as a table, as JSON, or as the source that was compiled for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from costrel.app import App
from costrel.cli.foreign_app import carried_by, describe_carried
from costrel.cli.help import CliCommand
from costrel.cli.source import app_argument, app_of
from costrel.cli.traffic_routes import show_traffic
from costrel.handling import Endpoint

__all__ = ["endpoints_of", "routes_command"]

_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "WEBSOCKET")
_HEADINGS = ("Methods", "Path", "Name", "Runs on", "Registered at")
_MOUNT_HEADINGS = ("Mounted", "Path", "Name", "Mode", "Mounted at")


@click.command(
    "routes",
    cls=CliCommand,
    example=(
        "costrel routes shop.py",
        "costrel routes shop.py --source --name api.show",
        "costrel routes shop.py --traffic access.jsonl",
    ),
)
@app_argument
@click.option("--source", is_flag=True, help="Print the source that was compiled for each route.")
@click.option("--json", "as_json", is_flag=True, help="Print the description of each route as JSON.")
@click.option("--name", help="Only the route of this name.")
@click.option(
    "--traffic",
    metavar="FILE",
    help="Read an access log and count who asked for what: of each route, and of what mounted applications still"
    " answer.",
)
@click.pass_context
def routes_command(
    context: click.Context, /, app: str | None, source: bool, as_json: bool, name: str | None, traffic: str | None
) -> None:
    """List the routes of an application, with where each of them runs."""
    if source and as_json:
        raise click.UsageError("Either `--source` or `--json`.")
    if traffic is not None and (source or name is not None):
        raise click.UsageError("`--traffic` goes with `--json` alone.")
    built = app_of(context, app)
    if traffic is not None:
        show_traffic(built, traffic, as_json=as_json)
        return
    found = [endpoint for endpoint in endpoints_of(built) if name in (None, endpoint.info.name)]
    if name is not None and not found:
        raise click.UsageError(f"No route has the name {name!r}.")
    if as_json:
        click.echo(json.dumps([endpoint.info.to_dict() for endpoint in found], indent=2))
    elif source:
        click.echo("\n\n".join(_source_of(endpoint) for endpoint in found))
    else:
        click.echo("\n\n".join(_tables(found, built if name is None else None)))


def endpoints_of(app: App, prefix: str = "") -> Iterator[Endpoint]:
    """Yield every compiled endpoint of an application, then those of the applications mounted in it.

    Args:
        app: built or not.
        prefix: of its mount; the paths that are described begin with it.
    """
    for endpoint in app.frozen.compiled:
        yield replace(endpoint, info=replace(endpoint.info, path=prefix + endpoint.info.path))
    for mount in app.mounts.values():
        if isinstance(mount.app, App):
            yield from endpoints_of(mount.app, prefix + mount.path.rstrip("/"))


def _tables(found: Sequence[Endpoint], app: App | None) -> Iterator[str]:
    """Yield the table of the routes, and that of the mounts of an application if there are any."""
    carried = carried_by(app) if app is not None else None
    if app is not None and carried is not None:
        yield f"{describe_carried(app, carried)}, answers every path; its routes are its own."
        return
    if found:
        rows = [_row(endpoint) for endpoint in sorted(found, key=lambda endpoint: endpoint.info.path)]
        yield _table(_HEADINGS, rows)
    else:
        yield "The application has no routes."
    mounts = sorted(_mount_rows(app), key=lambda row: row[1]) if app is not None else []
    if mounts:
        yield _table(_MOUNT_HEADINGS, mounts)


def _mount_rows(app: App, prefix: str = "", names: str = "") -> Iterator[tuple[str, ...]]:
    """Yield a row for each mount of an application, and for those of the applications mounted in it."""
    for mount in app.mounts.values():
        path = f"{prefix}{mount.prefix}"
        shown = f"{mount.host or ''}{path}/*" + (" (fallback)" if mount.is_fallback else "")
        kind = mount.kind if mount.kind == "app" else f"{mount.kind} {mount.application_label}"
        yield kind, shown, f"{names}{mount.name}", mount.mode, mount.where
        if isinstance(mount.app, App):
            yield from _mount_rows(mount.app, path, f"{names}{mount.name}.")


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    info = endpoint.info
    methods = sorted(
        info.methods, key=lambda method: (method not in _METHOD_ORDER, (*_METHOD_ORDER, method).index(method))
    )
    return " ".join(methods), info.path, info.name, _place_of(endpoint), info.where


def _place_of(endpoint: Endpoint) -> str:
    """Say where a request of an endpoint runs."""
    if endpoint.mode == "inline":
        return "loop, inline"
    if endpoint.hops == 0:
        return "loop"
    hops = "1 hop" if endpoint.hops == 1 else f"{endpoint.hops} hops"
    return f"thread, {hops}" if endpoint.mode == "thread" else f"loop, {hops}"


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Lay out rows in columns, below their headings."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (headings, *rows)]
    head, *body = [line.rstrip() for line in lines]
    return "\n".join([click.style(head, bold=True), *body])


def _source_of(endpoint: Endpoint) -> str:
    methods, path, name, place, where = _row(endpoint)
    head = f"# {methods} {path}  ({name}, {where}): {place}"
    return f"{click.style(head, bold=True)}\n{endpoint.source.strip()}\n"
