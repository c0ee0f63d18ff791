"""The secret behind the token of a form, and its two spellings: masked in a page, sealed in a cookie.

Masked anew for each response, compressing a page tells nothing of it (BREACH). The seal is the time and a signature
with the application's key.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

__all__ = ["SECRET_BYTES", "decode_secret", "encode_secret", "mask", "open_seal", "seal", "unmask"]

SECRET_BYTES: Final = 16

_is_token = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_is_secret = re.compile(r"[A-Za-z0-9_-]{22}").fullmatch
_is_sealed = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})").fullmatch


def mask(secret: bytes) -> str:
    """Return a secret as a token, another one each time.

    Args:
        secret: 16 bytes.
    """
    pad = os.urandom(SECRET_BYTES)
    return _encode(pad + _xor(pad, secret))


def unmask(token: str) -> bytes | None:
    """Return the secret in a token, `None` for a text that is none."""
    if _is_token(token) is None:
        return None
    content = _decode(token)
    return _xor(content[:SECRET_BYTES], content[SECRET_BYTES:])


def seal(secret: bytes, keys: Sequence[str], purpose: str, now: float) -> str:
    """Return a secret with the time and a signature.

    Args:
        secret: 16 bytes.
        keys: newest first, at least one; the first signs.
        purpose: a signature for another purpose is not accepted.
        now: seconds since the epoch.
    """
    payload = f"{_encode(secret)}.{int(now)}"
    return f"{payload}.{_signature(payload, keys[0], purpose)}"


def open_seal(text: str, keys: Sequence[str], purpose: str) -> tuple[bytes, int] | None:
    """Return a secret and when it was signed, in seconds since the epoch; `None` for what was not signed here.

    Args:
        text: anything.
        keys: a signature with any of them is accepted.
        purpose: what it was signed for.
    """
    parts = _is_sealed(text)
    if parts is None:
        return None
    secret, signed_at, signature = parts.groups()
    payload = f"{secret}.{signed_at}"
    # SECURITY: `==` would answer sooner the earlier two signatures differ, which tells a forger how far he is.
    if not any(hmac.compare_digest(_signature(payload, key, purpose), signature) for key in keys):
        return None
    return _decode(secret), int(signed_at)


def encode_secret(secret: bytes) -> str:
    """Return a secret as text, for a session."""
    return _encode(secret)


def decode_secret(text: object) -> bytes | None:
    """Return the secret that `encode_secret` has written, `None` for what it has not."""
    return _decode(text) if isinstance(text, str) and _is_secret(text) is not None else None


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(SECRET_BYTES, "big")


def _signature(payload: str, key: str, purpose: str) -> str:
    derived = hmac.digest(key.encode(), purpose.encode(), "sha256")
    return _encode(hmac.digest(derived, payload.encode("ascii"), "sha256"))
