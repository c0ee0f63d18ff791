"""The shape of the house: floors, the front door, the size of files, names that tell what lives in them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "costrel"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py"))
MAX_SOURCE_LINES = 600
MAX_TEST_LINES = 900
JUNK_DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def imported_modules(path: Path) -> set[str]:
    """Return the names of everything a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    """Every module opens with a docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))

    assert docstring


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nobody_inside_imports_the_front_door(path: Path) -> None:
    """Importing `costrel` itself from inside would make its start slow and its floors a cycle."""
    if path == SOURCE / "__init__.py":
        pytest.skip("this is the front door")

    assert "costrel" not in imported_modules(path)


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_held_in_mind(path: Path) -> None:
    """A file that grew past its limit holds two ideas and is split by them."""
    limit = MAX_SOURCE_LINES if SOURCE in path.parents else MAX_TEST_LINES

    assert len(path.read_text("utf-8").splitlines()) <= limit


def test_no_file_is_a_junk_drawer() -> None:
    """A name that says nothing about its content attracts everything."""
    drawers = [path for path in [*MODULES, *TESTS] if path.stem in JUNK_DRAWERS]

    assert [] == drawers


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_silences_its_tools(path: Path) -> None:
    """An excuse in the code is a defect that nobody sees again."""
    excuses = re.findall(r"# type: ignore|# noqa|pragma: no cover|\bTODO\b|\bFIXME\b|\bXXX\b", path.read_text("utf-8"))

    assert [] == excuses


@pytest.mark.pain("P25")
def test_serving_imports_no_battery() -> None:
    """What a plain app does not use is not imported with it."""
    code = "import sys; from costrel import App; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    batteries = {
        "jinja2",
        "click",
        "websockets",
        "itsdangerous",
        "multipart",
        "msgspec",
        "httptools",
        "uvloop",
        "pydantic",
    }
    heavy = {"asyncio", "email", "http", "ssl", "json", "difflib", "tempfile", "tomllib", "unittest", "pdb"}
    rooms = {name.split(".")[1] for name in loaded if name.startswith("costrel.")}

    assert set() == (batteries | heavy) & set(loaded)
    assert {"app", "errors", "version"} == rooms


@pytest.mark.pain("P25")
def test_whoever_makes_an_app_has_imported_what_serves_it() -> None:
    """What an import of `App` leaves out is there before the first request: none of them imports anything."""
    code = """
import sys
from costrel import App, UploadFile, g, redirect, request, session, url_for
from costrel.app import AppSettings

app = App(settings=AppSettings(secret_key="a" * 32))

@app.get("/thing/{id}")
def thing(id: int, page: int = 1) -> dict[str, str]:
    g.seen = True
    session["page"] = page
    return {"url": url_for("thing", id=id), "path": request.path}

@app.post("/form")
def form(file: UploadFile):
    return redirect(url_for("thing", id=1))

@app.get("/stream")
def stream():
    yield "a"

@app.errorhandler(LookupError)
def missing(error: LookupError) -> tuple[str, int]:
    return "missing", 404

@app.get("/missing")
async def fail() -> str:
    raise LookupError

@app.get("/passed/{page}", fallthrough=True)
async def passed(page: str) -> str:
    return page

with app.test_client() as client:
    before = set(sys.modules)
    client.get("/thing/1?page=2", cookies={"a": "b"})
    client.post("/form", files={"file": ("name.txt", b"content")})
    for path in ("/stream", "/missing", "/passed/a", "/nowhere"):
        client.get(path)
    print(*sorted(name for name in set(sys.modules) - before if name.startswith("costrel")))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert [] == loaded
