"""HTTP dates: one form to write, three to read, and garbage is `None`."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.dates import format_http_date, parse_http_date

YEAR_1 = -62_135_596_800
YEAR_9999 = 253_402_300_799


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 784111777, id="imf-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 784111777, id="rfc-850"),
        pytest.param("Sun Nov  6 08:49:37 1994", 784111777, id="asctime"),
        pytest.param("Wed Nov 16 08:49:37 1994", 784975777, id="asctime-with-two-digits"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", 784111777, id="the-weekday-is-not-compared"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before-the-epoch"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, id="leap-second"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800, id="leap-day"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_three_forms_are_read(value: str, expected: float, kind: str) -> None:
    """The forms of RFC 9110 §5.6.7."""
    assert expected == parse_http_date(value if kind == "text" else value.encode())


@pytest.mark.security("B20")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("garbage", id="garbage"),
        pytest.param("0", id="number"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", id="no-zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 UTC", id="another-zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT ", id="space-after"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT\n", id="newline-after"),
        pytest.param("sun, 06 nov 1994 08:49:37 gmt", id="lower-case"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", id="one-digit-day"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", id="day-0"),
        pytest.param("Thu, 31 Nov 1994 08:49:37 GMT", id="day-31-of-30"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", id="no-leap-year"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", id="hour-24"),
        pytest.param("Sun, 06 Nov 1994 08:60:00 GMT", id="minute-60"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", id="second-61"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", id="year-0"),
        pytest.param("Sun, ٠٦ Nov 1994 08:49:37 GMT", id="arabic-digits"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT" * 2000, id="64-kib"),
        pytest.param("\x00\ud800", id="nul-and-a-surrogate"),
    ],
)
def test_garbage_is_no_date_and_no_error(value: str) -> None:
    """A field with a bad date is ignored, so the parser never raises."""
    assert parse_http_date(value) is None


@given(
    st.one_of(
        st.text(max_size=40),
        st.binary(max_size=40),
        st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
    )
)
@settings(max_examples=200)
def test_the_parser_never_raises(value: str | bytes) -> None:
    """Any text and any bytes give a number or nothing."""
    assert isinstance(parse_http_date(value), float | None)


def year_of(value: str, now: float | None = None) -> int:
    """Give the year that a date is read as."""
    timestamp = parse_http_date(value, now=now)
    return 0 if timestamp is None else datetime.fromtimestamp(timestamp, UTC).year


@pytest.mark.parametrize(
    ("two_digits", "now", "expected"),
    [
        pytest.param("69", None, 1969, id="without-now-69-is-past"),
        pytest.param("99", None, 1999, id="without-now-99-is-past"),
        pytest.param("00", None, 2000, id="without-now-00-is-2000"),
        pytest.param("68", None, 2068, id="without-now-68-is-2068"),
        pytest.param("76", datetime(2026, 6, 1, tzinfo=UTC), 2076, id="50-years-ahead"),
        pytest.param("77", datetime(2026, 6, 1, tzinfo=UTC), 1977, id="51-years-ahead-is-the-past"),
        pytest.param("05", datetime(2095, 6, 1, tzinfo=UTC), 2105, id="the-next-century-is-near"),
        pytest.param("94", datetime(1994, 6, 1, tzinfo=UTC), 1994, id="the-present-year"),
    ],
)
def test_the_century_of_a_two_digit_year(two_digits: str, now: datetime | None, expected: int) -> None:
    """More than 50 years ahead means the past (RFC 9110 §5.6.7)."""
    actual = year_of(f"Sunday, 01-Jan-{two_digits} 00:00:00 GMT", None if now is None else now.timestamp())

    assert expected == actual


@given(st.integers(YEAR_1, YEAR_9999))
@settings(max_examples=200)
def test_a_date_comes_back(timestamp: int) -> None:
    """Every date has the same length, and parsing is the inverse of formatting."""
    formatted = format_http_date(timestamp)

    assert len(formatted) == 29
    assert timestamp == parse_http_date(formatted)


@given(st.integers(0, 4_102_444_800))
@settings(max_examples=100)
def test_a_date_is_what_the_standard_library_writes(timestamp: int) -> None:
    """IMF-fixdate is the date of mail with GMT."""
    expected = format_datetime(datetime.fromtimestamp(timestamp, UTC), usegmt=True).encode()

    assert expected == format_http_date(timestamp)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        pytest.param(0.999, b"Thu, 01 Jan 1970 00:00:00 GMT", id="parts-of-a-second-are-cut"),
        pytest.param(-0.001, b"Wed, 31 Dec 1969 23:59:59 GMT", id="downwards-before-the-epoch"),
        pytest.param(YEAR_1, b"Mon, 01 Jan 0001 00:00:00 GMT", id="the-first-second"),
        pytest.param(YEAR_9999 + 0.5, b"Fri, 31 Dec 9999 23:59:59 GMT", id="the-last-second"),
    ],
)
def test_a_time_is_cut_to_its_second(timestamp: float, expected: bytes) -> None:
    """A validator must not lie in the future of what it validates."""
    assert expected == format_http_date(timestamp)


@pytest.mark.parametrize("timestamp", [YEAR_1 - 1, YEAR_9999 + 1, 1e30, float("inf"), float("-inf"), float("nan")])
def test_a_time_without_a_date_is_refused(timestamp: float) -> None:
    """Only the years 1 to 9999 can be written."""
    with pytest.raises(ValueError) as caught:
        format_http_date(timestamp)

    assert f"{timestamp!r} is no time between the years 1 and 9999" == str(caught.value)
