"""`costrel shell`: a Python prompt inside an application, where `await` works.

Everything that is typed, awaited or not, runs in one context, in which the application is current; so what one line
sets, the next one sees.
"""

from __future__ import annotations

import ast
import asyncio
import code
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from types import CodeType, FunctionType
from typing import Any, TypeVar

import click

from costrel.app import App
from costrel.cli.help import CliCommand
from costrel.cli.source import app_argument, app_of
from costrel.cli.tracebacks import format_exception
from costrel.testing import make_request
from costrel.version import __version__

__all__ = ["Prompt", "shell_command"]

T = TypeVar("T")


@click.command(
    "shell", cls=CliCommand, example=("costrel shell shop.py", 'costrel shell shop.py -c "print(await count_users())"')
)
@app_argument
@click.option("-c", "--command", help="Run this text instead of asking for lines.")
@click.option("--start", is_flag=True, help="Start the application first: its lifespan and `on_start` functions run.")
@click.pass_context
def shell_command(context: click.Context, /, app: str | None, command: str | None, start: bool) -> None:
    """Open a Python prompt inside an application; `await` works in it.

    The names at the prompt are app, url_for, client() for requests through the whole application, and
    make_request(method, path) for a request to look at.
    """
    built = app_of(context, app)
    with Prompt(built, starts=start) as prompt:
        context.exit(prompt.run_text(command) if command is not None else prompt.interact_here())


class Prompt:
    """A prompt inside an application; a context manager.

    Args:
        app: what is current in it.
        starts: whether the application is started too.
    """

    def __init__(self, app: App, *, starts: bool = False) -> None:
        self.names: dict[str, Any] = {  # whatever is typed at the prompt
            "__name__": "__console__",
            "app": app,
            "client": app.test_client,
            "make_request": functools.partial(make_request, app),
            "url_for": app.url_for,
        }
        self._app = app
        self._context: Context = copy_context()
        self._runner = asyncio.Runner()
        self._app_context = app.app_context()
        self._lifespan = app.lifespan() if starts else None

    def __enter__(self) -> Prompt:
        self._runner.__enter__()
        self._context.run(self._app_context.__enter__)
        if self._lifespan is not None:
            self.wait_for(self._lifespan.__aenter__())
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if self._lifespan is not None:
                self.wait_for(self._lifespan.__aexit__(None, None, None))
        finally:
            self._context.run(self._app_context.__exit__, None, None, None)
            self._runner.close()

    def wait_for(self, awaitable: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, in the context of the prompt."""
        return self._runner.run(awaitable, context=self._context)

    def run_code(self, compiled: CodeType) -> None:
        """Run what was typed; when it awaits, wait for it."""
        value = self._context.run(FunctionType(compiled, self.names))
        if inspect.iscoroutine(value):
            self.wait_for(value)

    def run_text(self, text: str) -> int:
        """Run several lines at once; return the exit code, 1 after an exception."""
        try:
            self.run_code(compile(text, "<command>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        except Exception as error:
            click.echo(format_exception(error), err=True)
            return 1
        return 0

    def interact_here(self) -> int:
        """Read lines until the end of the input; return the exit code."""
        with contextlib.suppress(ImportError):  # a Python without readline
            import readline
            import rlcompleter

            readline.set_completer(rlcompleter.Completer(self.names).complete)
            readline.parse_and_bind("tab: complete")
        banner = (
            f"Costrel {__version__}, Python {sys.version.partition(' ')[0]}, application {self._app.name!r}\n"
            "Names: app, client, make_request, url_for. `await` works. Ctrl+D ends it."
        )
        _Console(self.names, self.run_code).interact(banner, exitmsg="")
        return 0


class _Console(code.InteractiveConsole):
    """Python's own prompt, whose lines may await."""

    def __init__(self, names: dict[str, Any], run: Callable[[CodeType], None]) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._run = run

    def runcode(self, compiled: CodeType) -> None:
        """Run one statement and show what it raises."""
        try:
            self._run(compiled)
        except SystemExit:
            raise
        except BaseException as error:
            self.write(f"{format_exception(error)}\n")
