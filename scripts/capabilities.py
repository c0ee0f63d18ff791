"""Print which capabilities are proven, by which tests, group by group.

Runs every test that carries the marker `capability` and joins the results with `docs/capabilities.toml`. A row is
proven when it has tests and all of them passed. Exits with 1 when a marked test failed or names an unknown row.

    python scripts/capabilities.py              totals and every row without a proof
    python scripts/capabilities.py --all        every row with its tests
    python scripts/capabilities.py --markdown   the page docs/reference/capabilities.md
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "capabilities.toml"
PAGE = ROOT / "docs" / "reference" / "capabilities.md"


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
    rows: dict[str, dict[str, str]] = tomllib.loads(TABLE.read_text("utf-8"))
    collector = Collector()
    code = pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", str(ROOT / "tests")], [collector])
    unknown = sorted(set(collector.outcomes) - set(rows))
    text = table(rows, collector.outcomes, everything=options.all or options.markdown)
    if options.markdown:
        PAGE.write_text(page(rows, collector.outcomes), "utf-8")
    print(text)
    for capability in unknown:
        print(f"unknown capability {capability}: {', '.join(collector.outcomes[capability])}")
    return 1 if unknown or code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else 0


def state(outcomes: dict[str, str]) -> str:
    """Return one word for what the tests of a row say."""
    if not outcomes:
        return "-"
    if "failed" in outcomes.values():
        return "FAILED"
    return "skipped" if "passed" not in outcomes.values() else "proven"


def table(rows: dict[str, dict[str, str]], outcomes: dict[str, dict[str, str]], *, everything: bool) -> str:
    """Return the totals of each group, and under them the rows."""
    lines = []
    groups: dict[str, list[str]] = defaultdict(list)
    for capability, row in rows.items():
        groups[row["group"]].append(capability)
    proven_count = 0
    for group, members in groups.items():
        proven = [capability for capability in members if state(outcomes.get(capability, {})) == "proven"]
        proven_count += len(proven)
        lines.append(f"\n{group}: {len(proven)} of {len(members)} proven")
        for capability in members:
            said = state(outcomes.get(capability, {}))
            if everything or said in ("FAILED", "skipped"):
                lines.append(f"  {capability}  {said:8} {rows[capability]['name']}")
                lines.extend(f"        {test}  {outcome}" for test, outcome in outcomes.get(capability, {}).items())
        missing = [capability for capability in members if capability not in outcomes]
        if missing and not everything:
            lines.append(f"  without a test: {' '.join(missing)}")
    lines.append(f"\nproven {proven_count} of {len(rows)}")
    return "\n".join(lines)


def page(rows: dict[str, dict[str, str]], outcomes: dict[str, dict[str, str]]) -> str:
    """Return the reference page."""
    lines = ["# Capabilities", "", "Made by `make capabilities`; a row is proven when its tests pass.", ""]
    group = None
    for capability, row in rows.items():
        if row["group"] != group:
            group = row["group"]
            lines += ["", f"## {group}", "", "| id | capability | state |", "|---|---|---|"]
        lines.append(f"| {capability} | {row['name']} | {state(outcomes.get(capability, {}))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
