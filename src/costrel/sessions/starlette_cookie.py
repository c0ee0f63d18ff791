"""The cookie of Starlette's ``SessionMiddleware``: JSON in base64, a timestamp, and an HMAC-SHA1 of itsdangerous."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from costrel.sessions.codec import DecodedSession
from costrel.sessions.signing import Scheme, bytes_from_int, int_from_bytes, sign, unsign
from costrel.sessions.storable import not_storable

__all__ = ["StarletteCookie"]

_SCHEME: Final = Scheme(b".", "django-concat", hashlib.sha1, bytes_from_int, int_from_bytes)
_SALT: Final = "itsdangerous.Signer"


class StarletteCookie:
    """The form of the cookie of Starlette's and FastAPI's ``SessionMiddleware``; a `SessionCodec`.

    It keeps what JSON has; a tuple becomes a list. The cookie always outlives the browser, by
    `AppSettings.session_lifetime_seconds`, which stands for the middleware's ``max_age``. The middleware itself knows
    one key; ours may be several.
    """

    def __repr__(self) -> str:
        return "StarletteCookie()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StarletteCookie)

    def __hash__(self) -> int:
        return hash(StarletteCookie)

    def encode(self, values: Mapping[str, Any], keys: Sequence[str], now: float) -> str:
        """Return the text of the cookie; see `SessionCodec.encode`."""
        try:
            content = json.dumps(dict(values))
        except (TypeError, ValueError) as error:
            raise not_storable(dict(values), error) from error
        return sign(b64encode(content.encode()), _SCHEME, keys, _SALT, now)

    def decode(self, text: str, keys: Sequence[str], max_age_seconds: int, now: float) -> DecodedSession | None:
        """Return what a cookie holds; see `SessionCodec.decode`. What was signed in the future is not accepted."""
        signed = unsign(text, _SCHEME, keys, _SALT, max_age_seconds, now)
        if signed is None:
            return None
        try:
            values = json.loads(b64decode(signed[0]))
        except (ValueError, RecursionError):
            return None
        return DecodedSession(values, signed[1]) if isinstance(values, dict) else None

    def cookie_lifetime_seconds(self, values: Mapping[str, Any], lifetime_seconds: int) -> int | None:
        """Return the lifetime, for every session."""
        return lifetime_seconds
