"""`costrel check`: build an application and print every mistake in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from costrel.app import App
from costrel.cli.deploy_checks import DEPLOY_CHECKS, Deployment, Finding, find_weaknesses
from costrel.cli.foreign_app import carried_by, describe_carried
from costrel.cli.help import CliCommand
from costrel.cli.source import app_argument, app_of, failure_of
from costrel.errors import ConfigurationError
from costrel.server import ServerSettings

__all__ = ["check_command"]

_WIDTH = 80
_OF_APPS = (
    "secret-key-missing",
    "secret-key-weak",
    "secret-key-of-development",
    "base-url",
    "allowed-hosts",
    "session-cookie-insecure",
    "session-cookie-name",
    "session-cookie-domain",
    "session-lifetime",
    "body-limits",
)
"""The checks that look at settings of which an application of another framework has its own."""
_MARKS = {"warning": ("!", "yellow"), "note": ("-", "cyan")}


@click.command("check", cls=CliCommand, example=("costrel check shop.py", "costrel check shop.py --deploy"))
@app_argument
@click.option("--deploy", is_flag=True, help="Look at the settings too, as production would have them here.")
@click.option(
    "--ignore",
    multiple=True,
    type=click.Choice(sorted(DEPLOY_CHECKS)),
    metavar="CHECK",
    help="Leave out a check of --deploy, by its name; may be repeated.",
)
@click.pass_context
def check_command(context: click.Context, /, app: str | None, deploy: bool, ignore: Sequence[str]) -> None:
    """Build an application and print every mistake in it.

    The exit code is 1 when there is a mistake, or a warning with --deploy; notes are advice.
    """
    built = app_of(context, app)
    carried = carried_by(built)
    if carried is None:
        click.echo(f"{built.name}: {_count(len(built.endpoints), 'route')}{_mounts_of(built)}, no mistakes.")
    else:
        click.echo(f"{describe_carried(built, carried)}, is served as it is; its routes are its own business.")
        ignore = [*ignore, *_OF_APPS]
    if deploy:
        context.exit(_check_deployment(built, ignore))


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _mounts_of(app: App) -> str:
    return f", {_count(len(app.mounts), 'mount')}" if app.mounts else ""


def _check_deployment(app: App, ignore: Sequence[str]) -> int:
    """Print what should be otherwise; return the exit code."""
    try:
        server = ServerSettings.from_environment(os.environ)
    except ConfigurationError as error:
        raise failure_of(error) from error
    is_flask_mounted = any(hasattr(mount.application, "session_interface") for mount in app.mounts.values())
    deployment = Deployment(app, server, Path.cwd(), is_flask_mounted, environ=os.environ)
    found = [finding for finding in find_weaknesses(deployment) if finding.name not in ignore]
    for finding in found:
        _print(finding)
    warnings = sum(finding.level == "warning" for finding in found)
    if not found:
        click.echo("Ready to be deployed, as far as settings tell.")
    else:
        click.echo(f"\n{warnings} warning{'' if warnings == 1 else 's'}. Leave one out with --ignore NAME.")
    return 1 if warnings else 0


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level]
    click.echo(f"\n{click.style(f'{mark} {finding.name}', fg=colour, bold=True)}")
    click.echo(click.wrap_text(finding.what, _WIDTH, "    ", "    "))
    click.echo(f"    {finding.fix}")
