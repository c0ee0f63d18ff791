"""What turns a session into the text of its cookie and back: the seam between `keeper` and the forms of frameworks.

A codec has no state that changes and no clock: keys and time are given with each call, so one serves every application
and every thread. The forms that exist are in `flask_cookie`, `starlette_cookie` and `django_cookie`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

__all__ = ["DecodedSession", "SessionCodec"]


@dataclass(frozen=True, slots=True)
class DecodedSession:
    """What a valid cookie held.

    Args:
        values: the session.
        age_seconds: how long ago it was signed, 0 or more.
    """

    values: dict[str, Any]
    age_seconds: float


@runtime_checkable
class SessionCodec(Protocol):
    """Makes the text of a session cookie and reads it.

    Two codecs that are equal keep the same cookie; so one session serves an application and another mounted in it.
    """

    def encode(self, values: Mapping[str, Any], keys: Sequence[str], now: float) -> str:
        """Return the signed text of a session: ASCII that needs no quoting in a cookie.

        Args:
            values: the session, not empty.
            keys: the secret keys, newest first, at least one; the first signs.
            now: seconds since the epoch.

        Raises:
            ProgrammerError: COS-SESSION-005, a value that this form cannot keep.
        """
        ...

    def decode(self, text: str, keys: Sequence[str], max_age_seconds: int, now: float) -> DecodedSession | None:
        """Return what a cookie holds, or `None` for one that was changed, is too old or is not of this form.

        It never raises, compares signatures in constant time, and takes apart no more than a bounded size.

        Args:
            text: the value of the cookie, as any client may have sent it.
            keys: the secret keys; a signature with any of them is accepted.
            max_age_seconds: older than that is not accepted.
            now: seconds since the epoch.
        """
        ...

    def cookie_lifetime_seconds(self, values: Mapping[str, Any], lifetime_seconds: int) -> int | None:
        """Return how long the browser is to keep the cookie, `None` for as long as it is open.

        Args:
            values: the session, where some frameworks keep it.
            lifetime_seconds: `AppSettings.session_lifetime_seconds`.
        """
        ...
