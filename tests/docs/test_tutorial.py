"""The tutorial: its blocks are the files of `examples/tutorial`, and those do what the text says."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from costrel import App

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples" / "tutorial"
PAGES = ["index", "typed", "form", "session", "test", "deploy"]
FILES = sorted(path for pattern in ("*.py", "templates/*.html") for path in EXAMPLES.glob(pattern))

_NAMED = re.compile(r"^```\w+\n(?:# |\{# )([\w./]+)(?: #\})?\n.*?^```$", re.DOTALL | re.MULTILINE)


def named_blocks() -> dict[str, str]:
    """Return the blocks of the tutorial whose first line names a file."""
    found = {}
    for page in PAGES:
        for match in _NAMED.finditer((ROOT / "docs" / "tutorial" / f"{page}.md").read_text("utf-8")):
            found[match[1]] = match[0].split("\n", 1)[1].removesuffix("```")
    return found


@pytest.fixture
def tutorial(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the files importable by their names, as they are for who follows the tutorial."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("COSTREL_SECRET_KEY", "a key for the tests alone")
    yield EXAMPLES
    for path in FILES:
        sys.modules.pop(path.stem, None)


def load(name: str) -> ModuleType:
    """Import one of the files."""
    return importlib.import_module(name)


def app_of(name: str) -> App:
    """Import one of the files and return its application."""
    app = load(name).app
    assert isinstance(app, App)
    return app


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_printed_in_the_tutorial(path: Path) -> None:
    """Each file stands in the tutorial, to the letter."""

    assert path.read_text("utf-8") == named_blocks().get(str(path.relative_to(EXAMPLES)))


def test_hello(tutorial: Path) -> None:
    """The first page says hello, and another path is 404."""
    with app_of("hello").test_client() as client:
        assert client.get("/").text == "<h1>Hello</h1>"
        assert client.head("/").status_code == 200
        assert client.get("/nowhere").status_code == 404


def test_typed(tutorial: Path) -> None:
    """Types decide what comes in, and every mistake is listed."""
    with app_of("typed").test_client() as client:
        assert client.post("/books", json={"title": "Emma", "pages": 474}).status_code == 201
        assert client.get("/books/0").json() == {"title": "Emma", "pages": 474}
        assert len(client.get("/books?limit=5").json()) == 1
        wrong = client.post("/books", json={"title": "", "pages": "many"})
        assert wrong.status_code == 422
        assert [error["at"] for error in wrong.json()["errors"]] == ["$.title", "$.pages"]
        assert client.get("/books/emma").status_code == 404
        assert client.get("/books/7").status_code == 404
        assert client.get("/books?limit=x").status_code == 422


def test_form(tutorial: Path) -> None:
    """The form adds a book, and what it shows is escaped."""
    with app_of("form").test_client() as client:
        answer = client.post("/", data={"title": "<script>"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "<li>&lt;script&gt;</li>" in client.get("/").text


def test_the_tests_of_the_tutorial_pass(tutorial: Path) -> None:
    """What the fifth page tells the reader to run is green."""
    module = load("test_shelf")
    tests = [member for name, member in inspect.getmembers(module, inspect.isfunction) if name.startswith("test_")]

    assert len(tests) == 3
    for test in tests:
        test()


def test_clearing_the_shelf(tutorial: Path) -> None:
    """The button of the fourth page works."""
    with app_of("shelf").test_client() as client:
        client.post("/", data={"title": "Emma"})

        assert "It is empty." in client.post("/clear", follow_redirects=True).text
