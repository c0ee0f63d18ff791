"""Which application a command is about: the argument, ``--app``, ``COSTREL_APP``, or the one that is found here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from costrel.app import App
from costrel.cli.loading import load_app
from costrel.cli.serving import describe_failure, exit_code_of, highlight
from costrel.cli.terminal import Paint
from costrel.errors import ProgrammerError

__all__ = [
    "AppSource",
    "CommandFailed",
    "StartFailed",
    "UsageFailed",
    "app_argument",
    "app_of",
    "failure_of",
    "source_of",
]

F = TypeVar("F", bound=Callable[..., object])


class CommandFailed(click.ClickException):
    """Ends a command with exit code 1: the application is wrong.

    Args:
        message: printed to standard error as it is, its first line in red on a terminal.
    """

    def show(self, file: object = None) -> None:
        """Print the message."""
        click.echo(highlight(self.message, Paint(sys.stderr)), err=True)


class UsageFailed(CommandFailed):
    """Ends a command with exit code 2: the command line or the environment is wrong."""

    exit_code = 2


class StartFailed(CommandFailed):
    """Ends a command with exit code 3: something that is needed to start is missing or taken."""

    exit_code = 3


def failure_of(error: BaseException) -> CommandFailed:
    """Return what ends a command because of an exception that the application or the command line caused."""
    classes = {2: UsageFailed, 3: StartFailed}
    return classes.get(exit_code_of(error), CommandFailed)(describe_failure(error))


class AppSource:
    """The application that the commands of one call are about.

    Args:
        text: an import string; `None` looks for one when it is needed.
        app: the application itself, when the caller has it already.
    """

    def __init__(self, text: str | None, app: App | None = None) -> None:
        self.text = text
        self._app = app

    @property
    def is_named(self) -> bool:
        """Whether somebody said which application it is."""
        return self.text is not None or self._app is not None

    def load(self) -> App:
        """Import it, once.

        Raises:
            CommandFailed: it cannot be imported.
        """
        if self._app is None:
            try:
                self._app = load_app(self.text)
            except Exception as error:
                raise failure_of(error) from error
        return self._app

    def load_built(self) -> App:
        """Import and build it.

        Raises:
            CommandFailed: it cannot be imported, or has mistakes.
        """
        app = self.load()
        try:
            app.build()
        except ProgrammerError as error:
            raise failure_of(error) from error
        return app


def app_argument(command: F) -> F:
    """Add the argument ``[APP]``, as the commands have it that are about an application."""
    return click.argument("app", required=False)(command)


def source_of(context: click.Context, argument: str | None) -> AppSource:
    """Return the application that the argument names, else that of ``--app``."""
    given = context.find_object(AppSource)
    if argument is not None or given is None:
        return AppSource(argument)
    return given


def app_of(context: click.Context, argument: str | None) -> App:
    """Return the application, imported and built.

    Raises:
        CommandFailed: it cannot be imported, or has mistakes.
    """
    return source_of(context, argument).load_built()
