"""Tests of byte ranges."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import RangeNotSatisfiable
from costrel.http.ranges import ByteRange, MultipartByteranges, format_content_range, parse_range

pytestmark = pytest.mark.pain("P34")


@pytest.mark.capability("C043")
@pytest.mark.capability("C044")
@pytest.mark.security("B19")
@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param("bytes=0-4", [(0, 5)], id="first-and-last"),
        pytest.param("bytes=4-4", [(4, 5)], id="one-byte"),
        pytest.param("bytes=4-", [(4, 10)], id="to-the-end"),
        pytest.param("bytes=-3", [(7, 10)], id="the-last-bytes"),
        pytest.param("bytes=-30", [(0, 10)], id="more-than-there-are"),
        pytest.param("bytes=8-20", [(8, 10)], id="past-the-end"),
        pytest.param("BYTES=0-0", [(0, 1)], id="the-unit-in-capitals"),
        pytest.param("bytes= 0-0 ,\t4-4", [(0, 1), (4, 5)], id="spaces-around"),
        pytest.param("bytes=,0-0,,4-4,", [(0, 1), (4, 5)], id="empty-items-are-skipped"),
        pytest.param("bytes=8-9,0-1", [(8, 10), (0, 2)], id="the-order-of-the-client"),
        pytest.param("bytes=0-1,20-30", [(0, 2)], id="one-of-two-can-be-satisfied"),
        pytest.param("bytes=0-4,2-6", [(0, 7)], id="overlapping"),
        pytest.param("bytes=0-4,5-6", [(0, 7)], id="touching"),
        pytest.param("bytes=2-6,9-9,0-4", [(0, 7), (9, 10)], id="merged-where-the-first-stood"),
        pytest.param("bytes=9-9,5-6,0-1,1-5", [(9, 10), (0, 7)], id="merged-over-several"),
        pytest.param("bytes=0-,0-,0-", [(0, 10)], id="everything-three-times-is-once"),
        pytest.param("bytes=0-" + "9" * 4000, [(0, 10)], id="a-last-position-of-4000-digits"),
        pytest.param("bytes=-" + "9" * 5000, [(0, 10)], id="a-suffix-of-5000-digits"),
        pytest.param("bytes=" + "0" * 5000 + "1-2", [(1, 3)], id="zeros-in-front"),
        pytest.param("lines=0-1", None, id="another-unit"),
        pytest.param("bytes", None, id="no-equals-sign"),
        pytest.param("bytes=", None, id="no-ranges"),
        pytest.param("bytes=,", None, id="only-a-comma"),
        pytest.param("bytes=-", None, id="neither-first-nor-last"),
        pytest.param("bytes=5-1", None, id="last-before-first"),
        pytest.param("bytes=--1", None, id="two-dashes"),
        pytest.param("bytes=1", None, id="no-dash"),
        pytest.param("bytes=0-1x", None, id="text-after"),
        pytest.param("bytes=+1-2", None, id="a-sign"),
        pytest.param("bytes=1 - 2", None, id="spaces-inside"),
        pytest.param("bytes=٠-١", None, id="digits-that-are-not-ascii"),
        pytest.param("bytes=0-0,nonsense", None, id="one-bad-range-spoils-all"),
        pytest.param("bytes=" + "0-0,2-2," * 1300, None, id="2600-ranges"),
    ],
)
def test_parse_range(field_value: str, expected: list[tuple[int, int]] | None) -> None:
    """A field is honoured exactly, or ignored as a whole."""
    ranges = None if expected is None else tuple(ByteRange(*pair) for pair in expected)

    assert ranges == parse_range(field_value, 10)


@pytest.mark.security("B19")
@pytest.mark.parametrize(
    "field_value", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 4000 + "-", "bytes=-0,99-"]
)
def test_unsatisfiable(field_value: str) -> None:
    """Well-formed ranges outside of the representation are a 416 that says its length."""
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(field_value, 10)

    assert {"Content-Range": "bytes */10"} == caught.value.headers


def test_empty_representation() -> None:
    """Nothing starts inside an empty representation, and its last bytes are all of it, without a range."""
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)

    assert parse_range("bytes=-5", 0) is None


@pytest.mark.parametrize(("count", "honoured"), [(15, True), (16, True), (17, False)])
def test_range_limit(count: int, honoured: bool) -> None:
    """Sixteen ranges are honoured; one more and the field is ignored."""
    field_value = "bytes=" + ",".join(f"{2 * number}-{2 * number}" for number in range(count))

    assert honoured == (parse_range(field_value, 100) is not None)


@settings(max_examples=200)
@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8))
def test_ranges_cover_what_was_asked_and_nothing_twice(size: int, asked: list[tuple[int, int]]) -> None:
    """The ranges have exactly the bytes that were asked for, each once."""
    asked = [(min(pair), max(pair)) for pair in asked]
    wanted = {byte for first, last in asked for byte in range(first, min(last + 1, size))}
    field_value = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    if not wanted:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(field_value, size)
        return
    ranges = parse_range(field_value, size)

    assert ranges is not None
    assert sorted(wanted) == sorted(byte for part in ranges for byte in range(part.start, part.stop))


def test_format_content_range() -> None:
    """The last position is inclusive on the wire."""
    assert "bytes 0-4/10" == format_content_range(ByteRange(0, 5), 10)
    assert "bytes */10" == format_content_range(None, 10)


@pytest.mark.capability("C044")
def test_multipart_byteranges() -> None:
    """Heads, bytes and closing together are the answer, and as long as it says."""
    content = b"0123456789"
    frame = MultipartByteranges((ByteRange(0, 2), ByteRange(8, 10)), "text/plain", 10, "xyz")
    written = b"".join(head + content[part.start : part.stop] for head, part in frame.parts()) + frame.closing
    expected = (
        b"--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
        b"\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89"
        b"\r\n--xyz--\r\n"
    )

    assert expected == written
    assert len(expected) == frame.content_length_bytes
    assert 'multipart/byteranges; boundary="xyz"' == frame.content_type


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a b", 'a"', "a\r\n", "é"])
def test_boundary_is_checked(boundary: str) -> None:
    """A boundary has 1 to 70 plain characters."""
    with pytest.raises(ValueError) as caught:
        MultipartByteranges((), "text/plain", 0, boundary)

    assert f"Not a multipart boundary: {boundary!r}." == str(caught.value)


def test_media_type_is_checked() -> None:
    """A media type cannot bring a header field of its own."""
    with pytest.raises(ValueError) as caught:
        MultipartByteranges((), "text/plain\r\nX: y", 0, "x" * 70)

    assert "A media type has no control characters: 'text/plain\\r\\nX: y'." == str(caught.value)
