"""Tables of a record, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.cases import CASES
from harness.load import Measured
from harness.record import About, LeftOut, Machine, Record, read, write
from harness.tables import NAMES, digits, table_of
from report import chart_of, page_of, up_to_date


def rounds(*cpu_us: float, share: float = 0.99) -> list[Measured]:
    """Make the figures of rounds."""
    return [Measured(cost, 1e6 / cost, share, 1.0, 600, 900) for cost in cpu_us]


@pytest.fixture
def record() -> Record:
    """Make a record of one case with three contenders, one of which was held up."""
    about = About("2026-01-31", "3.11.7", Machine("a processor", 2, 4.0, "Linux"), "wrk 4", 64, 2, 2, {})
    load = {"text": {"starlette": rounds(30, 32), "costrel": rounds(10, 16), "floor": rounds(5, 8, share=0.5)}}
    return Record(about, load, [LeftOut("socketify", "typed", "a | b")])


def test_a_case_is_sorted_with_ratios_of_its_rounds(record: Record) -> None:
    """Ratios are the medians of the ratios of each round, not the ratios of the medians."""
    rows = [line.split(" | ") for line in table_of(record, "text").splitlines()[2:5]]

    assert ["| floor: uvloop + httptools", "| **Costrel**", "| Starlette, uvicorn"] == [row[0] for row in rows]
    assert ["2.00 (2.00 – 2.00)", "4.00 – 6.00"] == [rows[1][2], rows[2][2].partition("(")[2].rstrip(")")]
    assert "2.50 (2.00 – 3.00)" == rows[2][3]


def test_a_server_that_was_held_up_is_marked(record: Record) -> None:
    """Its figure has a mark, and the mark is explained below; the others have none."""
    lines = table_of(record, "text").splitlines()

    assert [True, False, False] == ["\\*" in line for line in lines[2:5]]
    assert "less than 90% of its core" in lines[-1]


def test_who_is_missing_is_said_with_the_reason(record: Record) -> None:
    """It is never a zero, and a reason cannot break the table."""
    assert "| socketify (C++) | `typed` | a \\| b |" in table_of(record, "left_out")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.234, "1.23"), (9.999, "10.00"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_figures_have_the_digits_they_deserve(value: float, expected: str) -> None:
    """Three of them, roughly."""
    assert expected == digits(value)


def test_every_table_can_be_written(record: Record) -> None:
    """Also of a record that has only a part."""
    assert [] == [name for name in NAMES if not isinstance(table_of(record, name), str)]


def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    """What is kept is everything."""
    write(record, tmp_path / "py.json")

    assert record == read(tmp_path / "py.json")


def test_a_page_gets_new_figures_and_keeps_its_words(record: Record) -> None:
    """Only what stands between the marks changes, and only for records that are there."""
    page = (
        "before\n<!-- figures: py3.11 text -->\nold\n<!-- end -->\nbetween\n"
        "<!-- figures: py3.99 text -->\nkept\n<!-- end -->\nafter\n"
    )
    text = up_to_date(page, {"py3.11": record}, {})

    assert text.startswith("before\n<!-- figures: py3.11 text -->\n\n| GET /, a text")
    assert text.endswith("<!-- end -->\nbetween\n<!-- figures: py3.99 text -->\nkept\n<!-- end -->\nafter\n")
    assert "old" not in text
    assert text == up_to_date(text, {"py3.11": record}, {})


def test_the_page_of_a_record_shows_each_case(record: Record) -> None:
    """With its chart and its table."""
    page = page_of(record, "py3.11")

    assert f"## {CASES['text'].title}" in page
    assert "![chart](text.py3.11.svg)" in page
    assert "×2.5" in chart_of(record, "text")
