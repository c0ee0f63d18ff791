"""The command `costrel`: its own commands, and those that an application registered on `app.cli`.

The application is imported only for what needs it: a command of its own, or the list of commands when somebody named
it. Its commands run inside an app context, and may be ``async def``.
"""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import click

from costrel.cli.check_command import check_command
from costrel.cli.dev_command import dev_command
from costrel.cli.doctor_command import doctor_command
from costrel.cli.explain_command import explain_command
from costrel.cli.help import CliGroup
from costrel.cli.loading import find_file
from costrel.cli.new_command import new_command
from costrel.cli.routes_command import routes_command
from costrel.cli.run_command import run_command
from costrel.cli.shell_command import shell_command
from costrel.cli.source import AppSource, CommandFailed
from costrel.version import __version__

__all__ = ["root"]

_MAX_SENTENCE = 200
_OWN = (
    dev_command,
    run_command,
    routes_command,
    shell_command,
    check_command,
    doctor_command,
    new_command,
    explain_command,
)


class _Root(CliGroup):
    """The group of all commands: ours in the order of a day's work, then the application's by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands; those of the application only when it can be imported."""
        own = [command.name or "" for command in _OWN]
        return own + [name for name in self._app_commands(ctx) if name not in own]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name, importing the application when it is none of ours."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        source = _source_of(ctx)
        if source is None:
            return None
        return source.load().cli.get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write our commands, then those of the application under a heading of their own."""
        with formatter.section("Commands"):
            formatter.write_dl([(command.name or "", command.get_short_help_str(_MAX_SENTENCE)) for command in _OWN])
        try:
            commands = self._app_commands(ctx)
        except CommandFailed as failure:
            formatter.write_paragraph()
            formatter.write_text(f"The application cannot be imported: {failure.message.splitlines()[-1].strip()}")
            return
        if commands:
            with formatter.section("Commands of the application"):
                formatter.write_dl(
                    [(name, command.get_short_help_str(_MAX_SENTENCE)) for name, command in commands.items()]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument; for one of the application its context is entered."""
        name, command, rest = super().resolve_command(ctx, args)
        source = _source_of(ctx)
        if command is not None and command not in _OWN and source is not None:
            ctx.with_resource(source.load_built().app_context())
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:  # whatever the command returns
        """Run the command, on a loop when it is async."""
        value = super().invoke(ctx)
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    def _app_commands(self, ctx: click.Context) -> dict[str, click.Command]:
        source = _source_of(ctx)
        return {} if source is None else dict(sorted(source.load().cli.commands.items()))


def _source_of(context: click.Context) -> AppSource | None:
    """Return the application that somebody named, or that lies in the working directory; `None` without one."""
    source = context.find_object(AppSource)
    if source is None:
        source = AppSource(context.params.get("app"))
    return source if source.is_named or find_file(Path()) is not None else None


@click.group("costrel", cls=_Root, example=("costrel new shop", "costrel --app shop.web:app users create ann"))
@click.version_option(__version__, message="costrel %(version)s")
@click.option(
    "-A", "--app", is_eager=True, envvar="COSTREL_APP", show_envvar=True, help="The application, for every command."
)
@click.pass_context
def root(context: click.Context, /, app: str | None) -> None:
    """Serve, look at and check web applications; and run their own commands."""
    if context.obj is None:
        context.obj = AppSource(app)


for _command in _OWN:
    root.add_command(_command)
