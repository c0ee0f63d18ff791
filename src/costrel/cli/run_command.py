"""`costrel run`: serve an application in production."""

from __future__ import annotations

from typing import Any

import click

from costrel.cli.help import CliCommand, SectionOption
from costrel.cli.plan import ServePlan
from costrel.cli.server_options import LISTENING, server_options, settings_from, threads_option
from costrel.cli.serving import serve_plan
from costrel.cli.source import CommandFailed, app_argument, source_of
from costrel.errors import ConfigurationError

__all__ = ["make_settings", "run_command"]


def make_settings(given: dict[str, Any], **defaults: object) -> Any:
    """Make the server's settings.

    Raises:
        CommandFailed: with exit code 2, a value is no sensible setting.
    """
    try:
        return settings_from(given, **defaults)
    except ConfigurationError as error:
        raise CommandFailed.of(error) from error


@click.command("run", cls=CliCommand, example="costrel run shop.web:app --host 0.0.0.0 --port 80")
@app_argument
@server_options
@threads_option
@click.pass_context
def run_command(context: click.Context, app: str | None, threads: int | None, **given: Any) -> None:
    """Serve an application in production.

    APP is an import string; without it --app, COSTREL_APP, or app.py or main.py of the working directory is taken.
    """
    settings = make_settings(given)
    source = source_of(context, app)
    context.exit(serve_plan(ServePlan(app=source.text, settings=settings, threads=threads)))
