"""Signing text with a timestamp, and telling a text of ours from any other.

Flask, Starlette and Django sign alike: the payload, a separator, the time, a separator, and an HMAC of all that. They
differ in the separator, in how the time is written and in how the key is derived, which is what a `Scheme` says. The
bytes are those of itsdangerous, which a test compares; what it would accept besides the bytes that it writes, such as a
signature with characters that base64 passes over, is refused here.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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
    return _encode(seconds.to_bytes((seconds.bit_length() + 7) // 8, "big"))


def int_from_bytes(text: bytes) -> int:
    """Read a time that `bytes_from_int` has written."""
    return int.from_bytes(urlsafe_b64decode(text + b"=" * (-len(text) % 4)), "big")


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
    return (timed + scheme.separator + _signature(timed, scheme, keys[0], salt)).decode("ascii")


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
        timed, separator, signature = text.encode("ascii").rpartition(scheme.separator)
    except UnicodeEncodeError:
        return None
    if not separator or not _is_signed(timed, signature, scheme, keys, salt):
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


def _is_signed(timed: bytes, signature: bytes, scheme: Scheme, keys: Sequence[str], salt: str) -> bool:
    # SECURITY: `==` would answer sooner the earlier two signatures differ, which tells a forger how far he is.
    return any(hmac.compare_digest(_signature(timed, scheme, key, salt), signature) for key in keys)


def _signature(timed: bytes, scheme: Scheme, key: str, salt: str) -> bytes:
    derived = _derive(key, salt, scheme.key_derivation, scheme.digest_method)
    return _encode(hmac.digest(derived, timed, scheme.digest_method))


@lru_cache(maxsize=64)
def _derive(key: str, salt: str, key_derivation: str, digest_method: Callable[..., Any]) -> bytes:
    """Return the key for one purpose; an application has a handful of them, so they are kept."""
    if key_derivation == "hmac":
        return hmac.digest(key.encode(), salt.encode(), digest_method)
    derived: bytes = digest_method(salt.encode() + b"signer" + key.encode()).digest()
    return derived


def _encode(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
