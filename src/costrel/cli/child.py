"""The process below `costrel dev`: it serves, and when it cannot, it serves a page that says why.

It imports the framework at once, while the process before it still ends, and the application only when it is told to.
The lifeline is a pipe from the parent with words of one byte: that the application may be imported, and that a template
or a static file was changed. Its end says that the parent has gone, and then this process goes too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from functools import partial

from costrel.app import App
from costrel.cli.failure_page import make_failure_app
from costrel.cli.logs import announce_failure, announce_start
from costrel.cli.plan import ServePlan
from costrel.cli.serving import describe_failure, load_for, print_failure, serve_app
from costrel.errors import ProgrammerError
from costrel.pages import PageReload

__all__ = ["GO", "PAGES_CHANGED", "main"]

GO = b"g"
PAGES_CHANGED = b"p"
_INTERRUPTED = 130


def main(plan_text: str, lifeline: int) -> int:
    """Serve what the parent asks for.

    Args:
        plan_text: a `ServePlan` as JSON; its settings name an inherited socket.
        lifeline: the reading end of the pipe from the parent.

    Returns:
        The exit code.
    """
    plan = ServePlan.from_json(plan_text)
    sys.argv[:] = ["costrel", "dev"]
    if os.read(lifeline, 1) != GO:
        return 0
    # A cached module counts as fresh when size and second of its source are the same, so of two quick changes the
    # second could be missed: what is being written is not cached.
    sys.dont_write_bytecode = True
    reload = PageReload()
    threading.Thread(target=_follow, args=(lifeline, reload), name="costrel-lifeline", daemon=True).start()
    try:
        return _serve(plan, reload)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _follow(lifeline: int, reload: PageReload) -> None:
    """Pass on what the parent says, and end this process when it has gone."""
    while os.read(lifeline, 1):
        reload.note_change()
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(plan: ServePlan, reload: PageReload) -> int:
    """Serve the application, or the page that says why it cannot start."""
    failure: BaseException | None
    try:
        app = load_for(plan)
        if plan.debug:
            _install(reload, app)
        app.build()
    except Exception as error:
        failure = error
    else:
        exit_code, failure = serve_app(app, plan, announce_start(plan, app.settings.threads, sys.stderr))
        if failure is None:
            return exit_code
    print_failure(failure)
    page = make_failure_app(describe_failure(failure))
    if plan.debug:
        _install(reload, page)
    exit_code, _ = serve_app(page, replace(plan, threads=None), partial(announce_failure, sys.stderr))
    return exit_code


def _install(reload: PageReload, app: App) -> None:
    """Let pages load themselves again, unless the application was built where it was made and takes nothing more."""
    try:
        app.install(reload)
    except ProgrammerError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
