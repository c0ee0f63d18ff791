"""Lengths of time as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

from costrel.scheduling import parse_duration


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(90, 90.0, id="whole-seconds"),
        pytest.param(0.25, 0.25, id="part-of-a-second"),
        pytest.param("30s", 30.0, id="seconds"),
        pytest.param("1.5s", 1.5, id="seconds-with-a-fraction"),
        pytest.param("5m", 300.0, id="minutes"),
        pytest.param("1h30m", 5400.0, id="hours-and-minutes"),
        pytest.param("1h 30m", 5400.0, id="with-a-space"),
        pytest.param("7d", 604_800.0, id="days"),
        pytest.param("1d2h3m4s", 93_784.0, id="all-of-them"),
    ],
)
def test_a_length_of_time_is_read(written: float | str, expected: float) -> None:
    """Numbers are seconds; text has a letter for each unit."""

    assert expected == parse_duration(written)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="a-space"),
        pytest.param("5", id="no-unit"),
        pytest.param("5M", id="upper-case"),
        pytest.param("30m1h", id="wrong-order"),
        pytest.param("5m5m", id="twice"),
        pytest.param("-5m", id="negative-text"),
        pytest.param("5min", id="another-unit"),
        pytest.param("0s", id="zero-text"),
        pytest.param(0, id="zero"),
        pytest.param(-1, id="negative"),
        pytest.param(math.inf, id="infinite"),
        pytest.param(math.nan, id="no-number"),
        pytest.param(True, id="a-truth"),
        pytest.param(None, id="none"),
        pytest.param("٥m", id="digits-of-another-script"),
    ],
)
def test_anything_else_is_refused(written: float | str) -> None:
    """What is no length of time above 0 raises."""
    with pytest.raises(ValueError, match="a length of time"):
        parse_duration(written)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(0, 99)] * 4).filter(any))
def test_units_add_up(parts: tuple[int, int, int, int]) -> None:
    """Days, hours, minutes and seconds are their sum, with those left out that are 0."""
    written = "".join(f"{part}{unit}" for part, unit in zip(parts, "dhms", strict=True) if part)

    assert parts[0] * 86_400 + parts[1] * 3600 + parts[2] * 60 + parts[3] == parse_duration(written)
