"""Serving an application in this process: load it, build it, run it, and say what went wrong.

`run` and the process below `dev` come here. Nothing here knows click.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from costrel.app import App
from costrel.cli.loading import load_app
from costrel.cli.logs import DevelopmentAccessLog, ServerWatch, announce_start, set_up_logging
from costrel.cli.plan import ServePlan
from costrel.cli.terminal import Paint
from costrel.cli.tracebacks import format_exception, user_place
from costrel.errors import ProgrammerError
from costrel.server import START_FAILED, AccessLog, Attendant, run

__all__ = ["describe_failure", "exit_code_of", "highlight", "load_for", "print_failure", "serve_app", "serve_plan"]

_APP_FAILED = 1
_USAGE = 2
_ADDRESS_ERRORS = {
    errno.EADDRINUSE: "another process has the port; choose one with --port",
    errno.EADDRNOTAVAIL: "this machine does not have that address; choose one with --host",
    errno.EACCES: "this user may not take that address; choose a port above 1023 with --port",
    socket.EAI_NONAME: "the name of the host is not known; choose one with --host",
}


def serve_plan(plan: ServePlan) -> int:
    """Load the application of `plan` and serve it until it is stopped; return the exit code."""
    try:
        app = load_for(plan)
        app.build()
    except Exception as error:
        print_failure(error)
        return exit_code_of(error)
    plan = dataclasses.replace(plan, debug=app.debug)
    exit_code, failure = serve_app(app, plan, announce_start(plan, app.settings.threads, sys.stderr))
    if failure is not None:
        print_failure(failure)
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


def serve_app(
    app: App, plan: ServePlan, announce: Callable[[str], None], attendant: Attendant | None = None
) -> tuple[int, BaseException | None]:
    """Serve a built application until it is stopped.

    Args:
        app: what is served.
        plan: how.
        announce: called with each address that it listens on.
        attendant: who may stop it; `None` for signals.

    Returns:
        The exit code, and what stopped the start, if something did.
    """
    set_up_logging(sys.stderr, readable=plan.debug)
    watch = ServerWatch(announce)
    logger = logging.getLogger("costrel.server")
    logger.addHandler(watch)
    log = None
    if plan.settings.access_log and not plan.debug:
        log = AccessLog(line_format=plan.settings.access_log_format)
    if log is not None:
        app.events.add("request_finished", log)
    elif plan.settings.access_log:
        app.events.add("request_finished", DevelopmentAccessLog(Paint(sys.stderr)))
    try:
        return run(app, plan.settings, attendant=attendant), watch.failure
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
    print(highlight(describe_failure(error), Paint(sys.stderr)), file=sys.stderr, flush=True)


def highlight(text: str, paint: Callable[..., str]) -> str:
    """Colour the line that says what happened: the last one of a traceback, else the first; hints stand below."""
    lines = text.split("\n")
    index = 0
    if lines[0].startswith(("Traceback", "  ")):
        index = max((number for number, line in enumerate(lines) if line[:1].strip()), default=0)
    lines[index] = paint(lines[index], "red", "bold")
    return "\n".join(lines)


def describe_failure(error: BaseException) -> str:
    """Return an exception as text, with what may help below it; an address that cannot be had in one sentence."""
    if isinstance(error, OSError) and error.errno in _ADDRESS_ERRORS and not user_place(error):
        return f"The server cannot listen: {_ADDRESS_ERRORS[error.errno]} ({error.strerror or error})."
    from costrel.pages import find_hints

    return "\n\n    ".join([format_exception(error), *find_hints(error)])
