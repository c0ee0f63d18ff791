"""What is kept of a request that named a key: that it is under way, or how it was answered.

Which answers are kept: those that say what became of the request. An error of the server is none, and neither is an
answer that says `not now` or `not as you`: then the same request is done again.

Of an answer its status, its content and its fields are kept, without those of one connection or one moment.

SECURITY: a cookie is not kept. It may be a credential, and whoever has ended it must not get it again.

Spec: draft-ietf-httpapi-idempotency-key-header §2.6; RFC 9110 §7.6.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from costrel.http import Headers
from costrel.messages import Response

__all__ = ["RELEASED", "Done", "Entry", "Running", "decode_entry", "encode_entry", "is_outcome"]

RELEASED: Final = b"\x00"
"""In the place of a record: whoever comes first may have it."""

_AGAIN: Final = frozenset((401, 403, 407, 408, 409, 421, 423, 425, 429))
_NOT_KEPT: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


class Running(msgspec.Struct, array_like=True, frozen=True, tag="r"):
    """A request is under way.

    Attributes:
        fingerprint: which request.
        token: random bytes, so that no two records of this kind are the same.
        began_at: when it began, in seconds since the epoch.
    """

    fingerprint: bytes
    token: bytes
    began_at: float


class Done(msgspec.Struct, array_like=True, frozen=True, tag="d"):
    """A request was done.

    Attributes:
        fingerprint: which request.
        status_code: the status of its answer.
        fields: the header fields of its answer.
        body: the content of its answer; `None` when it was a stream or too large.
    """

    fingerprint: bytes
    status_code: int
    fields: list[tuple[bytes, bytes]]
    body: bytes | None

    @classmethod
    def without_answer(cls, fingerprint: bytes, status_code: int) -> Done:
        """Make the record of a request whose answer is not kept."""
        return cls(fingerprint, status_code, [], None)

    @classmethod
    def with_answer(cls, fingerprint: bytes, response: Response, body: bytes) -> Done:
        """Make the record of a request and its answer."""
        headers = response.headers
        named = (headers.get_combined("connection") or "").lower().encode("latin-1").split(b",")
        left_out = _NOT_KEPT.union(name.strip() for name in named)
        fields = [line for line in headers.raw if line[0] not in left_out]
        return cls(fingerprint, response.status_code, fields, body)

    def answer(self) -> Response | None:
        """Make the answer anew; `None` when it was not kept."""
        if self.body is None:
            return None
        response = Response(self.body, self.status_code)
        response.own_headers = Headers.from_raw([*self.fields, (b"idempotency-replayed", b"true")])
        return response


Entry: TypeAlias = Running | Done

encode_entry: Callable[[Entry], bytes] = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Entry] = msgspec.msgpack.Decoder(Entry).decode


def decode_entry(content: bytes) -> Entry | None:
    """Read a record; `None` for what is none."""
    try:
        return _decode(content)
    except msgspec.MsgspecError:
        return None


def is_outcome(status_code: int) -> bool:
    """Whether an answer with this status is the one that a repeated request gets."""
    return status_code < 500 and status_code not in _AGAIN
