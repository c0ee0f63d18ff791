"""Answers are compared before anything is timed."""

from __future__ import annotations

import json

import pytest
from harness.answers import Answer, difference
from harness.cases import CASES, ORDER

SPACED = json.dumps(dict(reversed(ORDER.items())), indent=2).encode()


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        pytest.param("text", Answer(200, "text/plain", b"Hello, World!"), "", id="the-text"),
        pytest.param("json", Answer(200, "application/json", b' {"id": 42}\n'), "", id="json-is-compared-by-structure"),
        pytest.param("typed", Answer(200, "application/json", SPACED), "", id="the-order-of-members-is-free"),
        pytest.param("not_found", Answer(404, "application/problem+json", b"{}"), "", id="any-404"),
        pytest.param("text", Answer(500, "text/plain", b""), "status 500 instead of 200", id="another-status"),
        pytest.param("not_found", Answer(200, "", b""), "status 200 instead of 404", id="found-what-is-not-there"),
        pytest.param(
            "text",
            Answer(200, "text/html", b"Hello, World!"),
            "media type text/html instead of text/plain",
            id="another-media-type",
        ),
        pytest.param(
            "json",
            Answer(200, "", b'{"id":42}'),
            "media type missing instead of application/json",
            id="no-media-type",
        ),
        pytest.param(
            "json", Answer(200, "application/json", b'{"id":"42"}'), """content '{"id":"42"}'""", id="text-for-a-number"
        ),
        pytest.param("text", Answer(200, "text/plain", b"Hello"), "content 'Hello'", id="another-text"),
    ],
)
def test_a_difference_is_said(name: str, answer: Answer, expected: str) -> None:
    """Status, media type and content, in this order; nothing is said of what fits."""
    assert expected == difference(CASES[name], answer)


def test_what_is_not_json_is_a_difference() -> None:
    """A broken answer does not break the comparison."""
    wrong = difference(CASES["json"], Answer(200, "application/json", b"{"))

    assert wrong.startswith("unreadable content: ")
