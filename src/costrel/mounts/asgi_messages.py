"""The parts of what a foreign ASGI application sends, checked where they come in.

Each function returns the part in the form that a `Response` keeps, or says what is wrong with it: COS-MOUNT-006, raised
in the application, where it sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from costrel.http import field_name, field_value
from costrel.mounts.asgi_mistakes import wrong_message

__all__ = ["read_bytes", "read_fields", "read_status"]

# An application sends the same few names again and again.
_MAX_KNOWN_NAMES = 1024
_known_names: dict[bytes, bytes] = {}

_NOT_PLAIN = re.compile(rb"[^\x20-\x7e]")


def read_status(name: str, status_code: Any) -> int:
    """Return the status of a final response.

    Args:
        name: what the application is called.
        status_code: what it has sent.
    """
    if isinstance(status_code, int) and 200 <= status_code <= 999:
        return int(status_code)
    raise wrong_message(
        name, f"the status {status_code!r}", "The status of a final response is an `int` from 200 to 999."
    )


def read_fields(name: str, pairs: Sequence[Any]) -> list[tuple[bytes, bytes]]:
    """Return header fields: names in lower case, values that can be sent.

    Args:
        name: what the application is called.
        pairs: what it has sent.
    """
    known = _known_names
    try:
        fields = [(known[field], value.strip(b" \t")) for field, value in pairs]
        # SECURITY: one look at all values; where there is anything to see, each is looked at.
        if not _NOT_PLAIN.search(b"".join([value for _, value in fields])):
            return fields
    except (AttributeError, KeyError, TypeError, ValueError):
        # Something new, or something wrong.
        pass
    try:
        return [(_checked_name(bytes(field)), field_value(bytes(value))) for field, value in pairs]
    except (TypeError, ValueError) as error:
        raise wrong_message(name, "header fields that cannot be sent", f"They are pairs of bytes: {error}.") from error


def read_bytes(name: str, piece: object) -> bytes:
    """Return a piece of a body.

    Args:
        name: what the application is called.
        piece: what it has sent, anything that holds bytes.
    """
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    raise wrong_message(
        name, f"a body of type `{type(piece).__name__}`", "The body of a message is `bytes`; encode it."
    )


def _checked_name(field: bytes) -> bytes:
    """Return a field name in lower case, and remember it."""
    checked = field_name(field)
    if len(_known_names) < _MAX_KNOWN_NAMES:
        _known_names[field] = checked
    return checked
