"""What a file of `FileStore` holds: a head with its end and its whole key, and the content.

The name of a file is a digest of its key. The key inside proves that the file belongs to it, and a file that was cut
off by a crash of the machine is no record at all: both are read as if there were none.
"""

from __future__ import annotations

import json
import math
import struct

__all__ = ["pack_members", "pack_record", "unpack_members", "unpack_record"]

# Magic and version, the end in seconds since 1970 (infinity for none), the lengths of key and content.
_HEAD = struct.Struct(">4sdII")
_MAGIC = b"CST1"


def pack_record(key: bytes, content: bytes, expires_at: float) -> bytes:
    """Write a record.

    Args:
        key: the key.
        content: what it holds.
        expires_at: when its time is over, in seconds since 1970; infinity for never.
    """
    return b"".join((_HEAD.pack(_MAGIC, expires_at, len(key), len(content)), key, content))


def unpack_record(data: bytes, key: bytes) -> tuple[bytes, float] | None:
    """Read a record.

    Args:
        data: the bytes of the file.
        key: the key that it must have.

    Returns:
        The content and its end; `None` when this is no record of the key.
    """
    if len(data) < _HEAD.size:
        return None
    magic, expires_at, key_length, content_length = _HEAD.unpack_from(data)
    start = _HEAD.size + key_length
    if magic != _MAGIC or data[_HEAD.size : start] != key or len(data) != start + content_length:
        return None
    return data[start:], expires_at


def pack_members(members: dict[str, float]) -> bytes:
    """Write the members of a set, each with its end; infinity for never."""
    ends = {member: None if math.isinf(expires_at) else expires_at for member, expires_at in members.items()}
    return json.dumps(ends, separators=(",", ":")).encode()


def unpack_members(content: bytes) -> dict[str, float]:
    """Read what `pack_members` wrote."""
    ends: dict[str, float | None] = json.loads(content)
    return {member: math.inf if expires_at is None else expires_at for member, expires_at in ends.items()}
