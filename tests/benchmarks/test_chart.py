"""The chart: well-formed, sorted, true to scale."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from harness.chart import LABELS, RIGHT, WIDTH, Bar, draw, step_of
from harness.spread import Spread

NAMESPACE = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("slow <peer> & co", Spread(100, 90, 110), times=10.0),
    Bar("Costrel", Spread(10, 9, 12), "first"),
    Bar("floor", Spread(5, 5, 5), "base", times=0.5),
]


def elements(kind: str, name: str) -> list[ET.Element]:
    """Return the elements of a chart of `BARS` that have a class."""
    root = ET.fromstring(draw("title <1>", "subtitle", "µs", BARS))
    return [each for each in root.iter(f"{NAMESPACE}{kind}") if name in each.get("class", "").split()]


def test_bars_are_sorted_and_named() -> None:
    """The cheapest stands on top, and names are escaped."""
    assert ["floor", "Costrel", "slow <peer> & co"] == [each.text for each in elements("text", "name")]


def test_bars_are_true_to_scale() -> None:
    """The axis begins at zero, and the greatest round fits into the room."""
    widths = [float(each.get("width", "0")) for each in elements("rect", "bar")]
    scale = (WIDTH - LABELS - RIGHT) / 110

    assert [pytest.approx(value * scale, abs=0.1) for value in (5, 10, 100)] == widths


def test_ours_is_highlighted() -> None:
    """One bar is ours, in colour and in bold."""
    assert ["Costrel"] == [each.text for each in elements("text", "name") if "ours" in each.get("class", "")]
    assert 1 == sum("first" in each.get("class", "") for each in elements("rect", "bar"))


def test_the_whisker_spans_the_rounds() -> None:
    """It goes from the least to the greatest."""
    scale = (WIDTH - LABELS - RIGHT) / 110
    path = elements("path", "whisker")[2].get("d", "")
    left, right = path.removeprefix("M").split("M")[0].split("H")

    assert pytest.approx(LABELS + 90 * scale, abs=0.1) == float(left.split()[0])
    assert pytest.approx(LABELS + 110 * scale, abs=0.1) == float(right)


@pytest.mark.parametrize(
    ("greatest", "expected"),
    [
        pytest.param(0.8, 0.2, id="below-one"),
        pytest.param(7, 2, id="small"),
        pytest.param(40, 10, id="tens"),
        pytest.param(110, 20, id="a-hundred"),
        pytest.param(260, 50, id="hundreds"),
        pytest.param(1000, 200, id="a-thousand"),
    ],
)
def test_the_marks_of_the_axis_are_round(greatest: float, expected: float) -> None:
    """There are three to six of them beside zero."""
    assert pytest.approx(expected) == step_of(greatest)
    assert 3 <= int(greatest / step_of(greatest)) <= 6
