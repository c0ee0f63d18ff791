"""Print for each attack of `docs/security_rows.toml` which tests prove the answer to it.

A test proves a row when it carries ``@pytest.mark.security("B19")``, or a parameter of its table does. The tests are
only read, never run: marks with a row in the code are found as they stand, and those that take it from a table are
found by the texts of that table. Exits with 1 when a row has no test, or a mark names neither a row nor a CVE; rows
that are not listed belong to rooms that come later.

    python scripts/security_rows.py             each row with its number of tests
    python scripts/security_rows.py --tests     and their names
    python scripts/security_rows.py --missing   only what has no test
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "security_rows.toml"
TESTS = ROOT / "tests"
VECTORS = TESTS / "conformance" / "appendix_a.py"

ROW = re.compile(r"[A-Z][0-9]{1,2}")
NAME = re.compile(rf"{ROW.pattern}|CVE-[0-9]{{4}}-[0-9]+")

Proofs = Mapping[str, set[str]]


def main(arguments: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tests", action="store_true", help="the names of the tests too")
    parser.add_argument("--missing", action="store_true", help="only the rows without a test")
    options = parser.parse_args(arguments)
    rows: dict[str, str] = tomllib.loads(TABLE.read_text("utf-8"))["rows"]
    proofs = find_proofs(TESTS)
    missing = [row for row in rows if not proofs.get(row)]
    for row, description in rows.items():
        if options.missing and row not in missing:
            continue
        print(f"{row:4} {len(proofs.get(row, ())):3}  {description}")
        if options.tests:
            print("".join(f"          {test}\n" for test in sorted(proofs.get(row, ()))), end="")
    odd = sorted(row for row in proofs if not NAME.fullmatch(row))
    for row in odd:
        print(f"{row!r} is no row: {', '.join(sorted(proofs[row]))}")
    print(f"{len(rows) - len(missing)} of {len(rows)} rows have a test")
    if missing:
        print(f"without one: {' '.join(missing)}")
    return 1 if missing or odd else 0


def find_proofs(folder: Path) -> Proofs:
    """Return the tests of each row, as ``path::name``."""
    proofs: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        tables = tables_of(tree)
        of_module = {row for name in ("pytestmark",) for row in rows_in(tables.get(name), tables)}
        for test in tests_of(tree):
            found = of_module | {row for decorator in test.decorator_list for row in rows_in(decorator, tables)}
            for row in found:
                proofs[row].add(f"{path.relative_to(ROOT)}::{test.name}")
    return proofs


def tests_of(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the test functions of a module, those of its classes too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def tables_of(tree: ast.Module) -> dict[str, ast.AST]:
    """Return what a module defines by name, so that a decorator can be followed to its table."""
    tables: dict[str, ast.AST] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            tables.update({target.id: statement.value for target in statement.targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            tables[statement.target.id] = statement.value
        elif isinstance(statement, ast.FunctionDef) and not statement.name.startswith("test_"):
            tables[statement.name] = statement
    return tables


def rows_in(node: ast.AST | None, tables: Mapping[str, ast.AST], seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the rows that an expression marks, also through the tables it names."""
    found: set[str] = set()
    if node is None:
        return found
    computed = False
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "security":
            for argument in part.args:
                if isinstance(argument, ast.Constant):
                    found.add(str(argument.value))
                else:
                    computed = True
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & tables.keys() - seen
    for name in names:
        found |= rows_in(tables[name], tables, seen | names)
    if computed:
        found |= rows_of_tables([node, *(tables[name] for name in names)])
    return found


def rows_of_tables(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the rows that stand as texts in tables whose marks are computed, and in the table of raw vectors."""
    texts = {part.value for node in nodes for part in ast.walk(node) if isinstance(part, ast.Constant)}
    if any(isinstance(part, ast.Attribute) and part.attr == "ROWS" for node in nodes for part in ast.walk(node)):
        rows = tables_of(ast.parse(VECTORS.read_text("utf-8")))["ROWS"]
        texts |= {key.value for key in getattr(rows, "keys", ()) if isinstance(key, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and ROW.fullmatch(text)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
