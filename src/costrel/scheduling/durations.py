"""Lengths of time as people write them: ``90``, ``"30s"``, ``"5m"``, ``"1h30m"``, ``"7d"``."""

from __future__ import annotations

import math
import re

__all__ = ["parse_duration"]

_WRITTEN = re.compile(r"(?:(\d{1,9})d)? ?(?:(\d{1,9})h)? ?(?:(\d{1,9})m)? ?(?:(\d{1,9}(?:\.\d{1,3})?)s)?", re.ASCII)
_UNIT_SECONDS = (86_400, 3_600, 60, 1)


def parse_duration(value: float | str) -> float:
    """Return a length of time in seconds.

    Args:
        value: seconds, or text of days, hours, minutes and seconds in that order, each at most once.

    Raises:
        ValueError: it is neither, or not above 0.

    >>> parse_duration("1h30m")
    5400.0
    >>> parse_duration(90)
    90.0
    """
    seconds = _read(value)
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError("a length of time is above 0")
    return seconds


def _read(value: float | str) -> float:
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("a length of time is a number of seconds, or text such as '5m'")
        return float(value)
    found = _WRITTEN.fullmatch(value)
    if found is None or not any(found.groups()):
        raise ValueError("a length of time is written with d, h, m and s, in that order")
    return float(sum(float(part) * unit for part, unit in zip(found.groups(), _UNIT_SECONDS, strict=True) if part))
