"""Byte ranges: the ``Range`` field, ``Content-Range``, and the frame of ``multipart/byteranges``.

A ``Range`` field may always be ignored, so everything odd in one is: another unit, bad syntax, too many ranges. Only
ranges that are well formed and lie outside the representation are an error (416). What is returned never overlaps,
so that the parts together are never larger than the representation. ``If-Range`` is in `preconditions`; reading
files is not done here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from costrel.errors import RangeNotSatisfiable

__all__ = ["ByteRange", "MultipartByteranges", "format_content_range", "parse_range"]

_RANGE_SPEC = re.compile(r"([0-9]*+)-([0-9]*+)")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_.-]{1,70}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Larger than every file; a longer number is not converted at all.
_MAX_POSITION_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of bytes, half open as a slice is.

    Args:
        start: the first byte, 0 or more.
        stop: the byte after the last one, more than `start`.
    """

    start: int
    stop: int

    @property
    def length_bytes(self) -> int:
        """How many bytes the range has."""
        return self.stop - self.start


def parse_range(field_value: str, content_length_bytes: int, *, max_ranges: int = 16) -> tuple[ByteRange, ...] | None:
    """Parse a Range field value for a representation of known length.

    Ranges that overlap or touch become one, in the place of the first of them; otherwise the order is the client's.

    Args:
        field_value: the field value without the field name, e.g. ``"bytes=0-499, -500"``.
        content_length_bytes: length of the selected representation, 0 or more.
        max_ranges: how many ranges are honoured in one request.

    Returns:
        Ranges that do not touch, each with ``0 <= start < stop <= content_length_bytes``; `None` when the field must
        be ignored and the whole representation sent: another unit, bad syntax, too many ranges, or the last bytes of
        an empty representation.

    Raises:
        RangeNotSatisfiable: no range overlaps the representation; it carries ``Content-Range: bytes */N``.

    Spec:
        RFC 9110 §14.1.2, §14.2, §15.5.17, §17.15.

    >>> parse_range("bytes=0-4", 10)
    (ByteRange(start=0, stop=5),)
    """
    unit, equals, range_set = field_value.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = [spec for spec in (piece.strip(" \t") for piece in range_set.split(",")) if spec]
    if not 0 < len(specs) <= max_ranges:
        return None
    ranges = []
    for spec in specs:
        match = _RANGE_SPEC.fullmatch(spec)
        if match is None:
            return None
        first, last = match.groups()
        if first:
            start = _position(first)
            stop = content_length_bytes
            if last:
                if _position(last) < start:
                    return None
                stop = min(_position(last) + 1, content_length_bytes)
        elif last:
            start = max(content_length_bytes - _position(last), 0)
            stop = content_length_bytes
            if content_length_bytes == 0 and _position(last) > 0:
                return None
        else:
            return None
        if start < stop:
            ranges.append(ByteRange(start, stop))
    if not ranges:
        raise RangeNotSatisfiable(headers={"Content-Range": format_content_range(None, content_length_bytes)})
    return _coalesced(ranges)


def _position(digits: str) -> int:
    """Convert ASCII digits, however many; past `_MAX_POSITION_DIGITS` every number is the same."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_POSITION_DIGITS else 10**_MAX_POSITION_DIGITS


def _coalesced(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    """Merge what overlaps or touches; a merged range stands where the first of its parts stood."""
    merged: list[tuple[int, ByteRange]] = []
    for order, current in sorted(enumerate(ranges), key=lambda item: item[1].start):
        if merged and current.start <= merged[-1][1].stop:
            earlier_order, earlier = merged[-1]
            joined = ByteRange(earlier.start, max(earlier.stop, current.stop))
            merged[-1] = (min(order, earlier_order), joined)
        else:
            merged.append((order, current))
    return tuple(byte_range for _, byte_range in sorted(merged, key=lambda item: item[0]))


def format_content_range(byte_range: ByteRange | None, content_length_bytes: int) -> str:
    """Format the value of Content-Range.

    Args:
        byte_range: the range that is sent, or `None` in an answer 416.
        content_length_bytes: length of the whole representation.

    Spec:
        RFC 9110 §14.4.

    >>> format_content_range(ByteRange(0, 5), 10)
    'bytes 0-4/10'
    """
    if byte_range is None:
        return f"bytes */{content_length_bytes}"
    return f"bytes {byte_range.start}-{byte_range.stop - 1}/{content_length_bytes}"


@dataclass(frozen=True, slots=True)
class MultipartByteranges:
    """The frame of an answer with several ranges: what is written before, between and after the bytes.

    Write for each of `parts` its head and then its bytes, and at the end `closing`; together that is
    `content_length_bytes`.

    Args:
        ranges: two or more, as `parse_range` returns them.
        media_type: of the whole representation; each part says it.
        total_bytes: length of the whole representation.
        boundary: 1 to 70 letters, digits or ``'()+_.-``; random, so that the content does not contain it.

    Raises:
        ValueError: the boundary is not of that form, or the media type has a control character.

    Spec:
        RFC 9110 §14.6, RFC 2046 §5.1.1.
    """

    ranges: tuple[ByteRange, ...]
    media_type: str
    total_bytes: int
    boundary: str

    def __post_init__(self) -> None:
        if not _BOUNDARY.fullmatch(self.boundary):
            raise ValueError(f"Not a multipart boundary: {self.boundary[:100]!r}.")
        if _CONTROL.search(self.media_type):
            raise ValueError(f"A media type has no control characters: {self.media_type[:100]!r}.")

    @property
    def content_type(self) -> str:
        """The value of Content-Type of the whole answer."""
        return f'multipart/byteranges; boundary="{self.boundary}"'

    @property
    def closing(self) -> bytes:
        """What is written after the bytes of the last part."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")

    @property
    def content_length_bytes(self) -> int:
        """The length of the whole answer, frame and bytes."""
        return sum(len(head) + part.length_bytes for head, part in self.parts()) + len(self.closing)

    def parts(self) -> Iterator[tuple[bytes, ByteRange]]:
        """Yield for each range the head that is written before its bytes, and the range."""
        line_end = ""
        for byte_range in self.ranges:
            head = (
                f"{line_end}--{self.boundary}\r\n"
                f"Content-Type: {self.media_type}\r\n"
                f"Content-Range: {format_content_range(byte_range, self.total_bytes)}\r\n\r\n"
            )
            yield head.encode("latin-1"), byte_range
            line_end = "\r\n"
