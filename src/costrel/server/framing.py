"""What the server decides about messages, without a socket, a loop or a clock.

The parser, llhttp in its strict mode, refuses most of what is malformed. What it lets through and HTTP or common sense
forbid is refused here: the functions take the parts of a head and return either what follows from them or a `Refusal`,
which has its own head. How a response of the application is framed is decided in `costrel.messages`.

Spec: RFC 9112 §3 (request line), §6 (body), §9 (connections); RFC 9110 §7.2, §7.8, §10.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from costrel.http import (
    SINGLETON_FIELDS,
    decode_path,
    is_valid_authority,
    parse_request_target,
    status_line,
)

__all__ = [
    "ACTING_FIELDS",
    "BODY_MALFORMED",
    "BUSY",
    "EARLY_FRAMES",
    "FORBIDDEN_TRAILERS",
    "FORWARDED_FIELDS",
    "HEADERS_TOO_LARGE",
    "HEADER_TIMEOUT",
    "INTERNAL_ERROR",
    "MALFORMED",
    "MAX_CHUNK_BYTES",
    "METHOD_NOT_IMPLEMENTED",
    "OVERLOADED",
    "TARGET_TOO_LONG",
    "TOO_MANY_CONNECTIONS",
    "UNAVAILABLE",
    "Refusal",
    "RequestFraming",
    "check_fields",
    "check_host",
    "check_target",
    "check_version",
    "chunk_size_exceeds",
    "frame_request",
    "invalid_method_refusal",
    "refusal_bytes",
    "without_underscores",
]

MAX_CHUNK_BYTES = 2**53
"""A chunk that claims to be longer is refused at its header: no reader has such a budget."""

ACTING_FIELDS = frozenset({b"transfer-encoding", b"content-length", b"expect", b"upgrade"})
"""Fields that change how a message is read; a head with none of them needs no `frame_request`."""

FORWARDED_FIELDS = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})
"""Fields that a proxy writes; somebody who does not trust one probably forgot to."""

FORBIDDEN_TRAILERS = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"host",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields for framing, routing and authentication, which RFC 9110 §6.5.1 forbids in a trailer section."""

_MAX_METHOD_LENGTH = 32
# RFC 9112 §7: a list of codings, here without parameters.
_CODINGS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++(?:[ \t]*+,[ \t]*+[!#$%&'*+\-.^_`|~0-9A-Za-z]++)*+")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the server gives by itself, after which it closes the connection.

    Args:
        status_code: 400 to 599.
        reason: a fixed sentence; nothing of the request is ever repeated in it.
        fields: further field lines on the wire, each with its CRLF.
    """

    status_code: int
    reason: str
    fields: bytes = b""


MALFORMED = Refusal(400, "The request is malformed.")
BAD_TARGET = Refusal(400, "The request target is not one that HTTP allows here.")
BAD_HOST = Refusal(400, "The Host field is missing or is not a host with an optional port.")
DUPLICATE_FIELD = Refusal(400, "A field that may stand only once stands twice.")
EARLY_FRAMES = Refusal(400, "A WebSocket sends nothing before its handshake is answered.")
BODY_WITH_UPGRADE = Refusal(400, "A request to upgrade must be a GET without a body.")
CODING_IN_OLD_VERSION = Refusal(400, "HTTP/1.0 has no transfer codings.")
BODY_MALFORMED = Refusal(400, "The framing of the body is broken.")
HEADER_TIMEOUT = Refusal(408, "The head of the request did not arrive in time.")
TARGET_TOO_LONG = Refusal(414, "The request line is too long.")
UNKNOWN_EXPECTATION = Refusal(417, "The only expectation that is met here is 100-continue.")
HEADERS_TOO_LARGE = Refusal(431, "The header section is too large.")
INTERNAL_ERROR = Refusal(500, "Something went wrong on our side.")
METHOD_NOT_IMPLEMENTED = Refusal(501, "This method is not implemented.")
CODING_NOT_IMPLEMENTED = Refusal(501, "The only transfer coding that is decoded here is chunked.")
OVERLOADED = Refusal(503, "Too many requests are in progress.", b"retry-after: 1\r\n")
TOO_MANY_CONNECTIONS = Refusal(503, "Too many connections are open.", b"retry-after: 1\r\n")
BUSY = Refusal(503, "The server is busy.", b"retry-after: 1\r\n")
UNAVAILABLE = Refusal(503, "The server is stopping.", b"retry-after: 1\r\n")
BAD_VERSION = Refusal(505, "This server speaks HTTP/1.0 and HTTP/1.1.")


# PERF: a tuple is made faster than a frozen dataclass, saves 200 ns (benchmarks/tricks.py::framing_tuple, 3.11)
class RequestFraming(NamedTuple):
    """What the acting fields of a head say about its message.

    Args:
        content_length: of the body, `None` when it is chunked or there is none.
        is_chunked: whether the body is chunked.
        expects_continue: whether the client waits for 100 before it sends the body.
        is_websocket: whether this is the handshake of a WebSocket.
    """

    content_length: int | None = None
    is_chunked: bool = False
    expects_continue: bool = False
    is_websocket: bool = False


def check_version(version: str, raw_head: bytes) -> Refusal | None:
    """Refuse every protocol but HTTP/1.0 and HTTP/1.1.

    Args:
        version: the number that the parser read, for example ``1.1``.
        raw_head: bytes that contain the head as sent; the parser takes ``RTSP/1.0`` and ``ICE/1.0`` for HTTP.
    """
    if version not in ("1.0", "1.1") or b" HTTP/" not in raw_head:
        return BAD_VERSION
    return None


def check_target(method: str, target: bytes, host: bytes | None) -> tuple[str, bytes, bytes] | Refusal:
    """Take a request target apart.

    Args:
        method: upper-case.
        target: as sent; the parser has refused control characters, spaces and what is not ASCII.
        host: the value of the Host field, `None` without one.

    Returns:
        The decoded path, the raw path and the query string.

    Spec:
        RFC 9112 §3.2. A backslash in the path is refused too: some readers take it for a slash.
    """
    try:
        raw_path, query_string = parse_request_target(method, target, host)
        if b"\\" in raw_path:
            return BAD_TARGET
        path = decode_path(raw_path) if b"%" in raw_path else raw_path.decode("ascii")
    except ValueError:
        return BAD_TARGET
    return path, raw_path, query_string


def check_host(host: bytes | None, version: str) -> Refusal | None:
    """Refuse a missing, empty or malformed Host field; HTTP/1.0 may leave it out.

    Spec:
        RFC 9112 §3.2: a server MUST answer 400 to a request that lacks it, has it twice or has an invalid one.
    """
    if host is None:
        return None if version == "1.0" else BAD_HOST
    return None if host and is_valid_authority(host) else BAD_HOST


def check_fields(headers: list[tuple[bytes, bytes]]) -> Refusal | None:
    """Refuse a second line of a field that may stand only once."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLETON_FIELDS:
            if name in seen:
                return BAD_HOST if name == b"host" else DUPLICATE_FIELD
            seen.add(name)
    return None


def without_underscores(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Drop the fields with an underscore in their name.

    SECURITY: in an environment of CGI's shape ``X_User`` and ``X-User`` are one name, and only one of them was
    filtered by the proxy in front.
    """
    return [line for line in headers if b"_" not in line[0]]


def frame_request(
    method: str, version: str, names: Mapping[bytes, bytes], *, wants_upgrade: bool
) -> RequestFraming | Refusal:
    """Decide what the acting fields of a head mean.

    Args:
        method: upper-case.
        version: ``1.0`` or ``1.1``.
        names: the value of each field by its lower-case name.
        wants_upgrade: whether the parser stops at the end of the head, because ``Connection`` names the upgrade.

    Spec:
        RFC 9112 §6.1, §6.3; RFC 9110 §7.8, §10.1.1.
    """
    coding = names.get(b"transfer-encoding")
    length = names.get(b"content-length")
    if method == "CONNECT":
        return METHOD_NOT_IMPLEMENTED
    if coding is not None:
        if version == "1.0":
            return CODING_IN_OLD_VERSION
        if coding.lower() != b"chunked":
            return CODING_NOT_IMPLEMENTED if _CODINGS.fullmatch(coding) else MALFORMED
    if length is not None and not (length.isdigit() and len(length) <= 19):
        return MALFORMED
    expectation = names.get(b"expect") if version != "1.0" else None
    if expectation is not None and expectation.lower() != b"100-continue":
        return UNKNOWN_EXPECTATION
    is_websocket = False
    if wants_upgrade:
        # SECURITY: the parser takes what follows such a head for another protocol, so a body would be read as the
        # next request.
        if coding is not None or length is not None:
            return BODY_WITH_UPGRADE
        is_websocket = names.get(b"upgrade", b"").lower() == b"websocket"
        if is_websocket and method != "GET":
            return BODY_WITH_UPGRADE
    return RequestFraming(
        content_length=int(length) if length is not None else None,
        is_chunked=coding is not None,
        expects_continue=expectation is not None and (coding is not None or length not in (None, b"0")),
        is_websocket=is_websocket,
    )


def invalid_method_refusal(start_of_request: bytes) -> Refusal:
    """Choose between 501, for a method that nobody here knows, and 400, for what is no method at all."""
    word = start_of_request[: _MAX_METHOD_LENGTH + 1].partition(b" ")[0]
    if len(word) <= _MAX_METHOD_LENGTH and word.isalpha() and word.isupper():
        return METHOD_NOT_IMPLEMENTED
    return MALFORMED


def chunk_size_exceeds(size_line: bytes, max_bytes: int) -> bool:
    """Tell whether the size at the start of a chunk's header line is above `max_bytes`.

    Args:
        size_line: the first bytes of the line, at least as many as `max_bytes` has hexadecimal digits plus one.
        max_bytes: the largest chunk to accept.

    Returns:
        False as well for what is no size, such as a trailer field: the parser refuses a malformed size itself.
    """
    digits = size_line.partition(b";")[0].lstrip(b"0")
    if not digits or not _HEX_DIGITS.fullmatch(digits):
        return False
    return len(digits) > 16 or int(digits, 16) > max_bytes


def refusal_bytes(refusal: Refusal, date_line: bytes, *, with_body: bool = True) -> bytes:
    """Return a whole answer for a refusal.

    Args:
        refusal: what to say.
        date_line: the Date field with its CRLF.
        with_body: false for HEAD.
    """
    body = refusal.reason.encode("ascii")
    return b"%bcontent-type: text/plain; charset=utf-8\r\n%b%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        status_line(refusal.status_code),
        refusal.fields,
        date_line,
        len(body),
        body if with_body else b"",
    )
