"""The documentation shows the figures that are kept, and no others."""

from __future__ import annotations

from report import PROJECT, documentation


def test_the_documentation_has_the_figures_of_the_records() -> None:
    """Tables and charts follow from the records; ``python benchmarks/report.py`` brings them up to date."""
    stale = [
        str(path.relative_to(PROJECT))
        for path, content in documentation().items()
        if not path.exists() or path.read_text("utf-8") != content
    ]

    assert [] == stale
