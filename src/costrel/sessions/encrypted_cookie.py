"""A session cookie that the client cannot read: what `sealing` makes of the session's tagged JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from costrel.sessions.codec import DecodedSession
from costrel.sessions.sealing import check_encryption, open_text, seal_text
from costrel.sessions.session import PERMANENT
from costrel.sessions.tagged_json import TaggedJSON

__all__ = ["EncryptedCookie"]

_JSON: Final = TaggedJSON()


class EncryptedCookie:
    """A session cookie that is encrypted with AES-256-GCM; a `SessionCodec`.

    It keeps what `FlaskCookie` keeps, in a third more bytes. Needs the package ``cryptography``.

    Args:
        purpose: what the key is derived for; two kinds of session in one application have one each.

    Attributes:
        purpose: as given.

    Raises:
        ConfigurationError: COS-SESSION-010, the package is not installed.
    """

    def __init__(self, *, purpose: str = "session") -> None:
        check_encryption()
        self.purpose: str = purpose

    def __repr__(self) -> str:
        return f"EncryptedCookie(purpose={self.purpose!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncryptedCookie) and other.purpose == self.purpose

    def __hash__(self) -> int:
        return hash((EncryptedCookie, self.purpose))

    def encode(self, values: Mapping[str, Any], keys: Sequence[str], now: float) -> str:
        """Return the text of the cookie; see `SessionCodec.encode`."""
        return seal_text(_JSON.dumps(dict(values)), keys, self._inner_purpose, now)

    def decode(self, text: str, keys: Sequence[str], max_age_seconds: int, now: float) -> DecodedSession | None:
        """Return what a cookie holds; see `SessionCodec.decode`."""
        opened = open_text(text, keys, self._inner_purpose, max_age_seconds, now)
        if opened is None:
            return None
        try:
            values = _JSON.loads(opened[0])
        except Exception:
            # Only who has a key can seal what is no session; whatever it is, it is refused.
            return None
        return DecodedSession(values, opened[1]) if isinstance(values, dict) else None

    def cookie_lifetime_seconds(self, values: Mapping[str, Any], lifetime_seconds: int) -> int | None:
        """Return the lifetime for a permanent session, `None` for any other."""
        return lifetime_seconds if values.get(PERMANENT, False) else None

    @property
    def _inner_purpose(self) -> str:
        # SECURITY: an application that seals what users give it, for a purpose called "session", makes no sessions.
        return f"\x00session cookie\x00{self.purpose}"
