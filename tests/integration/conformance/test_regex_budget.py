"""No regular expression of the package backtracks: each is run against texts that were made to slow it down.

The expressions are found by looking: the compiled ones in every module, and those written where they are used. Each is
run by the method that the module calls. The texts are runs of odd characters, and repetitions derived from the
expression itself: what stands before a repeat, the body of the repeat again and again, and an end that does not match.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from re import _constants as sre, _parser as sre_parser
from typing import Any

import pytest

import costrel

pytestmark = [pytest.mark.integration, pytest.mark.security("L15")]

SOURCE = Path(costrel.__file__).parent
SIZES = (24, 2048, 65_536)
BUDGET_SECONDS = 0.1
"""Ten times what the worst linear expression needs; one that is quadratic needs a minute."""

RUNS = [
    *"a0 \t,;=\"\\%/-.'(*:@[\n",
    "a=",
    'a="',
    '"\\',
    "a,",
    ";a=",
    "%4",
    "a-",
    "\xe9",
    "://a:",
    "password=",
    "Bearer ",
]
ENDS = ["", "!", "\x00", "\n", '"']
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
DYNAMIC = {
    "layers/cors.py": "the origins of an application; only a short and valid origin is held against it",
    "cli/doctor_difference.py": "what `--ignore` names on the command line, of whoever runs it",
    "routing/converters.py": "the expressions of an application, whose automaton `routing/regex_safety.py` judges",
    "pages/hints.py": "a table, whose members are found as objects",
}
"""Where a function compiles an expression that is not written there."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One expression, and how it is run."""

    where: str
    pattern: re.Pattern[Any]
    method: str


def modules() -> Iterator[tuple[str, Any, Path]]:
    for found in pkgutil.walk_packages(costrel.__path__, "costrel."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            yield found.name, module, Path(module.__file__ or "")


def compiled_in(value: object, depth: int = 0) -> Iterator[tuple[re.Pattern[Any], str | None]]:
    """Find the compiled expressions in a value and in what it holds, with the method if one is bound."""
    try:
        owner = getattr(value, "__self__", None)
    except RuntimeError:
        # A proxy of Flask's, which answers for nobody outside a request.
        return
    if isinstance(value, re.Pattern):
        yield value, None
    elif isinstance(owner, re.Pattern):
        yield owner, getattr(value, "__name__", None)
    elif depth < 3 and isinstance(value, dict):
        for item in value.values():
            yield from compiled_in(item, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from compiled_in(item, depth + 1)
    elif depth < 3 and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from compiled_in(getattr(value, field.name, None), depth + 1)


def methods_called(tree: ast.AST) -> dict[str, set[str]]:
    """Return which methods of an expression a module calls, by the name of the expression."""
    called: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            called[node.value.id].add(node.attr)
    return called


def text_of(node: ast.expr) -> str | bytes | None:
    """Return a text that is written in the code; what is put into it is one letter."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "a" for part in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encode":
        text = text_of(node.func.value)
        return text.encode() if isinstance(text, str) else None
    return None


def calls_of_re(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in METHODS | {"compile"}
        ):
            yield node, node.func.attr


def kept_in_variables(tree: ast.Module) -> set[int]:
    """Return the identities of the nodes whose values a module keeps, so that they are found as objects."""
    assigned = [statement for statement in tree.body if isinstance(statement, ast.Assign | ast.AnnAssign)]
    return {id(node) for statement in assigned for node in ast.walk(statement)}


def all_cases() -> list[Case]:
    found: dict[tuple[object, int, str], Case] = {}

    def add(where: str, pattern: re.Pattern[Any], method: str) -> None:
        found.setdefault((pattern.pattern, pattern.flags, method), Case(where, pattern, method))

    for name, module, path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        called = methods_called(tree)
        in_variables = kept_in_variables(tree)
        for variable, value in vars(module).items():
            for pattern, bound in compiled_in(value):
                for method in {bound} if bound else called.get(variable) or {"search"}:
                    add(f"{name}.{variable}", pattern, method)
        for call, method in calls_of_re(tree):
            text = text_of(call.args[0])
            if text is not None and not (method == "compile" and id(call) in in_variables):
                add(f"{name}:{call.lineno}", re.compile(text), "search" if method == "compile" else method)
    return list(found.values())


CASES = all_cases()


def samples(items: Sequence[Any], attacks: set[str], before: str = "") -> list[str]:
    """Return texts that a parsed expression matches, and put repetitions of its repeats into `attacks`."""
    texts = [""]
    for operation, argument in items:
        following = [""]
        if operation in (sre.LITERAL, sre.NOT_LITERAL):
            following = [chr(argument) if operation is sre.LITERAL else ("b" if argument == ord("a") else "a")]
        elif operation is sre.ANY:
            following = ["a"]
        elif operation is sre.IN:
            following = members(argument)
        elif operation is sre.BRANCH:
            following = [text for branch in argument[1] for text in samples(branch, attacks, before + texts[0])]
        elif operation is sre.SUBPATTERN:
            following = samples(argument[3], attacks, before + texts[0])
        elif operation is sre.ATOMIC_GROUP:
            following = samples(argument, attacks, before + texts[0])
        elif operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, body = argument
            bodies = samples(body, attacks, before + texts[0])[:8]
            if most > 1:
                attacks.update(f"{before}{texts[0]}\0{text}" for text in {*bodies, "".join(bodies)} if text)
                attacks.update(f"\0{before}{texts[0]}{text}" for text in bodies[:2])
            following = [text * max(least, 1) for text in bodies]
        texts = [text + after for text in texts[:4] for after in following[:8]][:16]
    return texts


def members(items: Sequence[Any]) -> list[str]:
    """Return some characters of a set."""
    if items[0][0] is sre.NEGATE:
        refused = re.compile("[" + "".join(re.escape(character) for character in members(items[1:])) + "]")
        return [character for character in "a=0 ,\t" if not refused.match(character)][:3] or ["z"]
    found: list[str] = []
    for operation, argument in items:
        if operation is sre.LITERAL:
            found.append(chr(argument))
        elif operation is sre.RANGE:
            found.append(chr(argument[0]))
        elif operation is sre.CATEGORY:
            found.append({sre.CATEGORY_DIGIT: "0", sre.CATEGORY_SPACE: " "}.get(argument, "a"))
    return found[:3] + found[-1:]


def attacks_on(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Yield hostile texts of `size` characters: a start, a repetition, and an end that does not match."""
    shapes = {f"\0{run}" for run in RUNS}
    shapes |= {f'a="\0{run}' for run in RUNS}
    expression = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    samples(list(sre_parser.parse(expression, pattern.flags & ~re.UNICODE)), shapes)
    for shape in sorted(shapes):
        start, _, piece = shape.partition("\0")
        body = start + (piece or "a") * (size // max(len(piece), 1))
        for end in ENDS if piece not in RUNS else ENDS[:2]:
            yield body + end


def cpu_seconds(case: Case, text: str) -> float:
    """Return the least CPU time of up to three runs, fewer when the first one is fast."""
    content: Any = text.encode("latin-1", "replace") if isinstance(case.pattern.pattern, bytes) else text
    run: Any = getattr(case.pattern, case.method)
    times = []
    for _ in range(3):
        start = time.process_time()
        if case.method in ("sub", "subn"):
            run(content[:0], content)
        elif case.method == "finditer":
            for _match in run(content):
                pass
        else:
            run(content)
        times.append(time.process_time() - start)
        if times[-1] < BUDGET_SECONDS / 2:
            break
    return min(times)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where.removeprefix('costrel.')}-{case.method}")
def test_an_expression_is_linear(case: Case) -> None:
    """64 KiB of whatever is worst for an expression take it a fraction of a second."""
    for size in SIZES:
        for text in attacks_on(case.pattern, size):
            took = cpu_seconds(case, text)

            assert took <= BUDGET_SECONDS, f"{took:.3f} s for {size} characters: {text[:40]!r} … {text[-20:]!r}"


def test_every_expression_is_found() -> None:
    """An expression that is made of other things than text in the code is in the list, with the reason."""
    dynamic = set()
    for _, _, path in modules():
        tree = ast.parse(path.read_text("utf-8"))
        kept = kept_in_variables(tree)
        if any(text_of(call.args[0]) is None and id(call) not in kept for call, _ in calls_of_re(tree)):
            dynamic.add(str(path.relative_to(SOURCE)))
    places = {case.where.partition(":")[0] for case in CASES}

    assert set(DYNAMIC) == dynamic
    assert {"costrel.http.dates", "costrel.pages.hints"} <= {place.rpartition(".")[0] for place in places}
    assert len(CASES) >= 80


@pytest.mark.parametrize(
    ("expression", "method"),
    [
        pytest.param(r"(a+)+b", "match", id="nested-repeats"),
        pytest.param(r"(a|a)*b", "match", id="alternatives-that-overlap"),
        pytest.param(r"\s+$", "search", id="search-with-a-repeat-at-its-start"),
        pytest.param(r"a*a*a*b", "match", id="adjacent-repeats"),
        pytest.param(r'"(?:[^"\\]|\\.)*"', "search", id="string-without-an-end"),
    ],
)
def test_the_texts_find_a_slow_expression(expression: str, method: str) -> None:
    """The generator is good enough to catch the classical mistakes, at a size where they can still be timed."""
    case = Case("here", re.compile(expression), method)
    sizes = (18, 22, 24, 1024, 4096)
    fast = 0.02
    found = any(cpu_seconds(case, text) > fast for size in sizes for text in attacks_on(case.pattern, size))

    assert found
