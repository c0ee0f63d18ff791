"""Which application a command is about."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from costrel import App
from costrel.cli.source import AppSource, CommandFailed, StartFailed, UsageFailed, failure_of, source_of
from costrel.errors import ConfigurationError, Mistake

SHOP = "from costrel import App\nprint('imported')\napp = App('shop', extensions=())\n"


def context_with(source: AppSource | None) -> click.Context:
    """A context below one of the root command."""
    return click.Context(click.Command("routes"), parent=click.Context(click.Command("costrel"), obj=source))


def test_the_argument_comes_before_the_option() -> None:
    """What stands nearer to the command wins."""
    given = AppSource("option:app")

    assert "argument:app" == source_of(context_with(given), "argument:app").text
    assert given is source_of(context_with(given), None)
    assert source_of(context_with(None), None).text is None


def test_an_application_is_imported_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However often a command asks for it."""
    (folder / "shop.py").write_text(SHOP)
    source = AppSource("shop.py")

    assert source.load() is source.load_built()
    assert "imported\n" == capsys.readouterr().out


def test_an_application_that_is_there_is_not_looked_for() -> None:
    """Tests bring their own."""
    app = App("shop", extensions=())

    assert app is AppSource(None, app).load()
    assert AppSource(None, app).is_named
    assert not AppSource(None).is_named


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(KeyError("a"), CommandFailed, id="the-application"),
        pytest.param(ConfigurationError(Mistake("COS-CLI-001", "Wrong.")), UsageFailed, id="the-command-line"),
        pytest.param(ConfigurationError(Mistake("COS-SERVER-002", "Wrong.")), StartFailed, id="the-start"),
    ],
)
def test_a_failure_has_the_exit_code_of_its_kind(error: Exception, expected: type[CommandFailed]) -> None:
    """1, 2 and 3."""
    failure = failure_of(error)

    assert type(failure) is expected
    assert {CommandFailed: 1, UsageFailed: 2, StartFailed: 3}[expected] == failure.exit_code
