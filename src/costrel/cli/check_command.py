"""`costrel check`: build an application and print every mistake in it."""

from __future__ import annotations

import click

from costrel.cli.help import CliCommand
from costrel.cli.source import app_argument, app_of

__all__ = ["check_command"]


@click.command("check", cls=CliCommand, example="costrel check shop.py")
@app_argument
@click.pass_context
def check_command(context: click.Context, app: str | None) -> None:
    """Build an application and print every mistake in it."""
    built = app_of(context, app)
    click.echo(f"{built.name}: {len(built.endpoints)} routes, no mistakes.")
