"""Comparing two answers: which of their parts are looked at, and which way a body is read."""

from __future__ import annotations

import hashlib

import pytest

from costrel.cli.doctor_compare import Answer, compare_answers
from costrel.cli.doctor_difference import Ignored
from costrel.http import Headers


def answer(
    body: bytes | None = b"", media_type: str = "", status_code: int = 200, *, coding: str = "", **fields: object
) -> Answer:
    """An answer with a body."""
    headers = {"content-type": media_type} if media_type else {}
    if coding:
        headers["content-encoding"] = coding
    known: dict[str, object] = {"failure": "", "is_whole": True, **fields}
    return Answer(
        status_code,
        Headers(headers),
        body,
        len(body or b""),
        hashlib.sha256(body or b"long").hexdigest(),
        str(known["failure"]),
        bool(known["is_whole"]),
    )


def found(old: Answer, new: Answer, *ignored: str) -> list[str]:
    """Compare two answers and show each difference."""
    differences = compare_answers(old, new, "http://localhost", Ignored(ignored))
    return [
        f"{item.kind} {item.name}: {item.old} > {item.new}" + "".join(f" | {line}" for line in item.lines)
        for item in differences
    ]


JSON = "application/json"
ERROR = answer(b"{}", "application/problem+json", 500, failure="ValueError: x (shop.py:3)")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(answer(b"a", "text/plain"), answer(b"a", "text/plain"), [], id="nothing"),
        pytest.param(answer(b"[1]", JSON), answer(b"[2]", JSON), ["body $[0]: 1 > 2"], id="json"),
        pytest.param(answer(b"{", JSON), answer(b"{}", JSON), ["body :  >  | - { | + {}"], id="json-that-is-none"),
        pytest.param(answer(b"<p>a", "text/html"), answer(b"<p>b", "text/html"), ["body :  >  | - a | + b"], id="html"),
        pytest.param(answer(b"a", "text/plain"), answer(b"b", "text/plain"), ["body :  >  | - a | + b"], id="text"),
        pytest.param(
            answer("\u00e9".encode("latin-1"), "text/plain; charset=latin-1"),
            answer("\u00e8".encode("latin-1"), "text/plain; charset=latin-1"),
            ["body :  >  | - \u00e9 | + \u00e8"],
            id="text-of-another-charset",
        ),
        pytest.param(
            answer(b"a", "text/plain; charset=none"),
            answer(b"b", "text/plain; charset=none"),
            ["body :  >  | - a | + b"],
            id="text-of-a-charset-that-is-none",
        ),
        pytest.param(
            answer(b"a", "image/png"),
            answer(b"bc", "image/png"),
            ["body : 1 byte, sha256 ca978112ca1b > 2 bytes, sha256 1e0bbd6c686b"],
            id="bytes",
        ),
        pytest.param(
            answer(b"a", JSON, coding="gzip"),
            answer(b"b", JSON, coding="gzip"),
            ["body : 1 byte, sha256 ca978112ca1b > 1 byte, sha256 3e23e8160039"],
            id="what-is-packed",
        ),
        pytest.param(
            answer(b"<p>", "text/html"),
            answer(b"{}", JSON),
            [
                "header content-type: text/html > application/json",
                "body : 3 bytes of text/html > 2 bytes of application/json",
            ],
            id="another-media-type",
        ),
        pytest.param(
            answer(b"a", "text/plain"),
            ERROR,
            ["status : 200 OK > 500 Internal Server Error: ValueError: x (shop.py:3)"],
            id="an-error-is-not-read",
        ),
        pytest.param(answer(b"a", "text/plain", 302), answer(b"", "", 303), [
            "status : 302 Found > 303 See Other"
        ], id="nor-is-a-redirect"),
        pytest.param(
            answer(b"[1]", JSON, 404), answer(b"[2]", JSON, 404), ["body $[0]: 1 > 2"], id="errors-of-both-are"
        ),
        pytest.param(
            Answer(0, failure="no answer within 1 seconds", is_whole=False),
            answer(b"a", "text/plain"),
            ["status : no answer within 1 seconds > 200 OK"],
            id="no-answer",
        ),
        pytest.param(
            answer(b"a", "text/plain"),
            answer(b"a", "text/plain", is_whole=False, failure="no end within 1 seconds"),
            ["answer : whole > no end within 1 seconds"],
            id="no-end",
        ),
        pytest.param(
            answer(b"a", "text/plain", is_whole=False),
            answer(b"b", "text/plain", is_whole=False),
            [],
            id="no-end-of-both",
        ),
    ],
)  # fmt: skip
def test_two_answers_are_compared_part_by_part(old: Answer, new: Answer, expected: list[str]) -> None:
    """Each body by what it is."""

    assert expected == found(old, new)


@pytest.mark.parametrize("length_differs", [True, False])
def test_a_body_that_is_too_long_to_be_kept_is_compared_by_its_digest(length_differs: bool) -> None:
    """Nothing is kept of it."""
    old = Answer(200, content=None, length_bytes=5_000_000, digest="aaaa")
    new = Answer(200, content=None, length_bytes=5_000_000 + length_differs, digest="bbbb")

    assert [f"body : 5,000,000 bytes, sha256 aaaa > 5,000,00{int(length_differs)} bytes, sha256 bbbb"] == found(
        old, new
    )


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        pytest.param("status", ["content-type", ""], id="the-status"),
        pytest.param("content-type", ["status", ""], id="the-type-of-the-content"),
        pytest.param("body", ["status", "content-type"], id="the-body"),
    ],
)
def test_a_part_can_be_left_out(ignored: str, expected: list[str]) -> None:
    """By its name."""
    old, new = answer(b"a", "text/plain", 200), answer(b"b", "text/html", 201)
    names = [item.name or item.kind for item in compare_answers(old, new, "", Ignored([ignored]))]

    assert [name or "body" for name in expected] == names
