"""Tests of the reader of PROXY headers: whatever the pieces, it takes the header and nothing behind it."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings, strategies as st

from costrel.server.proxy_protocol import ProxyHeader, ProxyHeaderError

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
HTTP = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
V4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 40000, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") * 2 + struct.pack(">HH", 40000, 443)


def binary(command: int, family: int, rest: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest) if length is None else length) + rest


def read(data: bytes, step: int | None = None) -> tuple[ProxyHeader, bytes]:
    """Feed as a socket would be peeked at: what was not taken is seen again, and perhaps more of it."""
    header = ProxyHeader()
    position, seen = 0, step or len(data)
    while not header.is_complete and position < len(data):
        position += header.feed(data[position:seen])
        seen = min(max(seen, position) + (step or len(data)), len(data))
    return header, data[position:]


GOOD = [
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n", ("203.0.113.9", 40000), False, id="v1-tcp4"),
    pytest.param(b"PROXY TCP6 2001:DB8::9 ::1 40000 443\r\n", ("2001:db8::9", 40000), False, id="v1-tcp6"),
    pytest.param(b"PROXY TCP6 ::ffff:203.0.113.9 ::1 0 443\r\n", ("203.0.113.9", 0), False, id="v1-mapped"),
    pytest.param(
        b"PROXY TCP6 %b %b 65535 65535\r\n" % ((b"ffff:" * 8)[:-1], (b"ffff:" * 8)[:-1]),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
        False,
        id="v1-longest",
    ),
    pytest.param(b"PROXY UNKNOWN\r\n", None, False, id="v1-unknown"),
    pytest.param(b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None, False, id="v1-unknown-longest"),
    pytest.param(binary(0x21, 0x11, V4), ("203.0.113.9", 40000), False, id="v2-tcp4"),
    pytest.param(binary(0x21, 0x21, V6), ("2001:db8::9", 40000), False, id="v2-tcp6"),
    pytest.param(binary(0x21, 0x11, V4 + b"\x03\x00\x04abcd" * 50), ("203.0.113.9", 40000), False, id="v2-tlvs"),
    pytest.param(binary(0x21, 0x11, V4 + b"x" * 65_523), ("203.0.113.9", 40000), False, id="v2-longest"),
    pytest.param(binary(0x21, 0x31, b"/s".ljust(216, b"\0")), None, False, id="v2-unix"),
    pytest.param(binary(0x21, 0x00, b""), None, False, id="v2-unspecified"),
    pytest.param(binary(0x20, 0x00, b""), None, True, id="v2-local"),
    pytest.param(binary(0x20, 0x11, V4), None, True, id="v2-local-with-addresses"),
    pytest.param(binary(0x20, 0x12, b"xyz"), None, True, id="v2-local-with-anything"),
]


@pytest.mark.parametrize("step", [None, 1, 2, 16, 17])
@pytest.mark.parametrize(("data", "client", "is_local"), GOOD)
def test_header(data: bytes, client: tuple[str, int] | None, is_local: bool, step: int | None) -> None:
    """The client is who the header names, and what follows the header is untouched, however it comes."""
    header, rest = read(data + HTTP, step)

    assert header.is_complete
    assert (client, is_local) == (header.client, header.is_local)
    assert HTTP == rest


BAD = [
    pytest.param(HTTP, id="http"),
    pytest.param(b"\r\n\r\nGET / HTTP/1.1\r\n", id="http-after-empty-lines"),
    pytest.param(bytes.fromhex("160301020001"), id="tls"),
    pytest.param(b"proxy TCP4 203.0.113.9 192.0.2.1 40000 443\r\n", id="lower-case"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\n", id="line-feed-alone"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 40000\r\n", id="too-few"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443 1\r\n", id="too-many"),
    pytest.param(b"PROXY TCP4  203.0.113.9 192.0.2.1 40000 443\r\n", id="two-spaces"),
    pytest.param(b"PROXY TCP4 203.0.113.256 192.0.2.1 40000 443\r\n", id="no-address"),
    pytest.param(b"PROXY TCP4 203.0.113.09 192.0.2.1 40000 443\r\n", id="octal-address"),
    pytest.param(b"PROXY TCP4 2001:db8::9 ::1 40000 443\r\n", id="other-family"),
    pytest.param(b"PROXY TCP6 203.0.113.9 192.0.2.1 40000 443\r\n", id="other-family-6"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n", id="port-too-large"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 040000 443\r\n", id="port-with-zero"),
    pytest.param(b"PROXY TCP4 203.0.113.9 192.0.2.1 +1 443\r\n", id="port-with-sign"),
    pytest.param("PROXY TCP4 203.0.113.9 192.0.2.1 \u0661 443\r\n".encode(), id="port-in-other-digits"),
    pytest.param(b"PROXY UDP4 203.0.113.9 192.0.2.1 40000 443\r\n", id="datagrams"),
    pytest.param(b"PROXY UNKNOWNX\r\n", id="unknown-word"),
    pytest.param(b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", id="line-too-long"),
    pytest.param(b"PROXY " + b"x" * 500, id="line-without-end"),
    pytest.param(binary(0x11, 0x11, V4), id="v1-in-v2"),
    pytest.param(binary(0x31, 0x11, V4), id="v3"),
    pytest.param(binary(0x22, 0x11, V4), id="unknown-command"),
    pytest.param(binary(0x21, 0x12, V4), id="v2-datagrams"),
    pytest.param(binary(0x21, 0x41, V4), id="v2-unknown-family"),
    pytest.param(binary(0x21, 0x11, V4[:-1]), id="v2-too-short"),
    pytest.param(binary(0x21, 0x21, V4), id="v2-too-short-for-6"),
]


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header(data: bytes, step: int | None) -> None:
    """It is refused, and a line that never ends at its 108th byte."""
    with pytest.raises(ProxyHeaderError):
        read(data, step)


@settings(max_examples=100, deadline=None)
@given(
    addresses=st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4))
    | st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    is_binary=st.booleans(),
    tlvs=st.binary(max_size=300),
    cuts=st.lists(st.integers(1, 40), max_size=20),
    rest=st.binary(max_size=40),
)
def test_every_address_in_any_pieces(
    addresses: tuple[IPv4Address | IPv6Address, ...],
    ports: tuple[int, int],
    is_binary: bool,
    tlvs: bytes,
    cuts: list[int],
    rest: bytes,
) -> None:
    """What a balancer says comes out, in one spelling, and the rest is not touched."""
    source, destination = addresses
    if is_binary:
        family = 0x11 if source.version == 4 else 0x21
        data = binary(0x21, family, source.packed + destination.packed + struct.pack(">HH", *ports) + tlvs)
    else:
        data = f"PROXY TCP{source.version} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
    header = ProxyHeader()
    stream, position = data + rest, 0
    for cut in [*cuts, *[len(stream)] * 3]:
        if header.is_complete or position == len(stream):
            break
        position += header.feed(stream[position : position + cut])
    mapped = getattr(source, "ipv4_mapped", None)

    assert header.is_complete
    assert len(data) == position
    assert (str(mapped or source), ports[0]) == header.client


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=120), begin=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"!"])
)
def test_any_bytes(data: bytes, begin: bytes) -> None:
    """Bytes are a header, the beginning of one, or refused; whole and byte by byte alike."""

    def outcome(step: int | None) -> object:
        try:
            header, rest = read(begin + data, step)
        except ProxyHeaderError:
            return "refused"
        return header.is_complete, header.client, rest if header.is_complete else b""

    assert outcome(None) == outcome(1)
