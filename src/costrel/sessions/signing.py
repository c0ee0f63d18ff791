"""Signing text with a timestamp, and telling a text of ours from any other; the one module that imports itsdangerous.

Flask, Starlette and Django sign alike: the payload, a separator, the time, a separator, and an HMAC of all that. They
differ in the separator, in how the time is written and in how the key is derived, which is what a `Scheme` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode, bytes_to_int, int_to_bytes

__all__ = ["Scheme", "bytes_from_int", "int_from_bytes", "sign", "unsign"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one framework signs.

    Args:
        separator: one character that is in no part but the payload.
        key_derivation: ``hmac`` or ``django-concat``, as itsdangerous calls them.
        digest_method: the hash function of the HMAC.
        write_time: writes seconds since the epoch.
        read_time: reads them; raises an `Exception` for what is none.
        allows_future: whether what was signed in the future is accepted, by a clock that is ahead of ours.
    """

    separator: bytes
    key_derivation: str
    digest_method: Callable[..., Any]  # the hash functions of `hashlib` have no common public type
    write_time: Callable[[int], bytes]
    read_time: Callable[[bytes], int]
    allows_future: bool = False


def bytes_from_int(seconds: int) -> bytes:
    """Write a time as itsdangerous does: the bytes of the number in base64."""
    return base64_encode(int_to_bytes(seconds))


def int_from_bytes(text: bytes) -> int:
    """Read a time that `bytes_from_int` has written."""
    return bytes_to_int(base64_decode(text))


def sign(payload: bytes, scheme: Scheme, keys: Sequence[str], salt: str, now: float) -> str:
    """Return the payload with a time and a signature.

    Args:
        payload: ASCII.
        scheme: how.
        keys: newest first, at least one; the first signs.
        salt: the purpose; a signature for another purpose is not accepted.
        now: seconds since the epoch.
    """
    timed = payload + scheme.separator + scheme.write_time(int(now))
    return _signer(scheme, keys[:1], salt).sign(timed).decode("ascii")


def unsign(
    text: str, scheme: Scheme, keys: Sequence[str], salt: str, max_age_seconds: int, now: float
) -> tuple[bytes, float] | None:
    """Return the payload and its age in seconds, or `None` for a text that was changed, is too old or is not signed.

    It never raises, and what it compares it compares in constant time.

    Args:
        text: anything.
        scheme: how.
        keys: a signature with any of them is accepted.
        salt: the purpose.
        max_age_seconds: older than that is not accepted.
        now: seconds since the epoch.
    """
    try:
        timed = _signer(scheme, keys, salt).unsign(text)
    except BadSignature:
        return None
    payload, separator, time_text = timed.rpartition(scheme.separator)
    if not separator:
        return None
    try:
        signed_at = scheme.read_time(time_text)
        is_current = int(now) - signed_at <= max_age_seconds and (scheme.allows_future or signed_at <= int(now))
        return (payload, max(0.0, now - signed_at)) if is_current else None
    except Exception:
        # Only who has a key can sign what is no time; it is no session all the same.
        return None


def _signer(scheme: Scheme, keys: Sequence[str], salt: str) -> Signer:
    return Signer(
        # SECURITY: itsdangerous signs with the last key of the list.
        list(reversed(keys)),
        salt=salt,
        sep=scheme.separator,
        key_derivation=scheme.key_derivation,
        digest_method=scheme.digest_method,
    )
