"""What every store asks of keys, values, numbers and times, so that all refuse the same.

A key becomes bytes by UTF-8 alone: no folding of case, no normal form. Two keys that look alike are two keys.
"""

from __future__ import annotations

import re

__all__ = [
    "MAX_VALUE_BYTES",
    "add_number",
    "check_key",
    "check_number",
    "check_ttl",
    "check_value",
    "check_wait",
]

MAX_KEY_CHARACTERS = 512
MAX_VALUE_BYTES = 16 * 1024 * 1024
MAX_TTL_SECONDS = 10 * 366 * 86_400
LARGEST = 2**63 - 1
SMALLEST = -(2**63)

_NUMBER = re.compile(rb"(?:0|-?[1-9][0-9]{0,18})\Z")


def check_key(key: str) -> bytes:
    """Return a key, or a member, as bytes.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty, too long, or has half of a surrogate pair.
    """
    if not isinstance(key, str):
        raise TypeError(f"a key is `str`, not `{type(key).__name__}`")
    if not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise ValueError(f"a key has 1 to {MAX_KEY_CHARACTERS} characters, not {len(key)}")
    return key.encode()


def check_value(value: bytes) -> None:
    """Refuse what is no value.

    Raises:
        TypeError: it is not `bytes`.
        ValueError: it is too large.
    """
    if not isinstance(value, bytes):
        raise TypeError(f"a value is `bytes`, not `{type(value).__name__}`")
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"a value has at most {MAX_VALUE_BYTES} bytes, not {len(value)}")


def check_ttl(ttl_seconds: float | None) -> None:
    """Refuse what is no time to live.

    Raises:
        ValueError: it is not above 0, or above ten years; or it is not a number.
    """
    # Written so that a NaN, which compares to nothing, is refused too.
    if ttl_seconds is not None and not 0 < ttl_seconds <= MAX_TTL_SECONDS:
        raise ValueError(f"ttl_seconds is above 0 and at most {MAX_TTL_SECONDS}, not {ttl_seconds}")


def check_wait(wait_seconds: float) -> None:
    """Refuse what is no time to wait.

    Raises:
        ValueError: it is negative, or not a number.
    """
    if not wait_seconds >= 0:
        raise ValueError(f"wait_seconds is 0 or more, not {wait_seconds}")


def check_number(number: int) -> None:
    """Refuse what cannot be added to a counter.

    Raises:
        TypeError: it is no integer.
        ValueError: it does not fit into 64 bits with a sign.
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"a counter is changed by `int`, not `{type(number).__name__}`")
    if not SMALLEST <= number <= LARGEST:
        raise ValueError("a counter is changed by a number of 64 bits with a sign")


def add_number(value: bytes | None, by: int) -> int:
    """Add to the number that a value is.

    Args:
        value: decimal digits, or `None` for 0.
        by: what is added.

    Raises:
        ValueError: the value is no number, or the sum does not fit into 64 bits with a sign.
    """
    if value is None:
        number = 0
    elif _NUMBER.match(value) and SMALLEST <= int(value) <= LARGEST:
        number = int(value)
    else:
        raise ValueError("the value under this key is no number of 64 bits with a sign")
    total = number + by
    if not SMALLEST <= total <= LARGEST:
        raise ValueError("the sum does not fit into 64 bits with a sign")
    return total
