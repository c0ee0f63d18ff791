"""The command line: `costrel dev`, `run`, `routes`, `shell`, `check`, `doctor`, `new`, `explain`; and an app's own.

The door holds two names and imports nothing, so that the process that serves starts without click. Read `root` for the
commands, `import_string` and `loading` for how an application is found, `serving` for what runs it, `reload` for the
process that watches files.

Exit codes: 0 all is well, 1 the application is wrong, 2 the command line is wrong, 3 it could not start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from costrel.app import App
    from costrel.cli.runner import CommandResult

__all__ = ["invoke", "main"]


def main() -> None:
    """Run the command that `sys.argv` names and end the process with its exit code."""
    from costrel.cli.root import root

    root(prog_name="costrel")


def invoke(
    app: App, arguments: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None
) -> CommandResult:
    """Run a command of `app` in this process and return what it did; for tests.

    Args:
        app: whose commands are known, besides Costrel's own.
        arguments: as on the command line, without ``costrel``: ``["users", "create", "ann"]``.
        stdin: what the command reads.
        environ: variables that are set while it runs.

    Returns:
        Its exit code, what it printed, and the exception that ended it, if one did.
    """
    from costrel.cli.runner import run_command

    return run_command(app, arguments, stdin=stdin, environ=environ)
