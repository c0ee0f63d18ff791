"""Intervals: the same moments in every process that asks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.scheduling import Interval


@pytest.mark.parametrize(
    ("every", "moment", "last", "following"),
    [
        pytest.param("5m", 301.0, 300.0, 600.0, id="between-two"),
        pytest.param("5m", 300.0, 300.0, 600.0, id="at-one"),
        pytest.param("5m", 299.999, 0.0, 300.0, id="just-before-one"),
        pytest.param("1d", 86_400.0 * 3 + 5, 86_400.0 * 3, 86_400.0 * 4, id="days-begin-at-midnight-utc"),
        pytest.param(0.1, 0.3, 0.3, 0.4, id="parts-that-binary-numbers-do-not-have"),
    ],
)
def test_moments_are_counted_from_1970(every: float | str, moment: float, last: float, following: float) -> None:
    """The last moment that is not after one, and the first that is."""
    interval = Interval(every)

    assert (last, following) == (interval.last_until(moment), interval.next_after(moment))


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 10**9), st.floats(0, 4e9))
def test_moments_enclose_the_time(milliseconds: int, now: float) -> None:
    """Each moment follows the one before it by the interval, and the time is between the two."""
    interval = Interval(milliseconds / 1000)
    last, following = interval.last_until(now), interval.next_after(now)

    assert last <= now + 0.001
    assert following > now - 0.001
    assert milliseconds == round((following - last) * 1000)
    assert following == interval.next_after(last)
    assert following == interval.last_until(following)


@pytest.mark.parametrize("every", [0.05, "367d", 0, "soon"])
def test_an_interval_has_bounds(every: float | str) -> None:
    """From 0.1 seconds to 366 days."""
    with pytest.raises(ValueError, match="interval|length of time"):
        Interval(every)


@pytest.mark.parametrize(("every", "shown"), [("1h30m", "every 1h30m"), (2.5, "every 2.5s")])
def test_an_interval_shows_what_was_written(every: float | str, shown: str) -> None:
    """Logs and listings have the words of the program."""

    assert shown == str(Interval(every))
