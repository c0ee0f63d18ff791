"""`costrel dev`: serve an application while it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from costrel.cli.help import CliCommand
from costrel.cli.run_command import make_plan, serve_with_reload
from costrel.cli.secret_key import provide_secret_key
from costrel.cli.server_options import process_options, server_options
from costrel.cli.serving import serve_plan
from costrel.cli.source import app_argument, source_of

__all__ = ["dev_command"]

GRACEFUL_TIMEOUT_SECONDS = 0.5
"""A restart waits no longer for what clients still read; in production it is 30."""


@click.command("dev", cls=CliCommand, example=("costrel dev shop.py", "costrel dev shop.web:app --port 8001"))
@app_argument
@process_options(reload=os.name == "posix")
@server_options(graceful_timeout_seconds=GRACEFUL_TIMEOUT_SECONDS)
@click.pass_context
def dev_command(context: click.Context, /, app: str | None, reload: bool, **given: Any) -> None:
    """Serve an application while it is written, with reload and debug pages.

    APP is an import string: a module or a file, and after a colon the name of the application or of what makes it.
    Without it --app, COSTREL_APP, or app.py or main.py of the working directory is taken.
    """
    source = source_of(context, app)
    plan = make_plan(source, given, reload=reload, debug=True, graceful_timeout_seconds=GRACEFUL_TIMEOUT_SECONDS)
    os.environ["COSTREL_DEBUG"] = "1"
    try:
        provide_secret_key(Path.cwd(), os.environ)
    except OSError as error:
        click.echo(f"  No secret key is kept: {error}.", err=True)
    context.exit(serve_with_reload(plan) if reload else serve_plan(plan))
