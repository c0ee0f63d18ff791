"""`costrel run` and `dev` before they serve: what they refuse, and with which exit code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from costrel import App
from costrel.cli import invoke
from costrel.cli.root import root

BAD = "from costrel import App\napp = App(extensions=())\napp.add_route('x', print)\n"
GOOD = "from costrel import App\napp = App(extensions=())\n"


@pytest.mark.parametrize("command", ["run", "dev"])
@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        pytest.param(["good.py", "--workers", "2", "--reload"], 2, "are one process", id="workers-that-reload"),
        pytest.param(["good.py", "--workers", "0"], 2, "COS-SERVER-001", id="no-workers"),
        pytest.param(["good.py", "--port", "70000"], 2, "COS-SERVER-001", id="a-port-out-of-range"),
        pytest.param(["good.py", "--port", "x"], 2, "is not a valid integer", id="a-port-that-is-no-number"),
        pytest.param(["good.py", "--threads", "0"], 2, "is not in the range", id="no-threads"),
        pytest.param(["good.py", "--uds", "a", "--fd", "3"], 2, "COS-SERVER-001", id="two-places-to-listen"),
        pytest.param(["good.py", "--header-timeout", "3"], 2, "'--header-timeout-seconds'", id="a-misspelt-option"),
        pytest.param(["good.py", "more"], 2, "unexpected extra argument", id="two-applications"),
    ],
)
def test_a_wrong_command_line_is_refused(
    folder: Path, command: str, arguments: list[str], exit_code: int, said: str
) -> None:
    """With the reason, before anything is opened."""
    (folder / "good.py").write_text(GOOD)
    result = CliRunner().invoke(root, [command, *arguments])

    assert said in result.output
    assert exit_code == result.exit_code


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        pytest.param(["gone.py"], 2, "COS-CLI-002", id="no-such-file"),
        pytest.param([], 2, "COS-CLI-005", id="nothing-named-nothing-found"),
        pytest.param(["bad.py"], 1, "COS-ROUTE-001", id="an-application-with-mistakes"),
        pytest.param(["raises.py"], 1, "ZeroDivisionError", id="an-application-that-raises"),
    ],
)
def test_an_application_that_cannot_be_served_is_told_by_the_exit_code(
    folder: Path, arguments: list[str], exit_code: int, said: str
) -> None:
    """1 for the application, 2 for the command line."""
    (folder / "bad.py").write_text(BAD)
    (folder / "raises.py").write_text("1 / 0\n")
    result = CliRunner().invoke(root, ["run", *arguments])

    assert said in result.output
    assert exit_code == result.exit_code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["run", "--server", "nginx"], "is not one of", id="an-unknown-server"),
        pytest.param(["run", "--server", "uvicorn", "--reload"], "for our own server", id="another-server-reloads"),
        pytest.param(["dev", "--server", "uvicorn"], "No such option '--server'", id="another-server-in-development"),
    ],
)
def test_other_servers_are_for_production(folder: Path, arguments: list[str], said: str) -> None:
    """Reload and debug pages are our own server's."""
    (folder / "app.py").write_text(GOOD)
    result = CliRunner().invoke(root, arguments)

    assert said in result.output
    assert 2 == result.exit_code


def test_workers_are_for_production(folder: Path) -> None:
    """Also those of the environment, which a shell may have from a deployment."""
    (folder / "good.py").write_text(GOOD)
    result = CliRunner().invoke(root, ["dev", "good.py", "--no-reload"], env={"COSTREL_WORKERS": "4"})

    assert "Development and reload are one process: leave `--workers` out." in result.output
    assert 2 == result.exit_code


def test_workers_cannot_serve_an_application_that_is_here_already() -> None:
    """They are processes of their own and import what they serve."""
    result = invoke(App("here", extensions=()), ["run", "--workers", "2", "--port", "0"])

    assert "Workers import the application themselves" in result.output
    assert 2 == result.exit_code


def test_an_engine_that_is_not_installed_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line to copy, and 3: it could not start."""
    (folder / "good.py").write_text(GOOD)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = CliRunner().invoke(root, ["run", "good.py", "--server", "granian"])

    assert "    pip install granian\n" in result.output
    assert 3 == result.exit_code


def test_a_wrong_variable_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is a part of the command line."""
    (folder / "good.py").write_text(GOOD)
    monkeypatch.setenv("COSTREL_BACKLOG", "many")
    result = CliRunner().invoke(root, ["run", "good.py"])

    assert "COSTREL_BACKLOG" in result.output
    assert 2 == result.exit_code
