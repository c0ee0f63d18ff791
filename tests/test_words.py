"""The words: what docstrings and comments name exists, and every test says which rule it states.

A name in backticks is a promise that the reader can search for it: a name of our source, a builtin, or one of a module
that the source imports or that comes with Python. What is only an example stands in double backticks, unchecked.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import pkgutil
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
UNREAD = object()
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Vocabulary:
    """Every name of the source, and what belongs to its classes; classes of one name are taken together."""

    names: set[str] = field(default_factory=lambda: {*dir(builtins), *keyword.kwlist})
    modules: set[str] = field(default_factory=lambda: set(sys.stdlib_module_names))
    members: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    parameters: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bases: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, node: ast.AST) -> None:
        """Take the names that one node of a syntax tree has."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                self.names.add(name)
            case ast.Import(names=aliases):
                self.modules.update(alias.name.partition(".")[0] for alias in aliases)
            case ast.ImportFrom(module=str(name)):
                self.modules.add(name.partition(".")[0])
            case ast.alias(name=name, asname=other):
                self.names.add(other or name)
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

    def ancestors(self, owner: str) -> set[str]:
        """Return the name of a class and those of all that it builds on."""
        found: set[str] = set()
        waiting = {owner}
        while waiting:
            found |= waiting
            waiting = {base for name in waiting for base in self.bases.get(name, ())} - found
        return found - {"Protocol", "Generic"}

    def is_member(self, owner: str, name: str) -> bool:
        """Whether a class has the member; a class that builds on somebody else's may have any."""
        for each in self.ancestors(owner):
            foreign = None if each in self.bases else getattr(builtins, each, UNREAD)
            if name in self.members[each] or foreign is UNREAD or hasattr(foreign, name):
                return True
        return False

    def takes(self, class_: ast.ClassDef, name: str) -> bool:
        """Whether a class is made with the parameter; a data class takes fields, and what its bases take."""
        makers = [node for node in class_.body if isinstance(node, Function) and node.name in ("__init__", "__new__")]
        if makers and not class_.decorator_list:
            return any(name in parameters_of(maker) for maker in makers)
        return any(
            each not in self.bases or name in self.members[each] | self.parameters[each]
            for each in self.ancestors(class_.name)
        )

    def knows(self, words: str) -> bool:
        """Whether a name, perhaps with dots in it, exists."""
        parts = words.split(".")
        if parts[-1] == "py":
            return parts[0] in self.names
        if parts[0] in self.modules and resolves(words):
            return True
        if not self.names.issuperset(parts):
            return False
        return all(
            self.is_member(owner, name) for owner, name in zip(parts, parts[1:], strict=False) if owner in self.bases
        )


def resolves(words: str) -> bool:
    """Whether a module that can be imported has the name."""
    try:
        pkgutil.resolve_name(words)
    except (ImportError, AttributeError):
        return False
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
        f"{path.name}:{line}: {name}"
        for line, text in prose(path)
        for name in NAME.findall(text)
        if not known.knows(name)
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
        wrong = [name for name in entries(docstring, "Raises") if not known.knows(name)]
        if isinstance(node, ast.ClassDef):
            wrong += [name for name in entries(docstring, "Args") if not known.takes(node, name)]
            wrong += [name for name in entries(docstring, "Attributes") if not known.is_member(node.name, name)]
        else:
            wrong += [name for name in entries(docstring, "Args") if name not in parameters_of(node)]
        stale += [f"{path.name}:{node.lineno}: {name}" for name in wrong]

    assert [] == stale


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_states_its_rule(path: Path) -> None:
    """The docstring of a test is the sentence that it proves."""
    body = ast.parse(path.read_text("utf-8")).body
    methods = (node for class_ in body if isinstance(class_, ast.ClassDef) for node in class_.body)
    silent = [
        f"{path.name}:{node.lineno}: {node.name}"
        for node in (*body, *methods)
        if isinstance(node, Function) and node.name.startswith("test_") and ast.get_docstring(node) is None
    ]

    assert [] == silent


def test_every_speed_trick_names_its_measurement() -> None:
    """A `PERF` comment gives a number and a benchmark file that exists, and an entry that is in it."""
    wrong = []
    for path in (ROOT / "src").rglob("*.py"):
        text = re.sub(r"\n\s*#\s*", " ", path.read_text("utf-8"))
        for claim in re.findall(r"PERF: ([^\n]*)", text):
            named = re.search(r"\(benchmarks/(\w+\.py)(?:::(\w+))?, 3\.1\d\)", claim)
            file = ROOT / "benchmarks" / named[1] if named else None
            if not re.search(r"saves \S+ (ns|µs)", claim) or file is None or not file.exists():
                wrong.append(f"{path.name}: {claim[:80]}")
            elif named and named[2] and named[2] not in file.read_text("utf-8"):
                wrong.append(f"{path.name}: {named[2]} is not in {file.name}")

    assert [] == wrong
