"""What the pages claim about names: what stands in backticks exists."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

import costrel
from costrel import Request, Response, errors
from costrel.app import AppSettings
from costrel.cli.root import root
from costrel.server import ServerSettings

DOCS = Path(__file__).parent.parent.parent / "docs"
FIELDS = {field.name for cls in (AppSettings, ServerSettings) for field in dataclasses.fields(cls)}
LOGGERS = {"costrel.access"}
PROCESS_VARIABLES = {"COSTREL_APP", "COSTREL_LOOP", "COSTREL_EDITOR"}

_DOTTED = re.compile(r"`(costrel(?:\.\w+)+)(?:\(.*?\))?`")
_VARIABLE = re.compile(r"\bCOSTREL_[A-Z_]+[A-Z]\b")
_UNTIL_BLANK = re.compile(r"^\| (`.*?) \|", re.MULTILINE)


def resolves(dotted: str) -> bool:
    """Whether a dotted name leads to something; the name of a logger is none."""
    if dotted in LOGGERS:
        return True
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for attribute in parts[length:]:
            if not hasattr(value, attribute):
                return False
            value = getattr(value, attribute)
        return True
    return False


def test_dotted_names_exist(page: Path) -> None:
    """Each `costrel.…` in backticks can be imported."""
    names = set(_DOTTED.findall(page.read_text("utf-8")))

    assert [] == sorted(name for name in names if not resolves(name))


def test_variables_of_the_environment_exist(page: Path) -> None:
    """Each `COSTREL_…` is a setting, or one of the few of the process."""
    command_variables = {
        str(parameter.envvar) for command in (root, *root.commands.values()) for parameter in command.params
    } | {
        match
        for command in root.commands.values()
        for parameter in command.params
        for match in _VARIABLE.findall(str(getattr(parameter, "env", "")))
    }
    known = {f"COSTREL_{name.upper()}" for name in FIELDS} | PROCESS_VARIABLES | command_variables

    assert set() == set(_VARIABLE.findall(page.read_text("utf-8"))) - known


@pytest.mark.parametrize(("page_name", "cls"), [("request", Request), ("response", Response)])
def test_the_tables_of_the_reference_name_what_is_there(page_name: str, cls: type) -> None:
    """Each name in the first column of a table is an attribute."""
    text = (DOCS / "reference" / f"{page_name}.md").read_text("utf-8")
    cells = [cell for cell in _UNTIL_BLANK.findall(text) if "app.state" not in cell]
    names = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    slots = {slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())}
    known = {*dir(cls), *slots, *costrel.__all__}

    assert set() == names - known


def test_every_front_door_name_is_documented() -> None:
    """What `from costrel import …` offers is on a page, the classes of the statuses aside."""
    text = "\n".join(path.read_text("utf-8") for path in DOCS.rglob("*.md"))
    statuses = {name for name in vars(errors) if hasattr(vars(errors)[name], "fixed_status_code")}
    missing = [name for name in costrel.__all__ if name not in statuses and not re.search(rf"\b{name}\b", text)]

    assert ["__version__"] == missing
