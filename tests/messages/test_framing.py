"""How a response is framed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.messages import Response
from costrel.messages.framing import BodyFraming, BodyKind, check_block, frame_response, own_fields


def declaring(value: bytes | None, status_code: int = 200) -> Response:
    """Make a response with a ``Content-Length`` that nobody has checked."""
    response = Response(b"", status_code)
    if value is not None:
        response.headers.raw.append((b"content-length", value))
    return response


@pytest.mark.security("A49")
@pytest.mark.parametrize(
    ("method", "status_code", "has_chunks", "body_bytes", "declared", "expected"),
    [
        pytest.param("GET", 200, True, 5, None, BodyFraming(BodyKind.LENGTH, 5, True), id="bytes"),
        pytest.param("GET", 200, True, 0, None, BodyFraming(BodyKind.LENGTH, 0, True), id="no-bytes"),
        pytest.param("GET", 200, True, 5, b"5", BodyFraming(BodyKind.LENGTH, 5, True), id="as-long-as-said"),
        pytest.param("GET", 200, True, 5, b"3", BodyFraming(BodyKind.LENGTH, 3, True, True), id="longer-than-said"),
        pytest.param("GET", 200, True, 5, b"x", BodyFraming(BodyKind.LENGTH, 5, True), id="length-is-no-number"),
        pytest.param("GET", 200, True, 5, b"9" * 20, BodyFraming(BodyKind.LENGTH, 5, True), id="length-of-20-digits"),
        pytest.param("GET", 200, True, None, None, BodyFraming(BodyKind.CHUNKED, None, True), id="stream"),
        pytest.param("GET", 200, True, None, b"7", BodyFraming(BodyKind.LENGTH, 7, True), id="stream-that-says"),
        pytest.param("GET", 200, False, None, None, BodyFraming(BodyKind.UNTIL_CLOSE, None, True, True), id="1.0"),
        pytest.param("GET", 200, False, None, b"7", BodyFraming(BodyKind.LENGTH, 7, True), id="1.0-that-says"),
        pytest.param("HEAD", 200, True, 5, None, BodyFraming(BodyKind.NONE, 5, False), id="head"),
        pytest.param("HEAD", 200, True, 0, b"9", BodyFraming(BodyKind.NONE, 9, False), id="head-that-says"),
        pytest.param("HEAD", 200, True, None, None, BodyFraming(BodyKind.NONE, None, False), id="head-of-stream"),
        pytest.param("HEAD", 205, True, 5, None, BodyFraming(BodyKind.NONE, 5, False), id="head-of-205"),
        pytest.param("GET", 204, True, 5, b"5", BodyFraming(BodyKind.NONE, None, False), id="204"),
        pytest.param("GET", 205, True, 5, None, BodyFraming(BodyKind.NONE, 0, False), id="205"),
        pytest.param("GET", 304, True, 0, b"5", BodyFraming(BodyKind.NONE, 5, False), id="304"),
        pytest.param("GET", 304, True, 0, None, BodyFraming(BodyKind.NONE, None, False), id="304-that-says-nothing"),
    ],
)
def test_the_framing_follows_from_method_status_and_length(
    method: str,
    status_code: int,
    has_chunks: bool,
    body_bytes: int | None,
    declared: bytes | None,
    expected: BodyFraming,
) -> None:
    """HEAD, 204, 205 and 304 have no content; what has content ends where its head says."""
    response = declaring(declared, status_code)

    assert expected == frame_response(response, method, body_bytes, has_chunks=has_chunks)


@pytest.mark.security("A49")
@given(body_bytes=st.integers(0, 20), declared=st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_no_body_is_shorter_than_its_head_says(body_bytes: int, declared: int) -> None:
    """What is too short is an error before anything was sent; everything else has as many bytes as its head says."""
    response = declaring(b"%d" % declared)
    if declared > body_bytes:
        with pytest.raises(ValueError, match=f"^Content-Length is {declared}, and the body has {body_bytes} bytes.$"):
            frame_response(response, "GET", body_bytes)
    else:
        assert declared == frame_response(response, "GET", body_bytes).content_length


@pytest.mark.parametrize("status_code", [100, 101, 199, 1000])
def test_only_a_final_response_is_framed(status_code: int) -> None:
    """An interim status, and what has no three digits, is an error of the application."""
    response = Response(b"")
    response.status_code = status_code
    with pytest.raises(ValueError, match=f"^{status_code} is not the status of a final response.$"):
        frame_response(response, "GET", 0)


def test_the_fields_of_the_transport_are_left_out() -> None:
    """Whoever frames the message writes them; a head that nobody has touched follows from the media type."""
    fields = {"Connection": "close", "Keep-Alive": "1", "Date": "now", "Transfer-Encoding": "chunked", "X-A": "b"}

    assert [(b"x-a", b"b")] == own_fields(Response(None, headers={**fields, "Content-Length": "9"}))
    assert [(b"content-type", b"a/b")] == own_fields(Response(b"", media_type="a/b"))


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    ("block", "line_count"),
    [
        pytest.param(b"x-a1\r\nx-b: 2", 0, id="a-second-line"),
        pytest.param(b"x-a: 1\r\nx-b: 2\r\n", 1, id="a-second-line-on-the-wire"),
        pytest.param(b"x-a1\n", 0, id="a-line-feed"),
        pytest.param(b"x-a1\r", 0, id="a-carriage-return"),
        pytest.param(b"x-a1\0", 0, id="nul"),
    ],
)
def test_a_field_that_brings_another_is_refused(block: bytes, line_count: int) -> None:
    """The check counts line ends, so it does not matter who wrote them."""
    with pytest.raises(ValueError, match="line break or NUL"):
        check_block(block, line_count)


@pytest.mark.parametrize(("block", "line_count"), [(b"", 0), (b"x-a1", 0), (b"x-a: 1\r\nx-b: 2\r\n", 2)])
def test_fields_that_are_what_they_seem_pass(block: bytes, line_count: int) -> None:
    """Nothing is said about what is in order."""
    assert check_block(block, line_count) is None
