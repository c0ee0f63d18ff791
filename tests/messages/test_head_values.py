from __future__ import annotations

import pytest

from costrel.http import RequestHeaders
from costrel.messages.head_values import read_last_event_id


@pytest.mark.security("J14")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"42", "42", id="plain"),
        pytest.param("é".encode(), "é", id="UTF-8"),
        pytest.param(b"x" * 1024, "x" * 1024, id="1024-bytes"),
        pytest.param(b"x" * 1025, None, id="1025-bytes"),
        pytest.param(b"\xff", None, id="no-UTF-8"),
        pytest.param(b"a\0b", None, id="NUL"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_the_last_event_id_is_read_with_care(value, expected):
    """What a client names as the last event is text of limited length, or nothing."""
    assert expected == read_last_event_id(RequestHeaders.from_raw([(b"last-event-id", value)]))


def test_there_need_be_no_last_event_id():
    """A client that connects for the first time names none."""
    assert read_last_event_id(RequestHeaders.from_raw([])) is None
