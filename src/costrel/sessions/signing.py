"""Signing sessions, and telling a cookie of ours from any other; the one module that imports itsdangerous.

The form is Flask's: tagged JSON, compressed where that is shorter, in URL-safe base64, a timestamp, and an HMAC-SHA1
with a key that is derived from the secret key and the salt by HMAC. It is imported by the build of an application that
has a secret key, or at the first touch of a session, and by nobody else.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from itsdangerous import BadData, BadPayload, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode
from itsdangerous.url_safe import URLSafeSerializerMixin

from costrel.sessions.tagged_json import TaggedJSON

__all__ = ["MAX_PAYLOAD_BYTES", "SessionSigner", "Signed"]

MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""What a compressed session may become; no session that fits into a cookie comes near."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a valid cookie held.

    Args:
        values: the session.
        age_seconds: how long ago it was signed, 0 or more.
    """

    values: dict[str, Any]
    age_seconds: float


class SessionSigner:
    """Signs with the newest key and accepts every key.

    Args:
        keys: newest first, at least one.
        salt: the purpose; signatures for another purpose are not accepted.
        clock: returns the time in seconds since the epoch.
    """

    __slots__ = ("_clock", "_serializer")

    def __init__(self, keys: Sequence[str], salt: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._serializer = _Serializer(
            # SECURITY: itsdangerous signs with the last key of the list.
            list(reversed(keys)),
            salt=salt,
            serializer=TaggedJSON(),
            signer=_Signer,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1, "clock": clock},
        )

    def sign(self, values: dict[str, Any]) -> str:
        """Return the value of the cookie: ASCII that needs no quoting.

        Raises:
            ProgrammerError: a value that a session cannot keep.
        """
        return str(self._serializer.dumps(values))

    def read(self, text: str, max_age_seconds: int) -> Signed | None:
        """Return what a cookie holds, or `None` for one that was changed, is too old or is not ours.

        It never raises, and what it compares it compares in constant time.

        Args:
            text: the value of the cookie, as any client may have sent it.
            max_age_seconds: older than that is not accepted; nor is what was signed in the future.
        """
        try:
            values, signed_at = self._serializer.loads(text, max_age=max_age_seconds, return_timestamp=True)
        except BadData:
            return None
        if not isinstance(values, dict):
            return None
        return Signed(values, max(0.0, self._clock() - signed_at.timestamp()))


class _Signer(TimestampSigner):
    """A signer whose clock is given."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:  # passed on to itsdangerous
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class _Serializer(URLSafeTimedSerializer):
    """A serializer that takes apart no more than `MAX_PAYLOAD_BYTES`."""

    def load_payload(self, payload: bytes, *args: Any, **kwargs: Any) -> Any:  # the signature of itsdangerous
        try:
            content = _decompress(base64_decode(payload[1:])) if payload.startswith(b".") else base64_decode(payload)
        except (BadData, zlib.error) as error:
            raise BadPayload("The payload cannot be decoded.", original_error=error) from error
        # Past the class that would decode it again, and decompress without a limit.
        return super(URLSafeSerializerMixin, self).load_payload(content, *args, **kwargs)


def _decompress(content: bytes) -> bytes:
    """Decompress whole content of bounded size.

    SECURITY: 10 KiB can become 100 MiB. Only who knows a key can sign such a cookie, but a key may leak.
    """
    decompressor = zlib.decompressobj()
    result = decompressor.decompress(content, MAX_PAYLOAD_BYTES)
    if not decompressor.eof:
        raise BadPayload(f"The payload is cut off, or becomes larger than {MAX_PAYLOAD_BYTES} bytes.")
    return result
