"""Running commands in tests, in this process and without a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from click.testing import CliRunner

from costrel.app import App
from costrel.cli.root import root
from costrel.cli.source import AppSource

__all__ = ["CommandResult", "run_command"]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command did.

    Args:
        exit_code: 0 when all went well.
        output: what it printed, standard output and standard error as a terminal would show them.
        exception: what ended it unexpectedly, `None` when nothing did; `SystemExit` is told by the exit code.
    """

    exit_code: int
    output: str
    exception: BaseException | None = None


def run_command(
    app: App, arguments: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None
) -> CommandResult:
    """Run ``costrel`` with `arguments` on behalf of `app`; see `costrel.cli.invoke`."""
    result = CliRunner().invoke(
        root, list(arguments), input=stdin, env=dict(environ or {}), obj=AppSource(None, app), prog_name="costrel"
    )
    exception = None if isinstance(result.exception, SystemExit) else result.exception
    return CommandResult(result.exit_code, result.output, exception)
