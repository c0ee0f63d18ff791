"""Writes tables and charts of what was measured, and brings the figures of the documentation up to date.

Every record of ``benchmarks/results`` gets a page in Markdown and a chart for each case beside it. In the page about
performance whatever stands between ``<!-- figures: RECORD TABLE -->`` and ``<!-- end -->`` is written anew, and the
charts it shows are copied to its assets.

    python benchmarks/report.py [--check]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.cases import CASES
from harness.chart import Bar, draw
from harness.contenders import CONTENDERS, FLOOR, OURS
from harness.environments import BENCHMARKS, PROJECT
from harness.record import Profile, Record, read, read_profile
from harness.spread import ratios, spread_of
from harness.stage_table import about_stages, stage_table
from harness.tables import NAMES, costs, table_of

__all__ = ["RESULTS", "chart_of", "documentation", "page_of", "publish", "publish_profile", "refresh", "up_to_date"]

RESULTS = BENCHMARKS / "results"
PAGE = PROJECT / "docs" / "explanation" / "performance.md"
CHARTS = PROJECT / "docs" / "assets" / "performance"

_BLOCK = re.compile(r"(<!-- figures: (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CHART = re.compile(r"assets/performance/(\w+)\.(py[\d.]+\d)\.svg")

_OF_PROFILES = {"stages": stage_table, "about_stages": about_stages}
_TITLES = {
    "in_process": "Under ASGI, without a server",
    "routing": "Many routes",
    "imports": "Imports",
    "memory": "Memory",
    "handover": "Hand-over to threads",
    "websocket": "WebSockets",
    "carrying": "Applications of others, mounted",
    "layers": "The usual layers",
    "left_out": "Who is missing",
    "versions": "Versions",
}


def chart_of(record: Record, case: str) -> str:
    """Draw the chart of a case."""
    found = costs(record.load[case])
    bars = []
    for name, rounds in found.items():
        kind = {OURS: "first", FLOOR: "base"}.get(name, "")
        times = spread_of(ratios(rounds, found[OURS])).median if OURS in found and name != OURS else None
        bars.append(Bar(CONTENDERS[name].title, spread_of(rounds), kind, times))
    subtitle = (
        f"CPU µs per request, less is better; × is how many times Costrel's; "
        f"whiskers: {record.about.round_count} rounds; Python {record.about.python}"
    )
    return draw(CASES[case].title, subtitle, "µs", bars)


def page_of(record: Record, name: str) -> str:
    """Write everything about a record."""
    parts = [f"# Python {record.about.python}", table_of(record, "about")]
    if record.load:
        parts += ["## Overview", table_of(record, "overview")]
    for case in record.load:
        parts += [f"## {CASES[case].title}", f"![chart]({case}.{name}.svg)", table_of(record, case)]
    for table, title in _TITLES.items():
        text = table_of(record, table)
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def publish(record: Record, path: Path) -> None:
    """Write the page and the charts of a record beside it."""
    name = path.name.removesuffix(".json")
    path.with_name(f"{name}.md").write_text(page_of(record, name))
    for case, figures in record.load.items():
        if any(figures.values()):
            path.with_name(f"{case}.{name}.svg").write_text(chart_of(record, case))


def publish_profile(profile: Profile, path: Path) -> None:
    """Write the page of a profile beside it."""
    parts = ["# Where the time of a request goes", about_stages(profile), stage_table(profile)]
    path.with_suffix(".md").write_text("\n\n".join(parts) + "\n")


def up_to_date(text: str, records: Mapping[str, Record], profiles: Mapping[str, Profile]) -> str:
    """Return a page with the figures that are kept; blocks for which there are none stay as they are."""

    def fill(block: re.Match[str]) -> str:
        begin, name, table, end = block.groups()
        if name in profiles and table in _OF_PROFILES:
            return f"{begin}\n{_OF_PROFILES[table](profiles[name])}\n\n{end}"
        known = name in records and (table in NAMES or table in records[name].load)
        return f"{begin}\n{table_of(records[name], table)}\n\n{end}" if known else block[0]

    return _BLOCK.sub(fill, text)


def documentation() -> dict[Path, str]:
    """Return the page about performance and the charts it shows, as they must be for the records that are kept."""
    records = kept_records()
    text = PAGE.read_text()
    wanted = {PAGE: up_to_date(text, records, kept_profiles())}
    for case, name in _CHART.findall(text):
        if name in records and case in records[name].load:
            wanted[CHARTS / f"{case}.{name}.svg"] = chart_of(records[name], case)
    return wanted


def kept_records() -> dict[str, Record]:
    """Read the records that are kept, by name; those of a part of a run are not."""
    paths = [path for path in sorted(RESULTS.glob("py*.json")) if ".local." not in path.name]
    return {path.name.removesuffix(".json"): read(path) for path in paths}


def kept_profiles() -> dict[str, Profile]:
    """Read the profiles, by name."""
    return {path.name.removesuffix(".json"): read_profile(path) for path in RESULTS.glob("profile.py*.json")}


def refresh() -> None:
    """Bring the pages of the records and the documentation up to date."""
    for name, record in kept_records().items():
        publish(record, RESULTS / f"{name}.json")
    for name, profile in kept_profiles().items():
        publish_profile(profile, RESULTS / f"{name}.json")
    CHARTS.mkdir(parents=True, exist_ok=True)
    for path, content in documentation().items():
        path.write_text(content)


def main() -> int:
    """Bring everything up to date; with `--check` only say whether the documentation is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, end with 1 when something is out of date")
    if not parser.parse_args().check:
        refresh()
        return 0
    stale = [path for path, content in documentation().items() if not path.exists() or path.read_text() != content]
    for path in stale:
        print(f"{path.relative_to(PROJECT)} is out of date; run: python benchmarks/report.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
