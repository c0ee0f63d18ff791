"""Tests of conditional requests: the order of RFC 9110 §13.2.2 as a table."""

from __future__ import annotations

import pytest

from costrel.http.dates import format_http_date
from costrel.http.etags import ETag
from costrel.http.preconditions import Precondition, evaluate, range_applies

PROCEED, NOT_MODIFIED, FAILED = Precondition.PROCEED, Precondition.NOT_MODIFIED, Precondition.FAILED

NOW = 1_700_000_000
BEFORE, SAME, AFTER = (format_http_date(NOW + seconds) for seconds in (-1, 0, 1))
STRONG, WEAK = ETag("v"), ETag("v", weak=True)

pytestmark = pytest.mark.pain("P34")


@pytest.mark.capability("C042")
@pytest.mark.parametrize(
    ("method", "fields", "etag", "expected"),
    [
        pytest.param("GET", {}, STRONG, PROCEED, id="no-condition"),
        pytest.param("GET", {"if-match": b'"v"'}, STRONG, PROCEED, id="if-match-equal"),
        pytest.param("PUT", {"if-match": b'"x", "v"'}, STRONG, PROCEED, id="if-match-one-of-several"),
        pytest.param("PUT", {"if-match": b'"x"'}, STRONG, FAILED, id="if-match-other"),
        pytest.param("PUT", {"if-match": b'W/"v"'}, STRONG, FAILED, id="if-match-is-strong"),
        pytest.param("PUT", {"if-match": b'"v"'}, WEAK, FAILED, id="if-match-never-matches-weak"),
        pytest.param("PUT", {"if-match": b'"v"'}, None, FAILED, id="if-match-without-a-tag"),
        pytest.param("PUT", {"if-match": b"nonsense"}, STRONG, FAILED, id="if-match-nonsense"),
        pytest.param("PUT", {"if-match": b"*"}, None, PROCEED, id="if-match-star"),
        pytest.param("PUT", {"if-unmodified-since": SAME}, None, PROCEED, id="unmodified-since-same"),
        pytest.param("PUT", {"if-unmodified-since": AFTER}, None, PROCEED, id="unmodified-since-later"),
        pytest.param("PUT", {"if-unmodified-since": BEFORE}, None, FAILED, id="unmodified-since-earlier"),
        pytest.param("PUT", {"if-unmodified-since": b"garbage"}, None, PROCEED, id="unmodified-since-garbage"),
        pytest.param(
            "PUT", {"if-match": b'"v"', "if-unmodified-since": BEFORE}, STRONG, PROCEED, id="if-match-wins-over-date"
        ),
        pytest.param("GET", {"if-none-match": b'"v"'}, STRONG, NOT_MODIFIED, id="if-none-match-equal"),
        pytest.param("HEAD", {"if-none-match": b'"v"'}, STRONG, NOT_MODIFIED, id="if-none-match-head"),
        pytest.param("GET", {"if-none-match": b'W/"v"'}, STRONG, NOT_MODIFIED, id="if-none-match-is-weak"),
        pytest.param("GET", {"if-none-match": b'"x"'}, STRONG, PROCEED, id="if-none-match-other"),
        pytest.param("GET", {"if-none-match": b'"v"'}, None, PROCEED, id="if-none-match-without-a-tag"),
        pytest.param("GET", {"if-none-match": b"nonsense"}, STRONG, PROCEED, id="if-none-match-nonsense"),
        pytest.param("GET", {"if-none-match": b"*"}, None, NOT_MODIFIED, id="if-none-match-star"),
        pytest.param("PUT", {"if-none-match": b"*"}, None, FAILED, id="if-none-match-star-on-put"),
        pytest.param("PUT", {"if-none-match": b'"v"'}, STRONG, FAILED, id="if-none-match-on-put"),
        pytest.param("GET", {"if-modified-since": SAME}, None, NOT_MODIFIED, id="modified-since-same"),
        pytest.param("HEAD", {"if-modified-since": AFTER}, None, NOT_MODIFIED, id="modified-since-later"),
        pytest.param("GET", {"if-modified-since": BEFORE}, None, PROCEED, id="modified-since-earlier"),
        pytest.param("POST", {"if-modified-since": AFTER}, None, PROCEED, id="modified-since-is-for-get-and-head"),
        pytest.param(
            "GET",
            {"if-modified-since": b"garbage"},
            None,
            PROCEED,
            id="modified-since-garbage",
            marks=pytest.mark.security("B20"),
        ),
        pytest.param(
            "GET", {"if-none-match": b'"x"', "if-modified-since": AFTER}, STRONG, PROCEED, id="if-none-match-wins"
        ),
        pytest.param(
            "GET", {"if-match": b'"v"', "if-none-match": b'"v"'}, STRONG, NOT_MODIFIED, id="both-are-looked-at"
        ),
        pytest.param(
            "GET", {"if-match": b'"x"', "if-none-match": b'"v"'}, STRONG, FAILED, id="if-match-is-looked-at-first"
        ),
        pytest.param("OPTIONS", {"if-match": b'"x"'}, STRONG, PROCEED, id="options-has-no-representation"),
    ],
)
def test_evaluate(method: str, fields: dict[str, bytes], etag: ETag | None, expected: Precondition) -> None:
    """Each condition is looked at in its order and by its own comparison."""
    actual = evaluate(method, lambda name: fields.get(name.decode()), etag=etag, last_modified=NOW + 0.9)

    assert expected == actual


@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
def test_dates_without_a_modification_time(name: str) -> None:
    """A date is ignored when the representation has no modification time."""
    fields = {name.encode(): BEFORE}

    assert PROCEED == evaluate("GET", fields.get, etag=None, last_modified=None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({b"if-none-match": b"*"}, PROCEED, id="create-only"),
        pytest.param({b"if-match": b"*"}, FAILED, id="update-only"),
        pytest.param({b"if-match": b'"v"'}, FAILED, id="a-tag-of-nothing"),
        pytest.param({b"if-none-match": b'"v"'}, PROCEED, id="not-the-tag-of-nothing"),
        pytest.param({b"if-unmodified-since": BEFORE}, PROCEED, id="a-date-of-nothing"),
    ],
)
def test_nothing_exists_yet(fields: dict[bytes, bytes], expected: Precondition) -> None:
    """Where nothing exists, `*` matches nothing and validators are not looked at."""
    assert expected == evaluate("PUT", fields.get, etag=STRONG, last_modified=NOW, exists=False)


@pytest.mark.capability("C043")
@pytest.mark.security("B20")
@pytest.mark.parametrize(
    ("if_range", "etag", "last_modified", "expected"),
    [
        pytest.param(None, None, None, True, id="no-field"),
        pytest.param(b'"v"', STRONG, None, True, id="equal-tag"),
        pytest.param(b' "v" ', STRONG, None, True, id="spaces-around"),
        pytest.param(b'"x"', STRONG, None, False, id="other-tag"),
        pytest.param(b'W/"v"', STRONG, None, False, id="weak-field"),
        pytest.param(b'W/"v"', WEAK, None, False, id="both-weak"),
        pytest.param(b'"v"', WEAK, None, False, id="weak-representation"),
        pytest.param(b'"v"', None, NOW, False, id="no-tag-to-compare"),
        pytest.param(b'"v', STRONG, NOW, False, id="broken-tag"),
        pytest.param(SAME, None, NOW + 0.5, True, id="same-date"),
        pytest.param(AFTER, None, NOW, False, id="later-date"),
        pytest.param(BEFORE, None, NOW, False, id="earlier-date"),
        pytest.param(SAME, None, None, False, id="no-date-to-compare"),
        pytest.param(b"garbage", STRONG, NOW, False, id="garbage"),
    ],
)
def test_range_applies(if_range: bytes | None, etag: ETag | None, last_modified: float | None, expected: bool) -> None:
    """A range is honoured only for exactly the representation that the client has."""
    assert expected == range_applies(if_range, etag=etag, last_modified=last_modified)
