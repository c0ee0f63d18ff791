"""Which application a command is about: the argument, ``--app``, ``COSTREL_APP``, or the one that is found here."""

from __future__ import annotations

import sys

import click

from costrel.app import App
from costrel.cli.loading import load_app
from costrel.cli.serving import exit_code_of
from costrel.cli.tracebacks import format_exception
from costrel.errors import ProgrammerError

__all__ = ["AppSource", "CommandFailed", "app_argument", "app_of", "source_of"]


class CommandFailed(click.ClickException):
    """Ends a command with an exit code and a text for people.

    Args:
        message: printed to standard error as it is.
        exit_code: of the process.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: object = None) -> None:
        """Print the message, its first line in red on a terminal."""
        head, newline, rest = self.message.partition("\n")
        click.echo(click.style(head, fg="red", bold=True) + newline + rest, err=True)

    @classmethod
    def of(cls, error: BaseException) -> CommandFailed:
        """Make one of an exception that the application or the command line caused."""
        return cls(format_exception(error), exit_code_of(error))


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
                raise CommandFailed.of(error) from error
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
            raise CommandFailed.of(error) from error
        return app


app_argument = click.argument("app", required=False)
"""The argument ``[APP]`` of the commands that are about an application."""


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
    sys.stdout.flush()
    return source_of(context, argument).load_built()
