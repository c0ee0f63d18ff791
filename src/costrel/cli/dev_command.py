"""`costrel dev`: serve an application while it is written."""

from __future__ import annotations

from typing import Any

import click

from costrel.cli.help import CliCommand
from costrel.cli.plan import ServePlan
from costrel.cli.run_command import make_settings
from costrel.cli.server_options import server_options, threads_option
from costrel.cli.serving import serve_plan
from costrel.cli.source import app_argument, source_of

__all__ = ["dev_command"]


@click.command("dev", cls=CliCommand, example="costrel dev shop.py")
@app_argument
@server_options
@threads_option
@click.pass_context
def dev_command(context: click.Context, app: str | None, threads: int | None, **given: Any) -> None:
    """Serve an application while it is written: with reload and debug pages."""
    settings = make_settings(given, graceful_timeout_seconds=0.5)
    source = source_of(context, app)
    plan = ServePlan(app=source.text, settings=settings, threads=threads, debug=True)
    context.exit(serve_plan(plan))
