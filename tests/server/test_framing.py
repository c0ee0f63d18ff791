"""Tests of the decisions about messages, with bytes and tables."""

from __future__ import annotations

import pytest

from costrel.server.framing import (
    Refusal,
    RequestFraming,
    check_fields,
    check_host,
    check_target,
    check_version,
    chunk_size_exceeds,
    frame_request,
    invalid_method_refusal,
    refusal_bytes,
    without_underscores,
)


@pytest.mark.security("A29")
@pytest.mark.parametrize(
    ("version", "raw", "is_refused"),
    [
        pytest.param("1.1", b"GET / HTTP/1.1\r\n", False, id="1.1"),
        pytest.param("1.0", b"GET / HTTP/1.0\r\n", False, id="1.0"),
        pytest.param("2.0", b"GET / HTTP/2.0\r\n", True, id="2.0"),
        pytest.param("0.9", b"GET /\r\n", True, id="0.9"),
        pytest.param("1.0", b"GET / RTSP/1.0\r\n", True, id="another-protocol-of-that-number"),
    ],
)
def test_version(version: str, raw: bytes, is_refused: bool) -> None:
    """Only HTTP/1.0 and HTTP/1.1 are spoken."""
    refusal = check_version(version, raw)

    assert is_refused == (refusal is not None and refusal.status_code == 505)


@pytest.mark.security("A31")
@pytest.mark.security("A32")
@pytest.mark.security("A33")
@pytest.mark.security("A34")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(b"/a%20b?c=%zz", ("/a b", b"/a%20b", b"c=%zz"), id="escapes"),
        pytest.param(b"http://a/x?y", ("/x", b"/x", b"y"), id="absolute-form-of-the-host"),
        pytest.param(b"http://evil/x", 400, id="absolute-form-of-another-host"),
        pytest.param(b"/x#f", 400, id="fragment"),
        pytest.param(b"/a\\b", 400, id="backslash"),
        pytest.param(b"/a%00", 400, id="escaped-nul"),
        pytest.param(b"/a%zz", 400, id="broken-escape"),
        pytest.param(b"*", 400, id="asterisk-for-get"),
        pytest.param(b"a:80", 400, id="authority-for-get"),
    ],
)
def test_target(target: bytes, expected: object) -> None:
    """A target is in origin form, or names the host that the Host field names."""
    result = check_target("GET", target, b"a")

    assert expected == (result.status_code if isinstance(result, Refusal) else result)


@pytest.mark.security("A36")
@pytest.mark.parametrize(
    ("host", "version", "is_good"),
    [
        (b"a", "1.1", True),
        (b"a:8000", "1.1", True),
        (b"[::1]:1", "1.1", True),
        (None, "1.0", True),
        (None, "1.1", False),
        (b"", "1.1", False),
        (b"", "1.0", False),
        (b"a:65536", "1.1", False),
        (b"u@a", "1.1", False),
        (b"a/?", "1.1", False),
    ],
)
def test_host(host: bytes | None, version: str, is_good: bool) -> None:
    """The Host field is there, once it must be, and is a host with an optional port."""
    assert is_good == (check_host(host, version) is None)


@pytest.mark.security("A26")
def test_underscores_are_dropped() -> None:
    """A name with an underscore never stands beside its twin with a hyphen."""
    lines = [(b"x-user", b"real"), (b"x_user", b"evil")]

    assert [(b"x-user", b"real")] == without_underscores(lines)


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        ([b"host", b"host"], True),
        ([b"content-type", b"content-type"], True),
        ([b"accept", b"accept", b"cookie", b"cookie"], False),
    ],
)
def test_singletons(names: list[bytes], is_refused: bool) -> None:
    """Fields that may stand only once stand only once."""
    assert is_refused == (check_fields([(name, b"a") for name in names]) is not None)


@pytest.mark.parametrize(
    ("method", "version", "names", "upgrade", "expected"),
    [
        pytest.param("POST", "1.1", {b"content-length": b"3"}, False, RequestFraming(3), id="length"),
        pytest.param(
            "POST", "1.1", {b"transfer-encoding": b"Chunked"}, False, RequestFraming(is_chunked=True), id="chunked"
        ),
        pytest.param("POST", "1.0", {b"transfer-encoding": b"chunked"}, False, 400, id="coding-in-1.0"),
        pytest.param("POST", "1.1", {b"transfer-encoding": b"gzip, chunked"}, False, 501, id="gzip"),
        pytest.param("POST", "1.1", {b"transfer-encoding": b'"chunked"'}, False, 400, id="quoted"),
        pytest.param("POST", "1.1", {b"content-length": b"9" * 20}, False, 400, id="length-of-20-digits"),
        pytest.param("POST", "1.1", {b"expect": b"bogus"}, False, 417, id="expectation"),
        pytest.param(
            "POST",
            "1.1",
            {b"expect": b"100-Continue", b"content-length": b"3"},
            False,
            RequestFraming(3, expects_continue=True),
            id="continue",
        ),
        pytest.param("POST", "1.0", {b"expect": b"bogus"}, False, RequestFraming(), id="expectation-in-1.0"),
        pytest.param("GET", "1.1", {b"upgrade": b"h2c"}, True, RequestFraming(), id="upgrade-ignored"),
        pytest.param("GET", "1.1", {b"upgrade": b"WebSocket"}, True, RequestFraming(is_websocket=True), id="websocket"),
        pytest.param("POST", "1.1", {b"upgrade": b"websocket"}, True, 400, id="websocket-by-post"),
        pytest.param("POST", "1.1", {b"upgrade": b"foo", b"content-length": b"0"}, True, 400, id="upgrade-with-body"),
        pytest.param("CONNECT", "1.1", {}, True, 501, id="connect"),
    ],
)
def test_request_framing(method: str, version: str, names: dict[bytes, bytes], upgrade: bool, expected: object) -> None:
    """The acting fields have one meaning, or the request is refused."""
    result = frame_request(method, version, names, wants_upgrade=upgrade)

    assert expected == (result.status_code if isinstance(result, Refusal) else result)


@pytest.mark.parametrize(
    ("start", "status_code"),
    [(b"FOOBAR / HTTP", 501), (b"FOO", 501), (b"get / ", 400), (b"A" * 33 + b" /", 400), (b'G=":', 400), (b"", 400)],
)
def test_invalid_method(start: bytes, status_code: int) -> None:
    """An unknown method in upper case is 501, what is no method is 400."""
    assert status_code == invalid_method_refusal(start).status_code


@pytest.mark.security("A15")
@pytest.mark.parametrize(
    ("line", "exceeds"),
    [
        (b"9", False),
        (b"a", False),
        (b"b", True),
        (b"000000000000000000000000a", False),
        (b"ffffffffffffffffff", True),
        (b"A;x=ffffffff", False),
        (b"", False),
        (b"X-Field: 1", False),
    ],
)
def test_chunk_size(line: bytes, exceeds: bool) -> None:
    """A size is compared with the limit whatever else stands in its line."""
    assert exceeds == chunk_size_exceeds(line, 10)


def test_refusal() -> None:
    """A refusal is a whole answer that closes the connection and repeats nothing of the request."""
    data = refusal_bytes(Refusal(400, "No."), b"date: x\r\n")

    assert (
        b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ndate: x\r\n"
        b"content-length: 3\r\nconnection: close\r\n\r\nNo."
    ) == data
    assert data[:-3] == refusal_bytes(Refusal(400, "No."), b"date: x\r\n", with_body=False)
