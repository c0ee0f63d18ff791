"""The opening handshake of a WebSocket: what is refused before the application sees it, and the head that accepts.

The functions take header fields and return values, without a socket or a loop. A handshake that passes is a request
like any other; only when its endpoint has answered with 101 is it accepted. Lists in header fields are read, and
extensions negotiated, by the library `websockets`.

Spec: RFC 6455 §4.2; RFC 7692 §5.1 for permessage-deflate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension, parse_subprotocol
from websockets.typing import ExtensionHeader
from websockets.utils import accept_key

from costrel.http import status_line
from costrel.messages import Response, check_block, own_fields
from costrel.server.framing import Refusal

__all__ = ["Acceptance", "accept_handshake", "check_handshake"]

BAD_HANDSHAKE = Refusal(400, "The handshake of the WebSocket is malformed.")
WRONG_VERSION = Refusal(
    426,
    "The only version of WebSocket that is spoken here is 13.",
    b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n",
)

# 16 bytes in base64.
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_OWN_FIELDS = frozenset({b"upgrade", b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-version"})
# A window of 4 KiB instead of 32 costs little compression, and saves most of the memory of an idle socket.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)

FieldLine = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How a handshake is accepted.

    Args:
        head: the whole answer.
        deflate: the compression that was agreed on, `None` without one.
    """

    head: bytes
    deflate: PerMessageDeflate | None


def check_handshake(version: str, raw_headers: Sequence[FieldLine]) -> Refusal | None:
    """Refuse what is no handshake, before the application sees it.

    The method, the body and the fields ``Upgrade`` and ``Connection`` have been looked at when the head was read.

    Args:
        version: of HTTP, ``1.0`` or ``1.1``.
        raw_headers: lower-case names and values.

    Spec:
        RFC 6455 §4.2.1, §4.4.
    """
    versions = _values_of(raw_headers, b"sec-websocket-version")
    if version != "1.1" or len(versions) > 1:
        return BAD_HANDSHAKE
    if versions != [b"13"]:
        return WRONG_VERSION
    keys = _values_of(raw_headers, b"sec-websocket-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        return BAD_HANDSHAKE
    try:
        for value in _values_of(raw_headers, b"sec-websocket-protocol"):
            parse_subprotocol(value.decode("ascii"))
        _offered_extensions(raw_headers)
    except (InvalidHandshake, UnicodeDecodeError):
        return BAD_HANDSHAKE
    return None


def accept_handshake(
    raw_headers: Sequence[FieldLine], response: Response, date_line: bytes, *, has_deflate: bool
) -> Acceptance:
    """Make the answer that accepts a handshake which `check_handshake` has let through.

    Args:
        raw_headers: of the request.
        response: what the application answered; its header fields go out with the handshake.
        date_line: the Date field with its CRLF.
        has_deflate: whether permessage-deflate is spoken.

    Raises:
        ValueError: a field of the response would break the head.

    Spec:
        RFC 6455 §4.2.2.
    """
    fields = [line for line in own_fields(response) if line[0] not in _OWN_FIELDS]
    key = _values_of(raw_headers, b"sec-websocket-key")[0].decode("ascii")
    fields.append((b"sec-websocket-accept", accept_key(key).encode("ascii")))
    deflate = None
    if has_deflate:
        extension, deflate = _negotiate_deflate(raw_headers)
        if extension:
            fields.append((b"sec-websocket-extensions", extension.encode("ascii")))
    block = b"".join([b"%b: %b\r\n" % line for line in fields])
    check_block(block, len(fields))
    head = b"%b%bupgrade: websocket\r\nconnection: Upgrade\r\n%b\r\n" % (status_line(101), date_line, block)
    return Acceptance(head, deflate)


def _negotiate_deflate(raw_headers: Sequence[FieldLine]) -> tuple[str, PerMessageDeflate | None]:
    """Take the first offer of permessage-deflate that can be met."""
    for name, parameters in _offered_extensions(raw_headers):
        if name == _DEFLATE.name:
            try:
                agreed, deflate = _DEFLATE.process_request_params(parameters, [])
            except NegotiationError:
                continue
            return build_extension([(name, agreed)]), deflate
    return "", None


def _offered_extensions(raw_headers: Sequence[FieldLine]) -> list[ExtensionHeader]:
    values = _values_of(raw_headers, b"sec-websocket-extensions")
    return [offer for value in values for offer in parse_extension(value.decode("ascii"))]


def _values_of(raw_headers: Sequence[FieldLine], wanted: bytes) -> list[bytes]:
    return [value for name, value in raw_headers if name == wanted]
