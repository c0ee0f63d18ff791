"""Medians, spreads and ratios of rounds."""

from __future__ import annotations

import pytest
from harness.spread import Spread, ratios, spread_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([3.0], Spread(3.0, 3.0, 3.0), id="one-round"),
        pytest.param([5.0, 1.0, 3.0], Spread(3.0, 1.0, 5.0), id="odd"),
        pytest.param([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0), id="even"),
        pytest.param([1.0, 1.0, 1.0, 1.0, 90.0], Spread(1.0, 1.0, 90.0), id="one-slow-round-moves-only-the-spread"),
    ],
)
def test_the_spread_of_rounds(values: list[float], expected: Spread) -> None:
    """The median stands between the least and the greatest round."""
    assert expected == spread_of(values)


@pytest.mark.parametrize(
    ("values", "base", "expected"),
    [
        pytest.param([2.0, 9.0], [1.0, 3.0], [2.0, 3.0], id="each-round-by-its-own"),
        pytest.param([2.0, 4.0, 6.0], [2.0, 2.0], [1.0, 2.0], id="a-round-without-partner-is-left-out"),
        pytest.param([], [1.0], [], id="nothing"),
    ],
)
def test_ratios_are_taken_within_a_round(values: list[float], base: list[float], expected: list[float]) -> None:
    """A machine that slows down slows both sides of a round, so the ratio stays."""
    assert expected == ratios(values, base)
