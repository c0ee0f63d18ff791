"""`costrel new`: a project that nobody has to mend first."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from costrel.cli.loading import load_app
from costrel.cli.new_command import make_project
from costrel.cli.root import root

FILES = {
    ".gitignore",
    "README.md",
    "app.py",
    "pyproject.toml",
    "static/style.css",
    "templates/index.html",
    "tests/conftest.py",
    "tests/test_app.py",
}


def test_a_project_has_its_files_and_its_name(folder: Path) -> None:
    """And nothing of the template is left."""
    result = CliRunner().invoke(root, ["new", "wine-shop"])
    home = folder / "wine-shop"
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}

    assert 0 == result.exit_code
    assert FILES == files
    assert 'name = "wine-shop"' in (home / "pyproject.toml").read_text()
    assert ".costrel/" in (home / ".gitignore").read_text().splitlines()
    assert not any("PROJECT" in path.read_text() for path in home.rglob("*") if path.is_file())
    assert "costrel dev" in result.output


def test_the_application_of_a_project_builds(folder: Path) -> None:
    """Without a mistake, and found without a name."""
    make_project(folder / "shop")

    assert "app" == load_app("shop/").name


def test_an_empty_folder_may_exist(folder: Path) -> None:
    """Somebody has made it already, or cloned an empty repository into it."""
    (folder / "shop").mkdir()

    assert len(FILES) == len(make_project(folder / "shop"))


def test_nothing_is_written_over(folder: Path) -> None:
    """A folder with anything in it is refused, and so is a file."""
    (folder / "shop").mkdir()
    (folder / "shop" / "app.py").write_text("mine")
    (folder / "file").write_text("mine")
    results = [CliRunner().invoke(root, ["new", name]) for name in ("shop", "file")]

    assert [2, 2] == [result.exit_code for result in results]
    assert all("is not an empty folder" in result.output for result in results)
    assert "mine" == (folder / "shop" / "app.py").read_text()


@pytest.mark.parametrize("name", ["1shop", "-shop", "wine shop", "shop!", "a" * 65, "häuser", "shop-"])
def test_a_name_that_no_distribution_may_have_is_refused(folder: Path, name: str) -> None:
    """It would fail later, and worse."""
    result = CliRunner().invoke(root, ["new", "--", name])

    assert 2 == result.exit_code
    assert "is not a name for a project" in result.output
    assert [] == list(folder.iterdir())
