"""Serving an application in this process: load it, build it, run it, and say what went wrong.

`run` and the process below `dev` come here. Nothing here knows click.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import sys

from typing import Any

from costrel.app import App
from costrel.cli.loading import load_app
from costrel.cli.logs import DevelopmentAccessLog, ServerWatch, set_up_logging
from costrel.cli.plan import ServePlan
from costrel.cli.terminal import Paint
from costrel.cli.tracebacks import format_exception
from costrel.errors import ProgrammerError
from costrel.server import START_FAILED, AccessLog, run

__all__ = ["exit_code_of", "load_for", "print_failure", "serve_app", "serve_plan"]

_APP_FAILED = 1
_USAGE = 2


def serve_plan(plan: ServePlan) -> int:
    """Load the application of `plan` and serve it until it is stopped; return the exit code."""
    try:
        app = load_for(plan)
        app.build()
    except Exception as error:
        print_failure(error)
        return exit_code_of(error)
    exit_code, _ = serve_app(app, plan)
    return exit_code


def load_for(plan: ServePlan) -> App:
    """Import the application, and give it what the command line decides.

    Raises:
        Exception: whatever goes wrong; see `exit_code_of`.
    """
    if plan.debug:
        os.environ["COSTREL_DEBUG"] = "1"
    app = load_app(plan.app)
    changes: dict[str, Any] = {}  # of the fields' types
    if plan.debug:
        changes["debug"] = True
        if app.settings.secret_key is None:
            changes["secret_key"] = os.environ.get("COSTREL_SECRET_KEY")
    if plan.threads is not None:
        changes["threads"] = plan.threads
    if changes:
        app.settings = dataclasses.replace(app.settings, **changes)
    return app


def serve_app(app: App, plan: ServePlan) -> tuple[int, BaseException | None]:
    """Serve a built application; return the exit code, and what stopped its start, if something did."""
    set_up_logging(sys.stderr, readable=plan.debug)
    watch = ServerWatch(plan, app.settings.threads, sys.stderr)
    logger = logging.getLogger("costrel.server")
    logger.addHandler(watch)
    log = AccessLog() if plan.settings.access_log and not plan.debug else None
    if log is not None:
        app.events.add("request_finished", log)
    elif plan.settings.access_log:
        app.events.add("request_finished", DevelopmentAccessLog(Paint(sys.stderr)))
    try:
        return run(app, plan.settings), watch.failure
    finally:
        logger.removeHandler(watch)
        if log is not None:
            log.close()


def exit_code_of(error: BaseException) -> int:
    """Return 2 for what the command line or the environment got wrong, else 1: the application is wrong."""
    if isinstance(error, ProgrammerError) and error.code.startswith(("COS-CLI-", "COS-SERVER-")):
        return START_FAILED if error.code == "COS-SERVER-002" else _USAGE
    return _APP_FAILED


def print_failure(error: BaseException) -> None:
    """Print an exception to standard error, as its author wants to see it."""
    paint = Paint(sys.stderr)
    head, _, rest = format_exception(error).partition("\n")
    print(f"{paint(head, 'red', 'bold')}\n{rest}".rstrip(), file=sys.stderr)
