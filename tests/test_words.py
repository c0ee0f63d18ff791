"""The words: what docstrings and comments name exists, and every test says which rule it states.

A name in backticks is a promise that the reader can search for it: a name of our source, of a builtin or of the standard
library. What is only an example stands in double backticks, and nobody checks it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import keyword
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "costrel"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
NAME = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.\w+)*)`(?!`)")
SECTION = re.compile(r"^(Args|Attributes|Raises):\n((?:(?: {4}.*)?\n)*)", re.MULTILINE)
ENTRY = re.compile(r"^ {4}(\*{0,2}\w[\w, .*]*):(?: |$)", re.MULTILINE)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Vocabulary:
    """Every name of the source, and what belongs to its classes; classes of one name are taken together."""

    names: set[str] = field(default_factory=lambda: {*dir(builtins), *keyword.kwlist})
    members: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    parameters: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bases: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, node: ast.AST) -> None:
        """Take the names that one node of a syntax tree has."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                self.names.add(name)
            case ast.alias(name=name, asname=other):
                self.names.update((other or name).split("."))
            case ast.ImportFrom(module=str(name)):
                self.names.update(name.split("."))
            case ast.Constant(value=str(text)) if text.isidentifier():
                self.names.add(text)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.names.add(name)
            case ast.ClassDef(name=name):
                self.names.add(name)
                self._note_class(node)

    def _note_class(self, node: ast.ClassDef) -> None:
        self.bases[node.name].update(ast.unparse(base).partition("[")[0].split(".")[-1] for base in node.bases)
        for inner in ast.walk(node):
            match inner:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self.members[node.name].add(name)
                    if name in ("__init__", "__new__"):
                        self.parameters[node.name].update(parameters_of(inner))
                case ast.Attribute(value=ast.Name(id="self"), attr=name) | ast.Name(id=name, ctx=ast.Store()):
                    self.members[node.name].add(name)

    def is_member(self, owner: str, name: str, *, of_call: bool = False) -> bool:
        """Whether a class has the member; a class that builds on somebody else's may have any."""
        if owner in ("Protocol", "Generic"):
            return False
        if owner not in self.bases:
            return True
        own = self.members[owner] | self.parameters[owner] if of_call else self.members[owner]
        return name in own or any(self.is_member(base, name, of_call=of_call) for base in self.bases[owner] - {owner})

    def knows(self, words: str) -> bool:
        """Whether a name, perhaps with dots in it, exists."""
        parts = words.split(".")
        if parts[-1] == "py":
            return parts[0] in self.names
        if parts[0] in sys.stdlib_module_names and resolves(words):
            return True
        if not self.names.issuperset(parts):
            return False
        return all(
            self.is_member(owner, name)
            for owner, name in zip(parts, parts[1:], strict=False)
            if owner in self.bases
        )


def resolves(words: str) -> bool:
    """Whether a module of the standard library has the name."""
    module, _, rest = words.partition(".")
    value: object = importlib.import_module(module)
    for part in filter(None, rest.split(".")):
        module = f"{module}.{part}"
        if not hasattr(value, part) and importlib.util.find_spec(module) is None:
            return False
        value = getattr(value, part, None) or importlib.import_module(module)
    return True


def parameters_of(function: Function) -> set[str]:
    """Return the names of a function's parameters."""
    given = function.args
    starred = [parameter for parameter in (given.vararg, given.kwarg) if parameter is not None]
    return {parameter.arg for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs, *starred)}


@cache
def vocabulary() -> Vocabulary:
    """Read the whole source once."""
    known = Vocabulary()
    for path in MODULES:
        known.names.update(path.relative_to(SOURCE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            known.note(node)
    return known


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings and the comments of a module with their lines."""
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented):
            for statement in node.body:
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(docstring))):
                        yield statement.lineno, docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def entries(docstring: str, section: str) -> Iterator[str]:
    """Yield the names that a section of a docstring explains."""
    for title, content in SECTION.findall(docstring + "\n"):
        if title == section:
            for names in ENTRY.findall(content):
                yield from (name.strip().lstrip("*") for name in names.split(","))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_names_in_docstrings_and_comments_exist(path: Path) -> None:
    """A name in backticks can be found; one that was renamed or removed is named nowhere any more."""
    known = vocabulary()
    stale = [
        f"{path.name}:{line}: {name}" for line, text in prose(path) for name in NAME.findall(text) if not known.knows(name)
    ]

    assert [] == stale


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_sections_of_a_docstring_speak_of_what_is_there(path: Path) -> None:
    """`Args` explains parameters, `Attributes` members, and `Raises` classes that exist."""
    known = vocabulary()
    stale = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ClassDef | Function):
            continue
        docstring = ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            is_argument = [name for name in entries(docstring, "Args") if not known.is_member(node.name, name, of_call=True)]
            stale += [f"{node.name}: {name}" for name in is_argument]
        else:
            stale += [f"{node.name}: {name}" for name in entries(docstring, "Args") if name not in parameters_of(node)]
        stale += [f"{node.name}: {name}" for name in entries(docstring, "Raises") if not known.knows(name)]
        if isinstance(node, ast.ClassDef):
            named = entries(docstring, "Attributes")
            stale += [f"{node.name}: {name}" for name in named if not known.is_member(node.name, name)]

    assert [] == stale


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_states_its_rule(path: Path) -> None:
    """The docstring of a test is the sentence that it proves."""
    silent = [
        f"{path.name}:{node.lineno}: {node.name}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, Function) and node.name.startswith("test_") and ast.get_docstring(node) is None
    ]

    assert [] == silent
