"""The command `costrel`: its own commands, and those of the application."""

from __future__ import annotations

import click

from costrel.cli.check_command import check_command
from costrel.cli.dev_command import dev_command
from costrel.cli.help import CliGroup
from costrel.cli.run_command import run_command
from costrel.cli.source import AppSource
from costrel.version import __version__

__all__ = ["root"]


@click.group("costrel", cls=CliGroup, example="costrel dev app.py")
@click.version_option(__version__, prog_name="costrel", message="%(prog)s %(version)s")
@click.option("-A", "--app", envvar="COSTREL_APP", show_envvar=True, help="The application, for all commands.")
@click.pass_context
def root(context: click.Context, app: str | None) -> None:
    """Costrel, a web framework."""
    if context.obj is None:
        context.obj = AppSource(app)


for _command in (dev_command, run_command, check_command):
    root.add_command(_command)
