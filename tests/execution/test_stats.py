"""The values that an operator reads."""

from __future__ import annotations

import dataclasses

import pytest

from costrel.execution.stats import ExecutionStats, LaneStats

_LANE = LaneStats("handlers", 40, 1, 2, 0.5, 3, 4, 5)


@pytest.mark.parametrize(
    ("stats", "field"),
    [
        pytest.param(_LANE, "busy", id="of-a-lane"),
        pytest.param(ExecutionStats(_LANE, _LANE, _LANE, _LANE, 0), "supervisor_pending", id="of-a-loop"),
    ],
)
def test_stats_are_of_one_moment(stats: LaneStats | ExecutionStats, field: str) -> None:
    """They cannot be changed, and are read by name."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(stats, field, 9)

    assert {field.name for field in dataclasses.fields(stats)} >= {field}
