"""Finding templates in folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jinja2 import Environment, TemplateNotFound

from costrel.templating.loading import FolderLoader, MissingTemplate

ENVIRONMENT = Environment(autoescape=True)


def loader_of(*folders: Path, suggests_names: bool = True) -> FolderLoader:
    return FolderLoader(lambda: folders, suggests_names=suggests_names)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, files in ((first, ("a.html", "sub/b.html")), (second, ("a.html", "c.html"))):
        for name in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{folder.name} {name} ä", "utf-8")
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    return first, second


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.html", "first a.html ä", id="first-folder-wins"),
        pytest.param("sub/b.html", "first sub/b.html ä", id="below-a-folder"),
        pytest.param("c.html", "second c.html ä", id="second-folder-is-searched-too"),
    ],
)
def test_the_first_folder_that_has_a_template_wins(folders: tuple[Path, Path], name: str, expected: str) -> None:
    """Folders are searched in their order, and files are read as UTF-8."""
    text, file_name, _ = loader_of(*folders).get_source(ENVIRONMENT, name)

    assert expected == text
    assert Path(file_name).read_text("utf-8") == text


@pytest.mark.security("L3")
@pytest.mark.parametrize(
    "name",
    [
        "../secret.html",
        "sub/../../secret.html",
        "..\\secret.html",
        "/etc/passwd",
        "C:/windows/win.ini",
        "a.html\x00",
        "CON",
        "con.html",
        ".hidden.html",
        "a.html/",
        "sub",
        "a.html/b",
        "",
        "x" * 5000,
        "\udc80.html",
    ],
)
def test_a_name_that_leads_elsewhere_is_not_found(folders: tuple[Path, Path], name: str) -> None:
    """No name, whoever made it, leads out of the folders or to what is no template."""
    with pytest.raises(TemplateNotFound) as caught:
        loader_of(*folders).get_source(ENVIRONMENT, name)

    assert name == caught.value.name


def test_a_template_knows_whether_it_was_changed(folders: tuple[Path, Path]) -> None:
    """It is stale when its file has another time of change, or is gone."""
    path = folders[0] / "a.html"
    _, _, is_unchanged = loader_of(*folders).get_source(ENVIRONMENT, "a.html")
    fresh = is_unchanged()

    os.utime(path, ns=(1, 1))
    changed = is_unchanged()
    path.unlink()
    gone = is_unchanged()

    assert (True, False, False) == (fresh, changed, gone)


def test_all_templates_are_listed_once(folders: tuple[Path, Path]) -> None:
    """The list has every name, with slashes, sorted; folders that do not exist add nothing."""

    assert ["a.html", "c.html", "sub/b.html"] == loader_of(*folders, folders[0] / "none").list_templates()


def test_the_list_ends_at_a_thousand(tmp_path: Path) -> None:
    """A folder that is far too large costs no more than its first thousand files."""
    for number in range(1001):
        (tmp_path / f"{number}.html").touch()

    assert 1000 == len(loader_of(tmp_path).list_templates())


@pytest.mark.pain("P33")
def test_a_missing_template_says_where_was_searched(folders: tuple[Path, Path]) -> None:
    """The message has the name, every folder, whether it exists, and what has nearly the name."""
    missing = folders[0] / "none"

    with pytest.raises(MissingTemplate) as caught:
        loader_of(*folders, missing).get_source(ENVIRONMENT, "aa.html")

    expected = (
        "COS-TEMPLATE-001  There is no template `aa.html`.\n\n"
        f"    Searched, in this order:\n    {folders[0]}\n    {folders[1]}\n    {missing}  (does not exist)\n\n"
        "    Did you mean `a.html` or `c.html`?\n\n"
        "    See docs/errors/COS-TEMPLATE-001, or run `costrel explain COS-TEMPLATE-001`."
    )

    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["x" * 500], f"There is no template `{'x' * 200}`.", id="a-long-name-is-cut"),
        pytest.param(["x", "y"], "There is no template `x` or `y`.", id="several"),
        pytest.param([], "There is no template without a name.", id="none"),
    ],
)
def test_a_missing_template_names_what_was_asked_for(tmp_path: Path, names: list[str], expected: str) -> None:
    """All names that were tried are named, at a length that fits a log."""
    error = MissingTemplate(names, loader_of(tmp_path, suggests_names=False))

    assert expected == error.mistake.what
    assert "" == error.mistake.fix
