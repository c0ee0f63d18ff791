"""Every block of code in the documentation: it compiles, what it imports exists, and what is meant to run runs."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from costrel import App
from costrel.cli.root import root

NO_ASYNC_CONTEXT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_a_python_block_compiles(python_block: Any) -> None:
    """A block can be copied: it has no slip in it."""
    compile(python_block.text, python_block.place, "exec", flags=NO_ASYNC_CONTEXT)


def test_what_a_python_block_imports_exists(python_block: Any) -> None:
    """Names that a block imports from Costrel are there."""
    tree = ast.parse(python_block.text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module is not None]
    missing = [
        f"{node.module}.{alias.name}"
        for node in imports
        if (node.module or "").split(".")[0] == "costrel"
        for alias in node.names
        if not hasattr(importlib.import_module(node.module or ""), alias.name)
    ]

    assert [] == missing


def run(block: Any) -> None:
    """Run a block as a module, and build the application that it makes."""
    namespace: dict[str, object] = {"__name__": "example"}
    exec(compile(block.text, block.place, "exec"), namespace)
    app = namespace.get("app")
    if isinstance(app, App):
        app.build()


def test_a_block_that_is_meant_to_run_runs(run_block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs to its end, its asserts hold, and its application has no mistake."""
    monkeypatch.chdir(tmp_path)
    run(run_block)


def test_a_block_of_the_readme_runs(readme_block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first code that a reader sees works."""
    monkeypatch.chdir(tmp_path)
    run(readme_block)


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each line that calls `costrel`."""
    lines = [re.split(r"\s{2,}#|\s*&&\s*", line)[0] for line in text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("costrel ")]


def test_commands_in_console_blocks_exist(console_block: Any) -> None:
    """A command is spelt as it is, and so are its options."""
    unknown = []
    for words in commands_of(console_block.text):
        command = root.commands.get(words[1]) if not words[1].startswith("-") else root
        if command is None:
            unknown.append(words[1])
            continue
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        options |= set(command.get_help_option_names(click.Context(command)))
        unknown += [word for word in words[1:] if word.startswith("-") and word.partition("=")[0] not in options]

    assert [] == unknown
