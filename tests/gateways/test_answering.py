"""What all gateways do alike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from costrel.gateways.answering import RunningApplication, emit_end, raw_form
from costrel.http import RequestHeaders


class Listening:
    """An application that listens to some events, and keeps what it hears."""

    def __init__(self, *events: str) -> None:
        self.events = events
        self.heard: list[str] = []

    def listens(self, event: str) -> bool:
        """Whether anybody listens."""
        return event in self.events

    def emit(self, event: str, fields: object) -> None:
        """Keep an event."""
        self.heard.append(event)


@pytest.mark.parametrize(
    ("path", "raw_path", "wanted"),
    [
        ("/a b", None, b"/a%20b"),
        ("/a b", b"/a%20b", b"/a%20b"),
        ("/é", b"/%C3%a9", b"/%C3%a9"),
        ("/a/b", b"/a%2Fb", b"/a%2Fb"),
        ("/changed", b"/before", b"/changed"),
    ],
)
def test_a_raw_path_is_what_came_unless_somebody_changed_it(path: str, raw_path: bytes | None, wanted: bytes) -> None:
    """What does not lead to the path is stale."""
    assert wanted == raw_form(path, raw_path)


def test_a_backslash_is_refused() -> None:
    """Some readers take it for a slash."""
    with pytest.raises(ValueError, match="backslash"):
        raw_form("/a\\b", b"/a\\b")


@pytest.mark.parametrize("events", [(), ("request_finished",), ("early_response",)])
def test_who_listens_is_settled_at_the_start(events: tuple[str, ...]) -> None:
    """An end that nobody is told of is plain."""
    application: Any = Listening(*events)
    loop_state: Any = None
    running = RunningApplication.started(application, loop_state)

    assert ("request_finished" in events, "early_response" in events, not events) == (
        running.listens_finished,
        running.listens_early,
        running.has_plain_ends,
    )


@pytest.mark.parametrize(
    ("fields", "received", "is_complete", "is_early"),
    [
        pytest.param({}, 0, False, False, id="no-body"),
        pytest.param({"content-length": "3"}, 3, False, False, id="all-of-it-came"),
        pytest.param({"content-length": "3"}, 2, False, True, id="some-was-left"),
        pytest.param({"content-length": "3"}, 0, True, False, id="the-server-said-that-this-is-all"),
        pytest.param({"transfer-encoding": "chunked"}, 9, False, True, id="chunks-may-follow"),
    ],
)
def test_an_early_response_is_one_that_left_some_of_the_body(
    fields: dict[str, str], received: int, is_complete: bool, is_early: bool
) -> None:
    """What a server says after the last byte is not waited for."""
    application: Any = Listening("early_response")
    loop_state: Any = None
    length = int(fields["content-length"]) if "content-length" in fields else (None if fields else 0)
    headers = RequestHeaders.from_raw([(name.encode(), value.encode()) for name, value in fields.items()])
    request: Any = SimpleNamespace(headers=headers, content_length=length)
    exchange: Any = SimpleNamespace(status_code=200, bytes_received=received, bytes_sent=0, body_complete=is_complete)
    emit_end(application, RunningApplication.started(application, loop_state), request, exchange, 0.0)

    assert (["early_response"] if is_early else []) == application.heard
