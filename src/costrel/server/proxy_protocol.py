"""The PROXY protocol: what a load balancer writes in front of a connection to say whose it is.

A balancer that passes bytes on without reading them cannot add a header field. Instead it begins each connection with
one line of text (version 1) or a short binary header (version 2), before TLS and before HTTP. `ProxyHeader` reads
either, byte by byte if need be, and tells where it ends. It has no socket and no clock; who may send such a header, and
how long it may take, is decided in `entrance`.

Spec: The PROXY protocol, versions 1 & 2 (haproxy.org), §2.1 and §2.2.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from costrel.http import canonical_ip

__all__ = ["ProxyHeader", "ProxyHeaderError"]

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED_BYTES = 16
_START = b"PROXY "
_MAX_LINE_BYTES = 107
# The spaces, the addresses and the ports of §2.1: one space each, no leading zeros.
_LINE = re.compile(
    r"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})"
)
_MAX_PORT = 65535
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX_STREAM = 0x00, 0x11, 0x21, 0x31
_ADDRESS_BYTES = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX_STREAM: 216}


class ProxyHeaderError(ValueError):
    """What stands there is no PROXY header; the connection cannot be used."""


class ProxyHeader:
    """Reads the header of one connection.

    Attributes:
        is_complete: whether all of it was read; then `client` holds.
        client: address and port of the client; `None` where the header names none: the balancer does not know it, or
            it is on a Unix socket, or the balancer speaks for itself (LOCAL), as its health checks do.
        is_local: whether the balancer speaks for itself.
    """

    __slots__ = ("_head", "_left_bytes", "client", "is_complete", "is_local")

    def __init__(self) -> None:
        self._head = b""
        self._left_bytes: int | None = None  # of a binary header behind its fixed part, once that was read
        self.client: tuple[str, int] | None = None
        self.is_complete: bool = False
        self.is_local: bool = False

    def feed(self, data: bytes) -> int:
        """Read on.

        Args:
            data: what comes next on the connection; not after `is_complete`.

        Returns:
            How many bytes of `data` belong to the header; what follows them is TLS or HTTP.

        Raises:
            ProxyHeaderError: this is no PROXY header; the rest of the connection means nothing.
        """
        if self._left_bytes is None:
            size = len(self._head)
            head = self._head + data[: _MAX_LINE_BYTES - size]
            if head.startswith(_SIGNATURE[:1]):
                return self._feed_binary(head, size, data)
            return self._feed_line(head, size)
        return self._skip(data)

    def _feed_line(self, head: bytes, size: int) -> int:
        """Read a line of version 1, of which `size` bytes were there before."""
        if not head.startswith(_START[: len(head)]):
            raise ProxyHeaderError("The connection does not begin with a PROXY header.")
        end = head.find(b"\n") + 1
        self._head = head
        if not end:
            if len(head) >= _MAX_LINE_BYTES:
                raise ProxyHeaderError("The line of the PROXY header is too long.")
            return len(head) - size
        self._read_line(head[:end])
        self.is_complete = True
        return end - size

    def _read_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise ProxyHeaderError("The line of the PROXY header does not end with CRLF.")
        text = line[:-2].decode("latin-1")
        # §2.1: what stands behind UNKNOWN must be ignored.
        if text == "PROXY UNKNOWN" or text.startswith("PROXY UNKNOWN "):
            return
        match = _LINE.fullmatch(text)
        if match is None:
            raise ProxyHeaderError("The line of the PROXY header is malformed.")
        ports = int(match[4]), int(match[5])
        try:
            addresses = [IPv4Address(match[i]) if match[1] == "4" else IPv6Address(match[i]) for i in (2, 3)]
        except ValueError:
            raise ProxyHeaderError("An address of the PROXY header is malformed.") from None
        if max(ports) > _MAX_PORT:
            raise ProxyHeaderError("A port of the PROXY header is above 65535.")
        self._name_client(addresses[0], ports[0])

    def _feed_binary(self, head: bytes, size: int, data: bytes) -> int:
        """Read the fixed part of version 2, of which `size` bytes were there before, and what of the rest is there."""
        if not head.startswith(_SIGNATURE[: len(head)]):
            raise ProxyHeaderError("The connection does not begin with a PROXY header.")
        if len(head) < _FIXED_BYTES:
            self._head = head
            return len(head) - size
        command, family = head[12], head[13]
        length = int.from_bytes(head[14:16], "big")
        if command not in (_LOCAL, _PROXY):
            raise ProxyHeaderError("The PROXY header has an unknown version or command.")
        # §2.2: the addresses of LOCAL are to be skipped, whatever family they claim.
        needed = 0 if command == _LOCAL else _ADDRESS_BYTES.get(family)
        if needed is None:
            raise ProxyHeaderError("The PROXY header is not about a TCP connection.")
        if length < needed:
            raise ProxyHeaderError("The PROXY header is shorter than its addresses.")
        self._head = head[:_FIXED_BYTES]
        self._left_bytes = length
        return _FIXED_BYTES - size + self._skip(data[_FIXED_BYTES - size :])

    def _skip(self, data: bytes) -> int:
        """Take what follows the fixed part: the addresses, and TLVs that are of no use here."""
        left_bytes = self._left_bytes or 0
        taken = data[:left_bytes]
        self._left_bytes = left_bytes - len(taken)
        needed = _FIXED_BYTES + _ADDRESS_BYTES.get(self._head[13], 0)
        self._head += taken[: max(needed - len(self._head), 0)]
        if not self._left_bytes:
            self._read_addresses()
            self.is_complete = True
        return len(taken)

    def _read_addresses(self) -> None:
        family, addresses = self._head[13], self._head[_FIXED_BYTES:]
        if self._head[12] == _LOCAL:
            self.is_local = True
        elif family == _TCP4:
            self._name_client(IPv4Address(addresses[:4]), int.from_bytes(addresses[8:10], "big"))
        elif family == _TCP6:
            self._name_client(IPv6Address(addresses[:16]), int.from_bytes(addresses[32:34], "big"))

    def _name_client(self, address: IPv4Address | IPv6Address, port: int) -> None:
        self.client = (canonical_ip(str(address)) or str(address), port)
