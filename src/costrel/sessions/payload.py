"""The payload of a cookie: content in URL-safe base64, compressed behind a period where that is shorter.

Flask and Django write the same form. What is read has a bounded size, however it was compressed.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

__all__ = ["MAX_PAYLOAD_BYTES", "read_payload", "write_payload"]

MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""What a compressed session may become; no session that fits into a cookie comes near."""


def write_payload(content: bytes) -> bytes:
    """Return content as ASCII that needs no quoting in a cookie."""
    compressed = zlib.compress(content)
    if len(compressed) < len(content) - 1:
        return b"." + _encode(compressed)
    return _encode(content)


def read_payload(payload: bytes) -> bytes:
    """Return the content of a payload.

    SECURITY: 10 KiB can become 100 MiB. Only who knows a key can sign such a cookie, but a key may leak.

    Raises:
        ValueError: it is none, or becomes larger than `MAX_PAYLOAD_BYTES`.
    """
    if not payload.startswith(b"."):
        return _decode(payload)
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(_decode(payload[1:]), MAX_PAYLOAD_BYTES)
    except zlib.error as error:
        raise ValueError("The payload is not compressed.") from error
    if not decompressor.eof:
        raise ValueError(f"The payload is cut off, or becomes larger than {MAX_PAYLOAD_BYTES} bytes.")
    return content


def _encode(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
