"""`costrel routes`: what an application answers, as a table, as JSON, or as the source that was compiled for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from costrel.app import App
from costrel.cli.help import CliCommand
from costrel.cli.source import app_argument, app_of
from costrel.handling import Endpoint

__all__ = ["endpoints_of", "routes_command"]

_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "WEBSOCKET")
_HEADINGS = ("Methods", "Path", "Name", "Runs on", "Registered at")


@click.command(
    "routes", cls=CliCommand, example=("costrel routes shop.py", "costrel routes shop.py --source --name api.show")
)
@app_argument
@click.option("--source", is_flag=True, help="Print the source that was compiled for each route.")
@click.option("--json", "as_json", is_flag=True, help="Print the description of each route as JSON.")
@click.option("--name", help="Only the route of this name.")
@click.pass_context
def routes_command(context: click.Context, /, app: str | None, source: bool, as_json: bool, name: str | None) -> None:
    """List the routes of an application, with where each of them runs."""
    if source and as_json:
        raise click.UsageError("Either `--source` or `--json`.")
    found = [endpoint for endpoint in endpoints_of(app_of(context, app)) if name in (None, endpoint.info.name)]
    if name is not None and not found:
        raise click.UsageError(f"No route has the name {name!r}.")
    if as_json:
        click.echo(json.dumps([endpoint.info.to_dict() for endpoint in found], indent=2))
    elif source:
        click.echo("\n\n".join(_source_of(endpoint) for endpoint in found))
    elif found:
        click.echo(_table([_row(endpoint) for endpoint in sorted(found, key=lambda endpoint: endpoint.info.path)]))
    else:
        click.echo("The application has no routes.")


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


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay out rows in columns, below their headings."""
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (_HEADINGS, *rows)
    ]
    head, *body = [line.rstrip() for line in lines]
    return "\n".join([click.style(head, bold=True), *body])


def _source_of(endpoint: Endpoint) -> str:
    methods, path, name, place, where = _row(endpoint)
    head = f"# {methods} {path}  ({name}, {where}): {place}"
    return f"{click.style(head, bold=True)}\n{endpoint.source.strip()}\n"
