"""What a record of `Idempotency` is kept under, and by what a repeated request is told from another one.

The key of a client is a Structured Field string, or as the world sends it, without the quotes. Both mean the same key.
What a record is kept under is made of the key, of the application and its host, and of whose key it is. All that makes
up the request, its fingerprint, stands in the record: so one key for two requests is noticed.

Spec: draft-ietf-httpapi-idempotency-key-header §2; RFC 9651 §3.3.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from costrel.messages import Content, Request

__all__ = ["digest", "fingerprint_of", "parse_idempotency_key", "record_key"]

MAX_KEY_CHARACTERS: Final = 255
RECORD_VERSION: Final = 1

INLINE_BYTES: Final = 256 * 1024
"""What is larger is hashed in a thread of the file lane, for the loop would stand still."""

_find_quoted = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"').fullmatch
_unescape = re.compile(r'\\(["\\])').sub
# Everything visible but what separates values, parameters and strings.
_is_bare = re.compile(r"[!#-+\--:<-\[\]-~]+").fullmatch


def parse_idempotency_key(field_values: Sequence[str]) -> str | None:
    """Return the key that a request names; `None` for none, for several, and for what is no key.

    Args:
        field_values: the values of all its fields ``Idempotency-Key``.

    >>> parse_idempotency_key(['"8e03978e-40d5"']), parse_idempotency_key(["8e03978e-40d5"])
    ('8e03978e-40d5', '8e03978e-40d5')
    """
    if len(field_values) != 1 or len(field_values[0]) > 2 * MAX_KEY_CHARACTERS + 2:
        return None
    value = field_values[0].strip(" \t")
    quoted = _find_quoted(value)
    if quoted is not None:
        key = _unescape(r"\1", quoted[1])
    elif _is_bare(value):
        key = value
    else:
        return None
    return key if 0 < len(key) <= MAX_KEY_CHARACTERS else None


def record_key(request: Request, identity: str, key: str) -> str:
    """Return what the record of a request is kept under.

    SECURITY: whose key it is goes into it, so nobody finds the record of another client, whatever key he names. It is
    hashed, because it holds credentials.

    Args:
        request: says which application, under which host, is asked.
        identity: whose key it is.
        key: the key that the client has named.
    """
    host = (request.headers.get_raw(b"host") or b"").lower()
    place = (request.app.name.encode(), request.root_path.encode(), request.mount_prefix.encode(), host)
    named = digest(*place, identity.encode("utf-8", "surrogatepass"), key.encode())
    return f"costrel.idempotency.{RECORD_VERSION}.{named.hex()}"


async def fingerprint_of(request: Request) -> bytes:
    """Return what is the same for a repeated request and no other; its content must have been read."""
    content = request.kept_content or b""
    head = (
        request.method.encode(),
        request.raw_path,
        request.query_string,
        request.headers.get_raw(b"content-type") or b"",
    )
    if isinstance(content, bytes) and len(content) <= INLINE_BYTES:
        return digest(*head, sha256(content).digest())
    return digest(*head, await request.exchange.loop_state.files.submit(_digest_of_content, content))


def digest(*parts: bytes) -> bytes:
    """Return the SHA-256 of some texts, each with its length, so that no two sequences are the same."""
    state = sha256()
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.digest()


def _digest_of_content(content: Content) -> bytes:
    if isinstance(content, bytes):
        return sha256(content).digest()
    state = sha256()
    for piece in content.iter_chunks():
        state.update(piece)
    return state.digest()
