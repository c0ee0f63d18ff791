"""Tests of what counts as too slow."""

from __future__ import annotations

import pytest

from costrel.server.pace import ReadingPace, WritePace, judge_body


@pytest.mark.security("I3")
@pytest.mark.parametrize(
    ("waited", "silent", "received", "is_slow"),
    [(20, 20, 10_000, False), (20, 20.1, 10_000, True), (10, 1, 0, False), (12, 1, 1000, False), (12, 1, 999, True)],
)
def test_body(waited: float, silent: float, received: int, is_slow: bool) -> None:
    """A body is too slow after its silence, or below its rate once the grace is over."""
    assert is_slow == bool(judge_body(waited, silent, received, 20, 500))


@pytest.mark.security("I4")
def test_reader() -> None:
    """A reader is judged by what it takes: nothing, too little, or enough."""
    assert WritePace(0, 0).judge(30.1, 0, 30, 500) is ReadingPace.STALLED
    assert WritePace(0, 0).judge(30.1, 1, 30, 500) is ReadingPace.TOO_SLOW
    assert WritePace(0, 0).judge(30.1, 16_000, 30, 500) is ReadingPace.FINE
    assert WritePace(0, 0).judge(30, 0, 30, 500) is ReadingPace.FINE
