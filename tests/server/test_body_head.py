"""Tests of remembered heads; that they are read as a fresh parser reads them is in `test_parsing`."""

from __future__ import annotations

import pytest

from costrel.server.body_head import BodyHead

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nAccept: */*\r\n\r\n"
FIELDS = [(b"host", b"a"), (b"content-length", b"3"), (b"accept", b"*/*")]


def remembered(head: bytes = HEAD % 3) -> BodyHead | None:
    return BodyHead.of("POST", b"/a", head, [*FIELDS], 3)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(HEAD % 3 + b"abc", (b"/a", b"abc"), id="the-same"),
        pytest.param(HEAD % 5 + b"abcde", (b"/a", b"abcde"), id="another-length"),
        pytest.param((HEAD % 3).replace(b"/a", b"/b?c=d", 1) + b"abc", (b"/b?c=d", b"abc"), id="another-target"),
        pytest.param(HEAD % 4 + b"\r\n\r\n", (b"/a", b"\r\n\r\n"), id="an-empty-line-as-body"),
        pytest.param(HEAD % 3 + b"ab", None, id="too-little"),
        pytest.param(HEAD % 3 + b"abcd", None, id="too-much"),
        pytest.param(HEAD % 0, None, id="no-body"),
        pytest.param((HEAD % 3).replace(b": 3", b": 03") + b"abc", None, id="a-zero-in-front"),
        pytest.param((HEAD % 3).replace(b"POST", b"PUT") + b"abc", None, id="another-method"),
        pytest.param((HEAD % 3).replace(b"*/*", b"a/*") + b"abc", None, id="another-field"),
        pytest.param((HEAD % 3).replace(b"HTTP/1.1", b"HTTP/1.0") + b"abc", None, id="another-version"),
        pytest.param(b"POST /a", None, id="the-start-of-one"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_a_read_is_taken_apart(data: bytes, expected: tuple[bytes, bytes] | None) -> None:
    """What differs in target and length alone is known again, and nothing else."""
    head = remembered()
    assert head is not None

    assert expected == head.split(data)


@pytest.mark.parametrize("length", [b"003", b"3 ", b"\t3", b"3, 3"], ids=["zeros", "space-behind", "a-tab", "a-list"])
def test_an_odd_length_is_not_remembered(length: bytes) -> None:
    """A length that is not written as nearly everyone writes it goes to the parser each time."""
    assert remembered(HEAD.replace(b"%d", length)) is None


def test_the_fields_have_the_length_of_the_last_head() -> None:
    """And each request has a list of its own."""
    head = remembered()
    assert head is not None
    head.split(HEAD % 5 + b"abcde")
    head.fields().clear()

    assert [(b"host", b"a"), (b"content-length", b"5"), (b"accept", b"*/*")] == head.fields()
