"""How a response is framed: which header fields go out, whether there is content, and how its end is known.

These are decisions and nothing else. Whoever sends acts on them: `sending` passes fields and pieces on to somebody
else who writes the bytes, a server's own writer makes bytes of them. So a response that cannot be sent as it is, is
found by the same rule everywhere, and before anything of it was sent.

Spec: RFC 9112 §6.3; RFC 9110 §8.6, §15.3.6, §15.4.5.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import chain
from typing import NamedTuple

from costrel.http import has_no_content
from costrel.messages.response import Response, head_fields

__all__ = [
    "TRANSPORT_FIELDS",
    "BodyFraming",
    "BodyKind",
    "FieldLine",
    "check_block",
    "frame_response",
    "own_fields",
    "sendable_lines",
]

FieldLine = tuple[bytes, bytes]

TRANSPORT_FIELDS = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding"})
"""The fields that belong to whoever frames a response, whatever the application has set."""

_MAX_LENGTH_DIGITS = 19


class BodyKind(IntEnum):
    """How the end of a response's body is known."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3


class BodyFraming(NamedTuple):
    """How a response is framed."""

    kind: BodyKind
    """How its end is known; where somebody else writes the bytes, what is chunked here may be framed otherwise."""
    content_length: int | None
    """The value of the Content-Length field, `None` when it has none."""
    is_sent: bool
    """Whether any byte of the body goes out."""
    must_close: bool = False
    """Whether the connection cannot be used again: its end is that of the body, or the body was longer than said."""


def frame_response(response: Response, method: str, body_bytes: int | None, *, has_chunks: bool = True) -> BodyFraming:
    """Decide how a response is framed.

    A ``Content-Length`` that the application has set holds where the body is longer, which is then cut. A body that
    is shorter cannot be mended: where that is known now it is an error, and where it shows at the end of a stream the
    response must be cut off.

    Args:
        response: what is sent.
        method: of the request.
        body_bytes: the length of the body, `None` when it is not known before its end.
        has_chunks: whether the end of such a body can be marked, which HTTP/1.0 cannot.

    Raises:
        ValueError: the status is none of a final response, or the body is shorter than its ``Content-Length``.
    """
    status_code = response.status_code
    if not 200 <= status_code <= 999:
        raise ValueError(f"{status_code} is not the status of a final response.")
    value = None if response.has_plain_head else response.headers.get_raw(b"content-length")
    length = int(value) if value is not None and value.isdigit() and len(value) <= _MAX_LENGTH_DIGITS else None
    if has_no_content(status_code):
        # RFC 9110 §8.6: a 304 may say how long the content of a 200 would have been; a 204 must not.
        return BodyFraming(BodyKind.NONE, length if status_code == 304 else None, is_sent=False)
    if method == "HEAD":
        return BodyFraming(BodyKind.NONE, body_bytes if length is None else length, is_sent=False)
    if status_code == 205:
        return BodyFraming(BodyKind.NONE, 0, is_sent=False)
    if length is not None and body_bytes is not None and length != body_bytes:
        if length > body_bytes:
            raise ValueError(f"Content-Length is {length}, and the body has {body_bytes} bytes.")
        return BodyFraming(BodyKind.LENGTH, length, is_sent=True, must_close=True)
    if length is None:
        length = body_bytes
    if length is not None:
        return BodyFraming(BodyKind.LENGTH, length, is_sent=True)
    if has_chunks:
        return BodyFraming(BodyKind.CHUNKED, None, is_sent=True)
    return BodyFraming(BodyKind.UNTIL_CLOSE, None, is_sent=True, must_close=True)


def own_fields(response: Response) -> list[FieldLine]:
    """Return the header fields of a response without those that belong to whoever frames it."""
    if response.has_plain_head:
        return head_fields(response.plain_media_type)
    return [line for line in response.headers.raw if line[0] not in TRANSPORT_FIELDS]


def sendable_lines(fields: list[FieldLine]) -> bool:
    """Whether header fields may go out as they are: none belongs to whoever frames them, none would split the head.

    What is refused here is looked at line by line, by `own_fields` and `check_block`.
    """
    if not TRANSPORT_FIELDS.isdisjoint(dict(fields)):
        return False
    block = b"".join(chain.from_iterable(fields))
    return not (b"\n" in block or b"\r" in block or b"\0" in block)


def check_block(block: bytes, line_count: int) -> None:
    """Check that header fields, written one after the other, have no more lines than they should.

    SECURITY: fields are checked when they are set; whoever went round that must not split the response.

    Args:
        block: names and values, in whatever form they go out.
        line_count: how many line ends (CRLF) belong in it; 0 where somebody else writes the lines.

    Raises:
        ValueError: there is another line break, or NUL.
    """
    if block.count(b"\n") != line_count or block.count(b"\r") != line_count or b"\0" in block:
        raise ValueError("A header field of the response has a line break or NUL.")
