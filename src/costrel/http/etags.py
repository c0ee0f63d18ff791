"""Entity tags of RFC 9110 §8.8.3: parsing, comparing, making.

A tag is strong (the same bytes) or weak (good enough for a cache). Which of the two comparisons a header field wants,
and in which order fields are looked at, is decided in `preconditions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

__all__ = ["ETag", "file_etag", "make_etag", "parse_etag", "parse_etag_list"]

# RFC 9110 §8.8.3: etagc = %x21 / %x23-7E / obs-text
_TAG = re.compile(r"[\x21\x23-\x7e\x80-\xff]*")
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*+)"')
# Possessive, so that a run of commas is walked over once.
_LIST_ITEM = re.compile(r'[ \t,]*+(W/)?"([\x21\x23-\x7e\x80-\xff]*+)"[ \t]*+(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag.

    Args:
        tag: the opaque text between the quotes; no quotes, spaces or control characters.
        weak: it says "equivalent", not "the same bytes".

    Raises:
        ValueError: `tag` has a character that an entity tag must not have.

    Spec:
        RFC 9110 §8.8.3.

    >>> ETag("v1", weak=True).format()
    'W/"v1"'
    """

    tag: str
    weak: bool = False

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise ValueError(f"An entity tag has no quotes, spaces or control characters: {self.tag[:100]!r}.")

    def strong_matches(self, other: ETag) -> bool:
        """Compare as ``If-Match`` and ``If-Range`` do: both strong and equal (RFC 9110 §8.8.3.2)."""
        return not self.weak and not other.weak and self.tag == other.tag

    def weak_matches(self, other: ETag) -> bool:
        """Compare as ``If-None-Match`` does: equal, weak or not (RFC 9110 §8.8.3.2)."""
        return self.tag == other.tag

    def format(self) -> str:
        """Return the field value, for example ``"v1"`` or ``W/"v1"``, quotes included."""
        return f'W/"{self.tag}"' if self.weak else f'"{self.tag}"'


def parse_etag(value: str) -> ETag | None:
    """Parse one entity tag, as in ``ETag`` and ``If-Range``.

    Args:
        value: the field value; spaces and tabs around it are allowed.

    Returns:
        The tag, or `None` when this is not one, for example because the quotes are missing.

    >>> parse_etag('"v1"')
    ETag(tag='v1', weak=False)
    """
    match = _ENTITY_TAG.fullmatch(value.strip(" \t"))
    return ETag(match[2], weak=match[1] is not None) if match else None


def parse_etag_list(value: str, max_items: int = 100) -> tuple[ETag, ...] | Literal["*"]:
    """Parse the field value of ``If-Match`` or ``If-None-Match``, in linear time.

    Args:
        value: the field value.
        max_items: tags after that many are not looked at.

    Returns:
        ``"*"``, or the tags in the order sent. Reading ends at the first thing that is not an entity tag, so the
        result may be empty.

    Spec:
        RFC 9110 §13.1.1, §13.1.2.

    >>> parse_etag_list('"a", W/"b"')
    (ETag(tag='a', weak=False), ETag(tag='b', weak=True))
    """
    if value.strip(" \t") == "*":
        return "*"
    tags: list[ETag] = []
    position = 0
    while len(tags) < max_items:
        match = _LIST_ITEM.match(value, position)
        if match is None:
            break
        tags.append(ETag(match[2], weak=match[1] is not None))
        position = match.end()
    return tuple(tags)


def make_etag(content: bytes, *, weak: bool = False) -> ETag:
    """Make an entity tag from content.

    Args:
        content: all bytes of the representation, as they are sent.
        weak: for content that will be changed on its way without changing its meaning, for example compressed.

    Returns:
        A tag of 32 hexadecimal digits; equal content has an equal tag, everywhere and always.
    """
    return ETag(blake2b(content, digest_size=16).hexdigest(), weak=weak)


def file_etag(mtime_ns: int, size_bytes: int) -> ETag:
    """Make a strong entity tag from what the file system says, without reading the file.

    Args:
        mtime_ns: the modification time in nanoseconds.
        size_bytes: the size of the file.
    """
    return ETag(f"{mtime_ns:x}-{size_bytes:x}")
