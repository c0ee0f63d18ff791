"""Flask's session cookie: tagged JSON, compressed where that is shorter, a timestamp, and an HMAC-SHA1.

The key is derived from the secret key and the salt by HMAC. It is what our own sessions are kept in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from costrel.sessions.codec import DecodedSession
from costrel.sessions.payload import read_payload, write_payload
from costrel.sessions.session import PERMANENT
from costrel.sessions.signing import Scheme, bytes_from_int, int_from_bytes, sign, unsign
from costrel.sessions.tagged_json import TaggedJSON

__all__ = ["FlaskCookie"]

_SCHEME: Final = Scheme(b".", "hmac", hashlib.sha1, bytes_from_int, int_from_bytes)
_JSON: Final = TaggedJSON()


class FlaskCookie:
    """The form of Flask's session cookie, and of ours; a `SessionCodec`.

    Besides what JSON has it keeps tuples, bytes, UUIDs, dates with time, and markup. A session with
    ``permanent = True`` outlives the browser.

    Args:
        salt: what Flask calls ``SecureCookieSessionInterface.salt``.

    Attributes:
        salt: as given.
    """

    def __init__(self, *, salt: str = "cookie-session") -> None:
        self.salt: str = salt

    def __repr__(self) -> str:
        return f"FlaskCookie(salt={self.salt!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlaskCookie) and other.salt == self.salt

    def __hash__(self) -> int:
        return hash((FlaskCookie, self.salt))

    def encode(self, values: Mapping[str, Any], keys: Sequence[str], now: float) -> str:
        """Return the text of the cookie; see `SessionCodec.encode`."""
        return sign(write_payload(_JSON.dumps(dict(values)).encode()), _SCHEME, keys, self.salt, now)

    def decode(self, text: str, keys: Sequence[str], max_age_seconds: int, now: float) -> DecodedSession | None:
        """Return what a cookie holds; see `SessionCodec.decode`. What was signed in the future is not accepted."""
        signed = unsign(text, _SCHEME, keys, self.salt, max_age_seconds, now)
        if signed is None:
            return None
        try:
            values = _JSON.loads(read_payload(signed[0]).decode())
        except Exception:
            # Only who has a key can sign what is no session; whatever it is, it is refused.
            return None
        return DecodedSession(values, signed[1]) if isinstance(values, dict) else None

    def cookie_lifetime_seconds(self, values: Mapping[str, Any], lifetime_seconds: int) -> int | None:
        """Return the lifetime for a permanent session, `None` for any other."""
        return lifetime_seconds if values.get(PERMANENT, False) else None
