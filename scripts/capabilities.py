"""Print which capabilities are proven, by which tests, group by group.

Runs every test that carries the marker `capability` and joins the results with `docs/capabilities.toml`. A row is
proven when it has tests and all of them passed. One without tests is `later` or `declined` when the table says why, and
missing when it does not. Exits with 1 when a marked test failed or names an unknown row, and when a row that the table
puts off is proven: then its reason is out of date.

Tests in a browser are left out: its driver keeps an event loop running in the main thread, under all tests after it.

    python scripts/capabilities.py              totals, and every row that is missing, failed or skipped
    python scripts/capabilities.py --all        every row with its tests or its reason
    python scripts/capabilities.py --markdown   the page docs/reference/capabilities.md
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "capabilities.toml"
PAGE = ROOT / "docs" / "reference" / "capabilities.md"
STATES = ("proven", "later", "declined", "missing", "skipped", "FAILED")

Row = dict[str, str]


class Collector:
    """A pytest plugin that remembers the outcome of each marked test by capability."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, str]] = defaultdict(dict)
        self._ids: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the marked tests alone."""
        marked = []
        for item in items:
            ids = [str(argument) for marker in item.iter_markers("capability") for argument in marker.args]
            if ids:
                self._ids[item.nodeid] = ids
                marked.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self._ids])
        items[:] = marked

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the worst outcome of the phases of a test; a table of cases counts as one test."""
        if report.when != "call" and report.outcome == "passed":
            return
        test = report.nodeid.partition("[")[0]
        for capability in self._ids.get(report.nodeid, ()):
            known = self.outcomes[capability].get(test, "passed")
            worst = max(known, report.outcome, key=["passed", "skipped", "failed"].index)
            self.outcomes[capability][test] = worst


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="every row with its tests")
    parser.add_argument("--markdown", action="store_true", help="write docs/reference/capabilities.md")
    options = parser.parse_args(arguments)
    rows: dict[str, Row] = tomllib.loads(TABLE.read_text("utf-8"))
    collector = Collector()
    code = pytest.main(
        [
            "-q",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--tb=short",
            f"--ignore={ROOT / 'tests' / 'browser'}",
            str(ROOT / "tests"),
        ],
        [collector],
    )
    states = {capability: state(row, collector.outcomes.get(capability, {})) for capability, row in rows.items()}
    if options.markdown:
        PAGE.write_text(page(rows, states), "utf-8")
    print(table(rows, states, collector.outcomes, everything=options.all))
    mistakes = [
        *(
            f"unknown capability {name}: {', '.join(collector.outcomes[name])}"
            for name in set(collector.outcomes) - set(rows)
        ),
        *(
            f"{name} is proven, and the table puts it off"
            for name, said in states.items()
            if said == "proven" and reason(rows[name])
        ),
    ]
    print("\n".join(sorted(mistakes)), end="\n" if mistakes else "")
    return 1 if mistakes or code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else 0


def reason(row: Row) -> str:
    """Return why a row is put off, empty when it is not."""
    return row.get("later", "") or row.get("declined", "")


def state(row: Row, outcomes: Mapping[str, str]) -> str:
    """Return one word for what the tests of a row, or without any the table, say."""
    if outcomes:
        if "failed" in outcomes.values():
            return "FAILED"
        return "skipped" if "passed" not in outcomes.values() else "proven"
    return next((word for word in ("later", "declined") if word in row), "missing")


def totals(states: Iterable[str]) -> str:
    """Return how many rows are in each state, those that there are."""
    counted = Counter(states)
    return ", ".join(f"{counted[word]} {word}" for word in STATES if counted[word])


def table(
    rows: Mapping[str, Row], states: Mapping[str, str], outcomes: Mapping[str, Mapping[str, str]], *, everything: bool
) -> str:
    """Return the totals of each group, and under them the rows."""
    lines = []
    groups: dict[str, list[str]] = defaultdict(list)
    for capability, row in rows.items():
        groups[row["group"]].append(capability)
    for group, members in groups.items():
        lines.append(f"\n{group}: {totals(states[capability] for capability in members)}")
        for capability in members:
            said, row = states[capability], rows[capability]
            if everything or said in ("FAILED", "skipped", "missing"):
                lines.append(f"  {capability}  {said:8} {row['name']}")
                lines.extend(f"        {test}  {outcome}" for test, outcome in outcomes.get(capability, {}).items())
            if everything and said in ("later", "declined"):
                lines.append(f"        {reason(row)}")
    lines.append(f"\n{len(rows)} rows: {totals(states.values())}")
    return "\n".join(lines)


def page(rows: Mapping[str, Row], states: Mapping[str, str]) -> str:
    """Return the reference page."""
    lines = ["# Capabilities", "", "Made by `make capabilities`; a row is proven when its tests pass.", ""]
    group = None
    for capability, row in rows.items():
        if row["group"] != group:
            group = row["group"]
            lines += ["", f"## {group}", "", "| id | capability | state |", "|---|---|---|"]
        said, why = states[capability], reason(row)
        shown = f"{said}: {why}" if said in ("later", "declined") else said
        lines.append(f"| {capability} | {row['name']} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
