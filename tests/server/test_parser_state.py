"""Tests of what a parser keeps; the short cut for repeated heads is in `test_parsing`."""

from __future__ import annotations

import pytest

from costrel.server.parser_state import ParserLimits, State
from costrel.server.settings import ServerSettings


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({}, 8192, id="defaults"),
        pytest.param({"max_request_line_bytes": 100}, 100, id="request-line"),
        pytest.param({"max_header_field_bytes": 200}, 200, id="field"),
        pytest.param({"max_header_bytes": 300, "max_header_field_bytes": 300}, 300, id="section"),
        pytest.param({"max_request_line_bytes": 10**6, "max_header_field_bytes": 32768}, 8192, id="large"),
    ],
)
def test_small_head(limits: dict[str, int], expected: int) -> None:
    """A slice that is not larger than any limit, and never more than 8 KiB, needs no count of its parts."""
    assert expected == ParserLimits.of(ServerSettings(**limits)).small_head_bytes


def test_states_are_in_order() -> None:
    """Nothing comes after the end of parsing."""
    assert [State.BETWEEN, State.HEAD, State.BODY, State.STOPPED] == sorted(State)
