"""The moving average of an endpoint's run time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.execution.run_profile import RunProfile


def test_what_never_ran_is_not_short() -> None:
    """An unknown run time counts as long, so that its jobs get workers of their own."""
    profile = RunProfile()

    assert (profile.average_seconds, profile.is_short) == (None, False)


@pytest.mark.parametrize(
    ("runs", "average", "is_short"),
    [
        pytest.param([0.0001], 0.0001, True, id="the-first-run-counts-wholly"),
        pytest.param([0.0002], 0.0002, True, id="200-microseconds-are-short"),
        pytest.param([0.000201], 0.000201, False, id="more-than-200-microseconds-are-not"),
        pytest.param([0.0, 0.0008], 0.0001, True, id="a-later-run-counts-one-eighth"),
        pytest.param([0.0, 0.02], 0.0025, False, id="one-run-of-20-milliseconds-is-enough"),
    ],
)
def test_the_average_moves_by_one_eighth(runs: list[float], average: float, is_short: bool) -> None:
    """Each run moves the average by one eighth of the difference."""
    profile = RunProfile()
    for elapsed_seconds in runs:
        profile.record(elapsed_seconds, 0.0)

    assert (pytest.approx(average), is_short) == (profile.average_seconds, profile.is_short)


@pytest.mark.parametrize(
    ("ended_at", "is_short"),
    [pytest.param(10.04, False, id="within-sixteen-times-its-length"), pytest.param(10.06, True, id="after-that")],
)
def test_after_a_long_run_an_endpoint_is_not_short_for_a_while(ended_at: float, is_short: bool) -> None:
    """However quickly the average comes down, an endpoint that is sometimes long stays one."""
    profile = RunProfile()
    profile.record(0.003, 10.0)
    for _ in range(100):
        profile.record(0.0, ended_at)

    assert is_short is profile.is_short


@pytest.mark.parametrize(
    ("before", "running", "average", "is_short"),
    [
        pytest.param(None, 0.003, 0.003, False, id="an-unknown-average-becomes-what-has-passed"),
        pytest.param(0.0001, 0.003, 0.003, False, id="a-smaller-average-is-raised"),
        pytest.param(0.005, 0.003, 0.005, False, id="a-larger-average-stays"),
        pytest.param(None, 0.0001, 0.0001, True, id="what-has-run-shortly-may-be-short"),
    ],
)
def test_a_run_that_goes_on_raises_the_average(
    before: float | None, running: float, average: float, is_short: bool
) -> None:
    """The average is at least what a run has taken that has not ended."""
    profile = RunProfile()
    if before is not None:
        profile.record(before, 0.0)

    profile.record_running(running)

    assert (average, is_short) == (profile.average_seconds, profile.is_short)


@settings(max_examples=100)
@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1))
def test_the_average_lies_between_the_shortest_and_the_longest_run(runs: list[float]) -> None:
    """An average is never outside of what it is the average of."""
    profile = RunProfile()
    for elapsed_seconds in runs:
        profile.record(elapsed_seconds, 0.0)

    assert profile.average_seconds is not None
    assert min(runs) - 1e-9 <= profile.average_seconds <= max(runs) + 1e-9
