"""`costrel run`: serve an application in production."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from costrel.cli.engines import ignored_settings, is_installed, run_engine
from costrel.cli.help import CliCommand
from costrel.cli.loading import watched_folders
from costrel.cli.plan import ServePlan
from costrel.cli.reload import Reloader, open_listening_socket
from costrel.cli.server_options import OWN_SERVER, engine_option, process_options, server_options, settings_from
from costrel.cli.serving import describe_failure, load_for, serve_plan
from costrel.cli.source import AppSource, StartFailed, app_argument, failure_of, source_of
from costrel.cli.workers import needs_supervisor, serve_with_workers
from costrel.errors import ConfigurationError

__all__ = ["make_plan", "run_command", "serve_with_reload"]


@click.command(
    "run", cls=CliCommand, example=("costrel run shop.py", "costrel run shop.web:app --host 0.0.0.0 --port 80")
)
@app_argument
@process_options(reload=False)
@engine_option
@server_options()
@click.pass_context
def run_command(context: click.Context, /, app: str | None, server: str, reload: bool, **given: Any) -> None:
    """Serve an application in production.

    APP is an import string: a module or a file, and after a colon the name of the application or of what makes it.
    Without it --app, COSTREL_APP, or app.py or main.py of the working directory is taken.
    """
    if server != OWN_SERVER and reload:
        raise click.UsageError("Reload is for our own server: leave `--server` or `--reload` out.")
    source = source_of(context, app)
    plan = make_plan(source, given, reload=reload)
    if server != OWN_SERVER:
        context.exit(_run_other(server, plan))
    if reload:
        context.exit(serve_with_reload(plan))
    if not needs_supervisor(plan):
        context.exit(serve_plan(plan))
    if source.is_named and source.text is None:
        raise click.UsageError("Workers import the application themselves: name it, as in `costrel run shop.web:app`.")
    try:
        context.exit(serve_with_workers(plan))
    except OSError as error:
        raise StartFailed(describe_failure(error)) from error
    except ConfigurationError as error:
        raise failure_of(error) from error


def make_plan(
    source: AppSource, given: Mapping[str, Any], *, reload: bool, debug: bool = False, **defaults: object
) -> ServePlan:
    """Make the plan of what the command line, the environment and the `defaults` of a command say.

    Raises:
        CommandFailed: with exit code 2, a value is no sensible setting.
        click.UsageError: it asks for what this version or this system does not have.
    """
    if reload and os.name != "posix":
        raise click.UsageError("Reload needs a POSIX system: add `--no-reload`.")
    try:
        settings = settings_from(given, **defaults)
    except ConfigurationError as error:
        raise failure_of(error) from error
    if settings.workers > 1 and (reload or debug):
        raise click.UsageError("Development and reload are one process: leave `--workers` out.")
    if settings.workers > 1 and os.name != "posix":
        raise click.UsageError("Workers need a POSIX system: leave `--workers` out.")
    return ServePlan(app=source.text, settings=settings, threads=given["threads"], debug=debug, reloads=reload)


def serve_with_reload(plan: ServePlan) -> int:
    """Open the socket and serve the application from a process below this one; return the exit code.

    Raises:
        CommandFailed: the address cannot be bound.
    """
    try:
        listening = open_listening_socket(plan.settings)
    except OSError as error:
        raise StartFailed(describe_failure(error)) from error
    with listening:
        return Reloader(plan, listening, watched_folders(plan.app)).run()


def _run_other(name: str, plan: ServePlan) -> int:
    """Serve through another server.

    Raises:
        CommandFailed: it is not installed, or the application is wrong.
    """
    if not is_installed(name):
        raise StartFailed(f"{name} is not installed.\n\n    pip install {name}")
    ignored = ", ".join(f"--{setting.replace('_', '-')}" for setting in ignored_settings(name, plan.settings))
    if ignored:
        click.echo(f"{name} has limits of its own and ignores {ignored}.", err=True)
    try:
        app = load_for(plan)
        app.build()
    except Exception as error:
        raise failure_of(error) from error
    try:
        return run_engine(name, app, plan)
    except Exception as error:
        raise StartFailed(describe_failure(error)) from error
