"""What a store keeps of one session: its values, whose it is, and when it began and was used.

The cookie holds the identifier, 256 random bits. The key of the record is its SHA-256, so that whoever reads the store
cannot send the cookie. A session that was given another identifier leaves a grave for a minute: a request that was on
its way meanwhile finds nothing, and does not begin a session that would take the new one's place in the browser.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from costrel.sessions.tagged_json import TaggedJSON

__all__ = ["GRAVE", "GRAVE_SECONDS", "Record", "handle_of", "is_session_id", "make_session_id", "read_record"]

GRAVE: Final = b"-"
GRAVE_SECONDS: Final = 60.0
ID_BYTES: Final = 32
_FORM: Final = "1"
_JSON: Final = TaggedJSON()

# 256 bits in base64 have 43 characters; the last of them has two bits to spare.
is_session_id: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch


@dataclass(frozen=True, slots=True)
class Record:
    """One session in a store.

    Args:
        values: the session.
        created_at: when it began, or its user logged in, in seconds since the epoch.
        used_at: when it was last noted that it is used.
        user: whose it is, `None` for nobody's.
    """

    values: dict[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    used_at: float = 0.0
    user: str | None = None

    def write(self) -> bytes:
        """Return the bytes that a store keeps.

        Raises:
            ProgrammerError: COS-SESSION-005, a value that a session cannot keep.
        """
        head = json.dumps([_FORM, self.created_at, self.used_at, self.user], separators=(",", ":"))
        return f"{head}\n{_JSON.dumps(self.values)}".encode()

    def seconds_left(self, now: float, lifetime_seconds: float, idle_seconds: float) -> float:
        """Return how long it has to live if it is not used; 0 or less when its time is over.

        A clock that is behind the one that wrote the record makes nothing older or younger than it is.
        """
        age_seconds = max(0.0, now - self.created_at)
        unused_seconds = max(0.0, now - self.used_at)
        return min(lifetime_seconds - age_seconds, idle_seconds - unused_seconds)


def read_record(content: bytes | None) -> Record | None:
    """Return what a store has kept; `None` for nothing, a grave, and what is no record."""
    if content is None or content == GRAVE:
        return None
    try:
        head, _, body = content.decode().partition("\n")
        form, created_at, used_at, user = json.loads(head)
        values = _JSON.loads(body)
    except Exception:
        # Something else has written under this key; it is no session.
        return None
    return Record(values, created_at, used_at, user) if form == _FORM and isinstance(values, dict) else None


def make_session_id() -> str:
    """Return a new identifier for a cookie."""
    return secrets.token_urlsafe(ID_BYTES)


def handle_of(session_id: str) -> str:
    """Return what a record is called, 64 hexadecimal digits; it says nothing of the identifier."""
    return hashlib.sha256(session_id.encode("ascii")).hexdigest()
