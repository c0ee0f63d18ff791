"""Before and after an application is served: what it is given, and how a failure is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from costrel.cli.plan import ServePlan
from costrel.cli.serving import describe_failure, exit_code_of, highlight, load_for
from costrel.errors import BuildError, ConfigurationError, Mistake

SHOP = """
from costrel import App
from costrel.app import AppSettings

app = App(extensions=())
fixed = App(extensions=(), settings=AppSettings(threads=3))
"""


@pytest.mark.capability("X35")
@pytest.mark.parametrize("attribute", ["app", "fixed"])
def test_development_is_debug_with_a_key(folder: Path, monkeypatch: pytest.MonkeyPatch, attribute: str) -> None:
    """Also for an application whose settings stand in its code."""
    (folder / "shop.py").write_text(SHOP)
    monkeypatch.setenv("COSTREL_DEBUG", "0")
    monkeypatch.setenv("COSTREL_SECRET_KEY", "the key of this folder")
    app = load_for(ServePlan(app=f"shop:{attribute}", debug=True))

    assert app.debug
    assert ("the key of this folder",) == app.settings.secret_keys
    assert "1" == os.environ["COSTREL_DEBUG"]


def test_production_leaves_the_application_alone(folder: Path) -> None:
    """Nothing is set that nobody asked for."""
    (folder / "shop.py").write_text(SHOP)
    app = load_for(ServePlan(app="shop:fixed"))

    assert (False, 3, None) == (app.debug, app.settings.threads, app.settings.secret_key)


def test_the_command_line_decides_about_threads(folder: Path) -> None:
    """Over what stands in the code."""
    (folder / "shop.py").write_text(SHOP)

    assert 7 == load_for(ServePlan(app="shop:fixed", threads=7)).settings.threads


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(RuntimeError(), 1, id="the-application-raised"),
        pytest.param(BuildError([Mistake("COS-ROUTE-001", "Wrong.")]), 1, id="the-application-has-mistakes"),
        pytest.param(ConfigurationError(Mistake("COS-CLI-005", "Wrong.")), 2, id="nothing-was-named"),
        pytest.param(ConfigurationError(Mistake("COS-SERVER-001", "Wrong.")), 2, id="a-setting-is-wrong"),
        pytest.param(ConfigurationError(Mistake("COS-SERVER-002", "Wrong.")), 3, id="it-cannot-listen"),
    ],
)
def test_the_exit_code_says_whose_fault_it_is(error: Exception, expected: int) -> None:
    """1 the application, 2 the command line, 3 the start."""

    assert expected == exit_code_of(error)


def test_a_failure_is_shown_with_what_may_help() -> None:
    """The hint stands below the traceback, and the line that says what happened is the one in colour."""
    try:
        exec("from costrel import render_template", {})
    except ImportError as error:
        shown = highlight(describe_failure(error), lambda text, *_: f"<{text}>")

    assert shown.endswith(">\n\n    `costrel.render_template` is `costrel.render` here.")
    assert "\n<ImportError: cannot import name 'render_template' from 'costrel'" in shown


def test_an_address_that_is_taken_is_told_in_one_sentence() -> None:
    """And not with a traceback through the event loop."""
    shown = describe_failure(OSError(errno.EADDRINUSE, "Address already in use"))

    assert shown == (
        "The server cannot listen: another process has the port; choose one with --port (Address already in use)."
    )


def test_an_error_of_the_system_in_the_users_code_keeps_its_traceback() -> None:
    """The application may listen somewhere itself."""
    try:
        raise OSError(errno.EADDRINUSE, "Address already in use")
    except OSError as error:
        shown = describe_failure(error)

    assert shown.startswith("Traceback")
    assert "test_serving.py" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("COS-CLI-001  Wrong.\n\n    Why.", "<COS-CLI-001  Wrong.>\n\n    Why.", id="a-mistake"),
        pytest.param("Traceback:\n  File\nKeyError", "Traceback:\n  File\n<KeyError>", id="a-traceback"),
        pytest.param('  File "a"\nSyntaxError', '  File "a"\n<SyntaxError>', id="a-syntax-error"),
    ],
)
def test_the_line_that_says_what_happened_stands_out(text: str, expected: str) -> None:
    """The first of a mistake, the last of a traceback."""

    assert expected == highlight(text, lambda line, *_: f"<{line}>")
