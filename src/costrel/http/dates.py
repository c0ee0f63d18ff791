"""HTTP dates: one form to write, three to read.

Timestamps are seconds since 1970-01-01T00:00:00Z. Nothing here asks for the time of day: the only rule that depends
on it, the century of a two-digit year, takes it as an argument.

Spec: RFC 9110 §5.6.7.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["format_http_date", "parse_http_date"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_SHORT_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_FORMS = tuple(
    re.compile(pattern).fullmatch
    for pattern in (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        rf"{_SHORT_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        # asctime: Sun Nov  6 08:49:37 1994
        rf"{_SHORT_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def format_http_date(timestamp: float) -> bytes:
    """Format a time as an IMF-fixdate, the form that every sender uses.

    Args:
        timestamp: seconds since 1970 in UTC, before it if negative; parts of a second are cut off downwards.

    Raises:
        ValueError: not a number, or outside the years 1 to 9999.

    Spec:
        RFC 9110 §5.6.7.

    >>> format_http_date(784111777.9)
    b'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    try:
        moment = _EPOCH + timedelta(seconds=timestamp // 1)
    except (OverflowError, ValueError):
        raise ValueError(f"{timestamp!r:.100} is no time between the years 1 and 9999") from None
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    ).encode("ascii")


def parse_http_date(value: str | bytes, *, now: float | None = None) -> float | None:
    """Parse any of the three forms of an HTTP date.

    The name of the weekday is not compared with the date.

    Args:
        value: the field value; garbage of any kind is allowed.
        now: the present as a timestamp, to find the century of a two-digit year: from 49 years back to 50 years
            ahead. Without it 69 to 99 are 1969 to 1999 and 00 to 68 are 2000 to 2068.

    Returns:
        A timestamp, or `None` when the value is no date; a field with a bad date is ignored (RFC 9110 §13.1.3).

    Spec:
        RFC 9110 §5.6.7.

    >>> parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT")
    784111777.0
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    for fullmatch in _FORMS:
        match = fullmatch(text)
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _with_century(year, now)
    second = int(match["second"])
    try:
        moment = datetime(
            year,
            _MONTH_NUMBERS[match["month"]],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            # RFC 9110 §5.6.7 allows the leap second 60, which has no timestamp of its own.
            min(second, 59) if second <= 60 else second,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return (moment - _EPOCH).total_seconds() + (second == 60)


def _with_century(two_digits: int, now: float | None) -> int:
    """Give the year within 50 years of now that ends with two digits."""
    last = 2068 if now is None else (_EPOCH + timedelta(seconds=now)).year + 50
    return last - (last - two_digits) % 100
