"""The cookie of Django's ``signed_cookies`` session backend: JSON, compressed where that is shorter, and HMAC-SHA256.

It is what ``django.core.signing.dumps`` writes with the backend's salt, written here without Django.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from costrel.sessions.codec import DecodedSession
from costrel.sessions.payload import read_payload, write_payload
from costrel.sessions.signing import Scheme, sign, unsign
from costrel.sessions.storable import not_storable

__all__ = ["DjangoCookie"]

_SALT: Final = "django.contrib.sessions.backends.signed_cookies"
_DIGITS: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_EXPIRY: Final = "_session_expiry"


class DjangoCookie:
    """The form of the cookie of Django's ``signed_cookies`` sessions; a `SessionCodec`.

    It keeps what JSON has; a tuple becomes a list. The cookie outlives the browser, by the lifetime that Django's
    ``set_expiry`` has put into the session, else by `AppSettings.session_lifetime_seconds`, which stands for
    ``SESSION_COOKIE_AGE``. Set `AppSettings.session_cookie_name` to Django's ``sessionid``.
    """

    def __repr__(self) -> str:
        return "DjangoCookie()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DjangoCookie)

    def __hash__(self) -> int:
        return hash(DjangoCookie)

    def encode(self, values: Mapping[str, Any], keys: Sequence[str], now: float) -> str:
        """Return the text of the cookie; see `SessionCodec.encode`."""
        try:
            content = json.dumps(dict(values), separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise not_storable(dict(values), error) from error
        return sign(write_payload(content.encode()), _SCHEME, keys, _SALT, now)

    def decode(self, text: str, keys: Sequence[str], max_age_seconds: int, now: float) -> DecodedSession | None:
        """Return what a cookie holds; see `SessionCodec.decode`."""
        signed = unsign(text, _SCHEME, keys, _SALT, max_age_seconds, now)
        if signed is None:
            return None
        try:
            values = json.loads(read_payload(signed[0]))
        except (ValueError, RecursionError):
            return None
        return DecodedSession(values, signed[1]) if isinstance(values, dict) else None

    def cookie_lifetime_seconds(self, values: Mapping[str, Any], lifetime_seconds: int) -> int | None:
        """Return what ``set_expiry`` was given, `None` after ``set_expiry(0)``, the lifetime without either."""
        expiry = values.get(_EXPIRY)
        if isinstance(expiry, int):
            return expiry or None
        return lifetime_seconds


def _write_base62(number: int) -> bytes:
    digits = bytearray()
    while number:
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return bytes(reversed(digits)) or b"0"


def _read_base62(text: bytes) -> int:
    number = 0
    for digit in text:
        number = number * 62 + _DIGITS.index(digit)
    return number


# Django's own reader takes a time in the future, so a clock that is a second ahead of ours logs nobody out.
_SCHEME: Final = Scheme(b":", "django-concat", hashlib.sha256, _write_base62, _read_base62, allows_future=True)
