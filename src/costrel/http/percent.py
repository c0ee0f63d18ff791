"""Percent-encoding of RFC 3986, both ways, linear and decoded exactly once.

A path is read strictly, because a guard, a router and a file system must agree on it: a broken escape or a NUL is
refused. A query or form component is read as browsers' forms are: a broken escape stays as it is. Which characters end
a path, a query or an authority is the business of `urls`; what is a safe file path is that of `paths`.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["decode_component", "decode_path", "encode_component", "encode_path", "encode_segment", "requote"]

_HEX_DIGITS = "0123456789abcdefABCDEF"
_BYTE_OF_ESCAPE = {(a + b).encode(): bytes([int(a + b, 16)]) for a in _HEX_DIGITS for b in _HEX_DIGITS}

# RFC 3986 §2.3: unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
# RFC 3986 §3.3: pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
_PCHAR = _UNRESERVED + "!$&'()*+,;=:@"


def _encoding_table(kept: str) -> tuple[str, ...]:
    """Return, for each byte, the text it is written as."""
    return tuple(chr(byte) if chr(byte) in kept else f"%{byte:02X}" for byte in range(256))


_COMPONENT_TABLE = _encoding_table(_UNRESERVED)
_SEGMENT_TABLE = _encoding_table(_PCHAR)
_PATH_TABLE = _encoding_table(_PCHAR + "/")

_PLAIN_COMPONENT = re.compile(f"[{re.escape(_UNRESERVED)}]*")
_PLAIN_SEGMENT = re.compile(f"[{re.escape(_PCHAR)}]*")
_PLAIN_PATH = re.compile(f"[{re.escape(_PCHAR)}/]*")


def _to_quote(kept: str) -> re.Pattern[bytes]:
    """Match a byte that must be written as an escape: not in `kept`, or a ``%`` that begins no escape."""
    return re.compile(f"%(?![0-9A-Fa-f]{{2}})|[^{re.escape(kept)}%]".encode())


# RFC 3986 §3.4: query = *( pchar / "/" / "?" )
_TO_QUOTE = {
    "path": _to_quote(_PCHAR + "/"),
    "query": _to_quote(_PCHAR + "/?"),
    "reference": _to_quote(_PCHAR + "/?#"),
}


def decode_path(raw_path: bytes) -> str:
    """Decode the path of a request target once.

    Args:
        raw_path: the path as sent, without query and fragment.

    Returns:
        The text; bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: it has a ``%`` without two hexadecimal digits, or a NUL, written ``%00`` or as it is; answer 400.

    Spec:
        RFC 3986 §2.1, §2.4.

    >>> decode_path(b"/caf%C3%A9")
    '/café'
    """
    if b"%" in raw_path:
        raw_path = _decode(raw_path, strict=True)
    # SECURITY: a NUL ends a file name in C, so that `a.txt%00.png` would name two different files.
    if b"\0" in raw_path:
        raise ValueError("The path contains a NUL.")
    return raw_path.decode("utf-8", "replace")


def decode_component(value: bytes, *, plus_is_space: bool) -> str:
    """Decode a name or a value of a query or an urlencoded form once.

    Args:
        value: the bytes between the separators.
        plus_is_space: read ``+`` as a space, as HTML forms write it.

    Returns:
        The text; a ``%`` without two hexadecimal digits is kept, bytes that are not UTF-8 become U+FFFD.

    >>> decode_component(b"a+b%zz%21", plus_is_space=True)
    'a b%zz!'
    """
    if plus_is_space and b"+" in value:
        value = value.replace(b"+", b" ")
    if b"%" in value:
        value = _decode(value, strict=False)
    return value.decode("utf-8", "replace")


def _decode(value: bytes, *, strict: bool) -> bytes:
    """Decode every escape; a broken one is kept, or with `strict` is a `ValueError`."""
    pieces = value.split(b"%")
    decoded = [pieces[0]]
    for piece in pieces[1:]:
        byte = _BYTE_OF_ESCAPE.get(piece[:2])
        if byte is not None:
            decoded.append(byte)
            decoded.append(piece[2:])
        elif strict:
            raise ValueError("The path contains a `%` that is not followed by two hexadecimal digits.")
        else:
            decoded.append(b"%")
            decoded.append(piece)
    return b"".join(decoded)


def encode_path(path: str) -> str:
    """Encode a decoded path; ``/`` stays, and so does what RFC 3986 allows in a segment.

    Args:
        path: decoded text; a ``%`` in it is an ordinary character.

    Raises:
        ValueError: the text has a lone surrogate, which no encoding can express.

    Spec:
        RFC 3986 §3.3.

    >>> encode_path("/caf\u00e9/100%")
    '/caf%C3%A9/100%25'
    """
    return path if _PLAIN_PATH.fullmatch(path) else _encode(path, _PATH_TABLE)


def encode_segment(value: str) -> str:
    """Encode one segment of a path, ``/`` included.

    The segments ``.`` and ``..`` have no encoded form that clients do not resolve; the caller refuses them.

    Args:
        value: decoded text.

    Raises:
        ValueError: the text has a lone surrogate.

    >>> encode_segment("a/b c")
    'a%2Fb%20c'
    """
    return value if _PLAIN_SEGMENT.fullmatch(value) else _encode(value, _SEGMENT_TABLE)


def encode_component(value: str) -> str:
    """Encode a name or a value for a query; only unreserved characters stay.

    Args:
        value: decoded text.

    Raises:
        ValueError: the text has a lone surrogate.

    >>> encode_component("a&b=c d")
    'a%26b%3Dc%20d'
    """
    return value if _PLAIN_COMPONENT.fullmatch(value) else _encode(value, _COMPONENT_TABLE)


def _encode(value: str, table: tuple[str, ...]) -> str:
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise ValueError("The text has a lone surrogate and cannot be percent-encoded.") from None
    return "".join([table[byte] for byte in encoded])


def requote(value: str | bytes, part: Literal["path", "query", "reference"]) -> str:
    """Encode what a part of a URL must not contain and keep what is encoded already.

    Doing it twice changes nothing more.

    Args:
        value: text or bytes in which valid escapes are escapes.
        part: ``path`` keeps ``/``, ``query`` also ``?``, ``reference`` also ``#``.

    Raises:
        ValueError: the text has a lone surrogate.

    >>> requote("/a%20b c%", "path")
    '/a%20b%20c%25'
    """
    if isinstance(value, str):
        try:
            value = value.encode()
        except UnicodeEncodeError:
            raise ValueError("The text has a lone surrogate and cannot be percent-encoded.") from None
    return _TO_QUOTE[part].sub(_escape_of, value).decode("ascii")


def _escape_of(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]
