"""Sealing values: text that nobody without the secret key can read, change, or use for another purpose.

Encryption is AES-256-GCM of the package `cryptography`. The keys come from the secret keys by HKDF-SHA-256 with the
purpose, and one step more with twelve random bytes of each token: so a key is used for one token, and no number of
tokens brings two under the same key and nonce. The newest key seals, and all of them open.

A token is URL-safe base64 of: a byte for the form, twelve random bytes for the key, twelve for the nonce, and the
ciphertext with its tag; in it are the time in seconds, in eight bytes, and the value as the JSON of a session. Nothing
is compressed: the length would tell of what is inside.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from costrel.errors import BadRequest, ConfigurationError, MissingSecretKey, Mistake, OutsideRequest
from costrel.messages import current_request
from costrel.sessions.tagged_json import TaggedJSON

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["InvalidSeal", "check_encryption", "open_text", "seal", "seal_text", "unseal"]

MAX_TOKEN_CHARACTERS: Final = 1_000_000
MAX_SKEW_SECONDS: Final = 60.0
_FORM: Final = b"\x01"
_SALT: Final = b"costrel seal 1"
_RANDOM_BYTES: Final = 12
_TIME_BYTES: Final = 8
_HEAD_BYTES: Final = len(_FORM) + 2 * _RANDOM_BYTES
_JSON: Final = TaggedJSON()


class InvalidSeal(BadRequest):
    """400: a token was changed, is too old, was sealed for another purpose or with a key that is gone, or is none."""


def seal(value: object, *, purpose: str, keys: Sequence[str] | None = None) -> str:
    """Return a token that only `unseal` with the same purpose can read.

    Args:
        value: what a session can hold: JSON, and tuples, bytes, UUIDs, dates with time, and markup.
        purpose: what the token is for, for example ``"password-reset"``; it opens for no other.
        keys: secret keys, newest first; `None` is those of the application whose request or context is current.

    Returns:
        ASCII that needs no quoting in a URL, a cookie or a header field.

    Raises:
        ProgrammerError: COS-SESSION-005, a value that cannot be written.
        MissingSecretKey: the application has no secret key.
        OutsideRequest: no application is current, and there are no `keys`.
        ConfigurationError: COS-SESSION-010, the package ``cryptography`` is not installed.

    >>> token = seal({"user": 7}, purpose="invitation", keys=["0123456789abcdef-only-an-example"])
    >>> unseal(token, purpose="invitation", max_age_seconds=60, keys=["0123456789abcdef-only-an-example"])
    {'user': 7}
    """
    return seal_text(_JSON.dumps(value, "value"), _keys(keys, "seal"), purpose, time.time())


def unseal(
    token: str, *, purpose: str, max_age_seconds: float | None, keys: Sequence[str] | None = None
) -> Any:  # JSON values have no common static type
    """Return what was sealed in a token.

    Args:
        token: anything; what a client has sent.
        purpose: as given to `seal`.
        max_age_seconds: older than that it is not opened; `None` opens it however old it is.
        keys: as for `seal`; a token of any of them is opened.

    Raises:
        InvalidSeal: it cannot be opened; answered with 400 where nobody handles it. It is not said why.
        MissingSecretKey: the application has no secret key.
        OutsideRequest: no application is current, and there are no `keys`.
        ConfigurationError: COS-SESSION-010, the package ``cryptography`` is not installed.
    """
    opened = open_text(token, _keys(keys, "unseal"), purpose, max_age_seconds, time.time())
    if opened is None:
        raise InvalidSeal("The token is not valid.")
    try:
        return _JSON.loads(opened[0])
    except Exception:
        # Only who has a key can seal what is no value of ours.
        raise InvalidSeal("The token is not valid.") from None


def seal_text(text: str, keys: Sequence[str], purpose: str, now: float) -> str:
    """Return a token with a text in it.

    Args:
        text: anything.
        keys: newest first, at least one.
        purpose: what it is for.
        now: seconds since the epoch.
    """
    random = secrets.token_bytes(2 * _RANDOM_BYTES)
    content = int(now).to_bytes(_TIME_BYTES, "big") + text.encode("utf-8", "surrogatepass")
    head = _FORM + random
    cipher, _ = _encryption()
    sealed = cipher(_token_key(keys[0], purpose, random)).encrypt(random[_RANDOM_BYTES:], content, _FORM)
    return urlsafe_b64encode(head + sealed).rstrip(b"=").decode("ascii")


def open_text(
    token: str, keys: Sequence[str], purpose: str, max_age_seconds: float | None, now: float
) -> tuple[str, float] | None:
    """Return the text in a token and its age in seconds, `None` for a token that cannot be opened; it never raises.

    What was sealed up to a minute in the future, by a clock that is ahead of ours, is as new as can be.
    """
    content = _open(token, keys, purpose)
    if content is None:
        return None
    age_seconds = now - int.from_bytes(content[:_TIME_BYTES], "big")
    if age_seconds < -MAX_SKEW_SECONDS or (max_age_seconds is not None and age_seconds > max_age_seconds):
        return None
    return content[_TIME_BYTES:].decode("utf-8", "surrogatepass"), max(0.0, age_seconds)


def check_encryption() -> None:
    """Find out at start whether there is something to encrypt with.

    Raises:
        ConfigurationError: COS-SESSION-010.
    """
    if find_spec("cryptography") is None:
        raise _no_cryptography()


def _open(token: str, keys: Sequence[str], purpose: str) -> bytes | None:
    if len(token) > MAX_TOKEN_CHARACTERS:
        return None
    try:
        encoded = token.encode("ascii")
        raw = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except ValueError:
        return None
    # SECURITY: base64 passes over what is no letter of it, so a token could be written in many ways; one is accepted.
    if not raw.startswith(_FORM) or urlsafe_b64encode(raw).rstrip(b"=") != encoded:
        return None
    random, sealed = raw[len(_FORM) : _HEAD_BYTES], raw[_HEAD_BYTES:]
    cipher, invalid = _encryption()
    for key in keys:
        try:
            content = cipher(_token_key(key, purpose, random)).decrypt(random[_RANDOM_BYTES:], sealed, _FORM)
        except (invalid, ValueError):
            continue
        return content if len(content) >= _TIME_BYTES else None
    return None


@lru_cache(maxsize=1)
def _encryption() -> tuple[type[AESGCM], type[Exception]]:
    """Return the cipher and what it raises; imported by who encrypts."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise _no_cryptography() from error
    return AESGCM, InvalidTag


def _token_key(key: str, purpose: str, random: bytes) -> bytes:
    return hmac.digest(_purpose_key(key, purpose), random[:_RANDOM_BYTES], "sha256")


@lru_cache(maxsize=64)
def _purpose_key(key: str, purpose: str) -> bytes:
    """Return the key for one purpose: HKDF with one block, RFC 5869 §2."""
    extracted = hmac.digest(_SALT, key.encode(), "sha256")
    return hmac.digest(extracted, purpose.encode("utf-8", "surrogatepass") + b"\x01", "sha256")


def _keys(keys: Sequence[str] | None, name: str) -> Sequence[str]:
    if keys is None:
        request = current_request.get(None)
        if request is None:
            raise OutsideRequest(name)
        keys = request.app.settings.secret_keys
    elif isinstance(keys, str):
        raise TypeError("`keys` is a list of keys, newest first, and not one text")
    if not keys:
        raise MissingSecretKey(f"`{name}`")
    return keys


def _no_cryptography() -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-SESSION-010",
            "Encryption needs the package `cryptography`, which is not installed.",
            fix="pip install 'costrel[seal]'",
        )
    )
