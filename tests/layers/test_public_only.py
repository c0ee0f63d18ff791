"""The room is built on what third parties have too: rooms' doors and the names that these list."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import costrel.layers

ROOM = "costrel.layers"
MODULES = sorted(Path(costrel.layers.__file__).parent.glob("*.py"))


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import of our own packages, the name empty for a whole module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, "An import says where its module is."
            yield from ((str(node.module), alias.name) for alias in node.names)


def private_names_of(path: Path) -> Iterator[str]:
    """Yield private attributes that are asked of anything but the object or class itself."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
            yield f"{path.name}:{node.lineno} .{node.attr}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_layer_imports_public_names_through_doors(path: Path) -> None:
    """A name comes from the door of a room below, which lists it, or from this room."""
    wrong = []
    for module, name in imports_of(path):
        if module != "costrel" and not module.startswith("costrel."):
            continue
        is_own = module == ROOM or module.startswith(f"{ROOM}.")
        is_door = module.count(".") == 1 and module != ROOM
        listed = name in importlib.import_module(module).__all__
        if not name or not (is_own or is_door) or not listed or name.startswith("_"):
            wrong.append(f"from {module} import {name}")

    assert [] == wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_layer_asks_nobody_for_private_names(path: Path) -> None:
    """What begins with an underscore is asked of `self` alone."""

    assert [] == list(private_names_of(path))


def test_the_rooms_of_the_imports_are_below() -> None:
    """Nothing of this floor or above it is needed."""
    rooms = {
        module.split(".")[1] for path in MODULES for module, _ in imports_of(path) if module.startswith("costrel.")
    }

    assert set() == rooms & {"carry", "cli"}
