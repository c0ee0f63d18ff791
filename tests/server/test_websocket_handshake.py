"""Tests of the opening handshake: what is refused, and the head that accepts."""

from __future__ import annotations

import time

import pytest

from costrel.messages import Response
from costrel.server.framing import refusal_bytes
from costrel.server.websocket_handshake import accept_handshake, check_handshake

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
GOOD = [(b"host", b"a"), KEY, VERSION]
DATE = b"date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"


def with_fields(*fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [*GOOD, *fields]


def offering(value: bytes) -> list[tuple[bytes, bytes]]:
    return with_fields((b"sec-websocket-extensions", value))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(GOOD, id="the-least"),
        pytest.param(with_fields((b"sec-websocket-protocol", b"chat, superchat")), id="subprotocols"),
        pytest.param(
            with_fields((b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"b")), id="in-two-lines"
        ),
        pytest.param(offering(b"permessage-deflate; client_max_window_bits, x-other"), id="extensions"),
    ],
)
def test_a_handshake_passes(headers: list[tuple[bytes, bytes]]) -> None:
    """What RFC 6455 §4.1 has clients send is let through."""

    assert None is check_handshake("1.1", headers)


@pytest.mark.security("J2")
@pytest.mark.security("J3")
@pytest.mark.parametrize(
    ("version", "headers", "status_code"),
    [
        pytest.param("1.0", GOOD, 400, id="http-1.0"),
        pytest.param("1.1", [VERSION], 400, id="no-key"),
        pytest.param("1.1", [VERSION, KEY, KEY], 400, id="two-keys"),
        pytest.param("1.1", [VERSION, (KEY[0], b"abc")], 400, id="a-short-key"),
        pytest.param("1.1", [VERSION, (KEY[0], b"dGhlIHNhbXBsZSBub25jZTEyMzQ1Njc4")], 400, id="a-key-of-24-bytes"),
        pytest.param("1.1", [VERSION, (KEY[0], b"dGhlIHNhbXBsZSBub25jZQ=")], 400, id="a-key-without-its-end"),
        pytest.param("1.1", [VERSION, (KEY[0], b"dGhlIHNhbXBsZSBub25j!Q==")], 400, id="a-key-that-is-no-base64"),
        pytest.param("1.1", [KEY], 426, id="no-version"),
        pytest.param("1.1", [KEY, (VERSION[0], b"8")], 426, id="version-8"),
        pytest.param("1.1", [KEY, (VERSION[0], b"13, 8")], 426, id="a-list-of-versions"),
        pytest.param("1.1", [KEY, VERSION, VERSION], 400, id="two-versions"),
        pytest.param(
            "1.1", with_fields((b"sec-websocket-protocol", b"\x80\xff")), 400, id="a-subprotocol-beyond-ascii"
        ),
        pytest.param(
            "1.1", with_fields((b"sec-websocket-protocol", b"b" + b" " * 16_000 + b"x")), 400, id="endless-space"
        ),
        pytest.param("1.1", with_fields((b"sec-websocket-protocol", b"")), 400, id="an-empty-list"),
        pytest.param("1.1", offering(b'permessage-deflate; "; x'), 400, id="an-extension-that-is-none"),
        pytest.param("1.1", offering(b"=" * 16_000), 400, id="many-equals-signs"),
        pytest.param("1.1", offering(b"a;" * 8000), 400, id="many-empty-parameters"),
    ],
)
def test_what_is_no_handshake_is_refused(version: str, headers: list[tuple[bytes, bytes]], status_code: int) -> None:
    """The answer comes quickly, repeats nothing, and tells the version that is spoken where that is the reason."""
    begin = time.process_time()
    refusal = check_handshake(version, headers)
    seconds = time.process_time() - begin

    assert refusal is not None
    assert status_code == refusal.status_code
    assert seconds < 0.05
    answer = refusal_bytes(refusal, DATE)
    assert (status_code == 426) == (b"\r\nsec-websocket-version: 13\r\n" in answer)
    assert len(answer) < 400


def test_the_head_that_accepts_is_that_of_the_standard() -> None:
    """The example of RFC 6455 §1.3, with the fields of the response behind it."""
    response = Response(None, 101, {"sec-websocket-protocol": "chat", "x-layer": "1", "upgrade": "other"})
    response.headers.add("set-cookie", "a=1")
    response.headers.add("set-cookie", "b=2")
    acceptance = accept_handshake(GOOD, response, DATE, has_deflate=True)
    lines = acceptance.head.decode().split("\r\n")

    assert "HTTP/1.1 101 Switching Protocols" == lines[0]
    assert [
        "connection: Upgrade",
        "date: Sun, 22 Nov 2026 00:00:00 GMT",
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "sec-websocket-protocol: chat",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "upgrade: websocket",
        "x-layer: 1",
    ] == sorted(lines[1:-2])
    assert ["", ""] == lines[-2:]
    assert acceptance.deflate is None


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        pytest.param(b"permessage-deflate", "permessage-deflate; server_max_window_bits=12", id="plain"),
        pytest.param(
            b"permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            id="window-of-the-client",
        ),
        pytest.param(
            b"permessage-deflate; server_max_window_bits=8, permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=12",
            id="the-first-that-can-be-met",
        ),
        pytest.param(b"permessage-deflate; unknown=1", "", id="an-unknown-parameter"),
        pytest.param(b"x-other", "", id="another-extension"),
    ],
)
def test_compression_is_negotiated(offer: bytes, agreed: str) -> None:
    """RFC 7692 §5.1: the first offer that can be met is accepted; without one there is no compression."""
    acceptance = accept_handshake(offering(offer), Response(None, 101), DATE, has_deflate=True)
    found = [
        line[26:] for line in acceptance.head.decode().split("\r\n") if line.startswith("sec-websocket-extensions")
    ]

    assert [agreed] == (found or [""])
    assert (acceptance.deflate is not None) == bool(agreed)


@pytest.mark.security("J7")
def test_compression_is_off_unless_it_is_asked_for() -> None:
    """An offer alone changes nothing."""
    acceptance = accept_handshake(offering(b"permessage-deflate"), Response(None, 101), DATE, has_deflate=False)

    assert acceptance.deflate is None
    assert b"extensions" not in acceptance.head


def test_a_field_with_a_line_break_is_no_head() -> None:
    """Whoever went round the check of header fields does not split the answer."""
    response = Response(None, 101)
    response.headers["x-a"] = "1"
    response.headers.raw.append((b"x-b", b"1\r\nx-c: 2"))

    with pytest.raises(ValueError, match="line break"):
        accept_handshake(GOOD, response, DATE, has_deflate=False)
