"""Running commands in tests: `costrel.cli.invoke`."""

from __future__ import annotations

import os

import click
import pytest

from costrel import App, current_app
from costrel.cli import invoke

pytestmark = pytest.mark.capability("X36")


def make_app() -> App:
    """An application with commands that end in different ways."""
    app = App("shop", extensions=())

    @app.cli.command()
    @click.argument("name")
    def create(name: str) -> None:
        click.echo(f"made {name} for {current_app.name}")

    @app.cli.command()
    def ask() -> None:
        click.echo(f"Hello, {click.prompt('Name')} of {os.environ.get('PLACE')}")

    @app.cli.command()
    def stop() -> None:
        raise SystemExit(7)

    @app.cli.command()
    def fail() -> None:
        raise RuntimeError("broken")

    return app


def test_a_command_tells_its_exit_code_and_output() -> None:
    """In the context of the very application that was given."""
    result = invoke(make_app(), ["create", "ann"])

    assert (0, "made ann for shop\n", None) == (result.exit_code, result.output, result.exception)


def test_a_command_reads_what_it_is_given() -> None:
    """Input and environment are those of the test."""
    result = invoke(make_app(), ["ask"], stdin="Ann\n", environ={"PLACE": "Hull"})

    assert result.output.endswith("Hello, Ann of Hull\n")
    assert "PLACE" not in os.environ


def test_an_exit_code_is_no_exception() -> None:
    """`SystemExit` is how a command says its code."""
    result = invoke(make_app(), ["stop"])

    assert (7, None) == (result.exit_code, result.exception)


def test_what_a_command_raises_is_there_to_look_at() -> None:
    """A test may expect it."""
    result = invoke(make_app(), ["fail"])

    assert 1 == result.exit_code
    assert isinstance(result.exception, RuntimeError)


def test_our_own_commands_know_the_application_too() -> None:
    """No import string is needed."""

    assert "shop: 0 routes, no mistakes.\n" == invoke(make_app(), ["check"]).output
