"""The command `costrel`: its help texts, and the application's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from costrel.cli.root import root
from costrel.version import __version__

SNAPSHOTS = Path(__file__).parent / "snapshots"
WIDTH = 80

SHOP = """
import asyncio
import click
from costrel import App, current_app, url_for

app = App("shop", extensions=())

@app.get("/items/{id}")
def item(id: int): ...

@app.cli.group()
def users():
    "Manage users."

@users.command()
@click.argument("name")
def create(name):
    "Create a user."
    click.echo(f"{name} in {current_app.name} at {url_for('item', id=3)}")

@app.cli.command("wait")
async def wait_a_moment():
    "Wait a moment."
    await asyncio.sleep(0)
    click.echo(f"waited in {current_app.name}")

@app.cli.command()
def fail():
    raise RuntimeError("broken")
"""


def run(*arguments: str, **environ: str) -> Result:
    """Run a command line in this process."""
    return CliRunner().invoke(root, arguments, prog_name="costrel", env=environ)


@pytest.mark.parametrize("name", ["costrel", "dev", "run", "routes", "shell", "check", "doctor", "new", "explain"])
def test_the_help_of_every_command_is_as_it_was(folder: Path, name: str) -> None:
    """At 80 columns; write it anew with WRITE_SNAPSHOTS=1 and read what changed."""
    arguments = ["--help"] if name == "costrel" else [name, "--help"]
    shown = run(*arguments).output
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("WRITE_SNAPSHOTS") == "1":
        file.write_text(shown, "utf-8")

    assert file.read_text("utf-8") == shown
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "Example" in shown


def test_every_command_has_a_snapshot() -> None:
    """A new command is not forgotten."""

    assert {"costrel", *root.commands} == {path.stem for path in SNAPSHOTS.glob("*.txt")}


def test_the_version_is_told() -> None:
    """As every program does."""

    assert f"costrel {__version__}\n" == run("--version").output


@pytest.mark.capability("C154")
@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        pytest.param(["--app", "shop.py", "users", "create", "ann"], {}, "ann in shop at /items/3\n", id="by-option"),
        pytest.param(["wait"], {"COSTREL_APP": "shop:app"}, "waited in shop\n", id="by-variable-and-async"),
    ],
)
def test_the_commands_of_the_application_run_in_its_context(
    folder: Path, arguments: list[str], environ: dict[str, str], expected: str
) -> None:
    """`current_app` and `url_for` work, in groups and in `async def` too."""
    (folder / "shop.py").write_text(SHOP)
    result = run(*arguments, **environ)

    assert expected == result.output
    assert 0 == result.exit_code


def test_the_commands_of_an_application_that_lies_here_need_no_name(folder: Path) -> None:
    """`app.py` of the working directory is found."""
    (folder / "app.py").write_text(SHOP)

    assert "waited in shop\n" == run("wait").output


def test_the_help_lists_the_commands_of_the_application(folder: Path) -> None:
    """Below ours, under a heading of their own."""
    (folder / "app.py").write_text(SHOP)
    shown = run("--help").output

    assert "Commands of the application:\n  fail\n  users  Manage users.\n  wait   Wait a moment.\n" in shown


def test_the_help_survives_an_application_that_cannot_be_imported(folder: Path) -> None:
    """Our own commands are what helps then."""
    (folder / "app.py").write_text("1 / 0\n")
    result = run("--help")

    assert 0 == result.exit_code
    assert "The application cannot be imported: ZeroDivisionError" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        pytest.param(["usres"], 2, "No such command 'usres'. Did you mean 'users'?", id="a-misspelt-command"),
        pytest.param(["rotues"], 2, "Did you mean 'routes'?", id="a-misspelt-command-of-ours"),
        pytest.param(["--ap", "x"], 2, "Did you mean '--app'?", id="a-misspelt-option"),
        pytest.param(["--app", "gone.py", "users"], 2, "COS-CLI-002", id="no-such-application"),
        pytest.param(["--app", "bad.py", "users"], 1, "ZeroDivisionError", id="an-application-that-raises"),
    ],
)
def test_what_is_wrong_is_told_by_the_exit_code(folder: Path, arguments: list[str], exit_code: int, said: str) -> None:
    """1 is the application's fault, 2 the command line's."""
    (folder / "app.py").write_text(SHOP)
    (folder / "bad.py").write_text("1 / 0\n")
    result = run(*arguments)

    assert said in result.output
    assert exit_code == result.exit_code


def test_an_exception_of_a_command_comes_out(folder: Path) -> None:
    """Nothing hides a mistake in a command of the application."""
    (folder / "app.py").write_text(SHOP)

    assert isinstance(run("fail").exception, RuntimeError)


def test_the_door_imports_nothing() -> None:
    """The process that serves starts without click, and `import costrel` has no part of the command line."""
    code = "import sys, costrel, costrel.cli.child; print('click' in sys.modules, 'costrel.cli.root' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False False\n" == shown


def test_the_module_is_the_command() -> None:
    """`python -m costrel` is for where the script is not on the path."""
    shown = subprocess.run([sys.executable, "-m", "costrel", "--version"], capture_output=True, text=True, check=True)

    assert f"costrel {__version__}\n" == shown.stdout
