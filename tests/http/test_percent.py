"""Tests of percent-encoding: decoded once, strictly for paths, leniently for queries."""

from __future__ import annotations

from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.percent import (
    decode_component,
    decode_path,
    encode_component,
    encode_path,
    encode_segment,
    requote,
)


@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        pytest.param(b"/plain/path", "/plain/path", id="nothing-to-decode"),
        pytest.param(b"/caf%C3%A9", "/café", id="utf-8"),
        pytest.param(b"/caf%c3%a9", "/café", id="lower-case-digits"),
        pytest.param(b"/a%2fb", "/a/b", id="an-encoded-slash-is-a-slash"),
        pytest.param(b"/%252e", "/%2e", id="decoded-once-only"),
        pytest.param(b"/a+b", "/a+b", id="a-plus-is-a-plus"),
        pytest.param(b"/%ff", "/\ufffd", id="no-utf-8-is-replaced"),
        pytest.param("/é".encode(), "/é", id="raw-utf-8"),
        pytest.param(b"/\xff", "/\ufffd", id="raw-latin-1-is-replaced"),
    ],
)
def test_decode_path(raw_path: bytes, expected: str) -> None:
    """A path is decoded once, as UTF-8."""
    assert expected == decode_path(raw_path)


@pytest.mark.security("B5")
@pytest.mark.parametrize("raw_path", [b"/a%00b", b"/a\x00b"], ids=["escaped", "raw"])
def test_decode_path_refuses_nul(raw_path: bytes) -> None:
    """A path with a NUL is refused, however it is written."""
    with pytest.raises(ValueError) as caught:
        decode_path(raw_path)

    assert "The path contains a NUL." == str(caught.value)


@pytest.mark.parametrize("raw_path", [b"/a%zz", b"/a%", b"/a%4", b"/%%41", b"/% 41", b"/%+1", b"/%0x"])
def test_decode_path_refuses_broken_escapes(raw_path: bytes) -> None:
    """A `%` in a path is followed by two hexadecimal digits."""
    with pytest.raises(ValueError) as caught:
        decode_path(raw_path)

    assert "The path contains a `%` that is not followed by two hexadecimal digits." == str(caught.value)


@pytest.mark.security("C4")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"%zz%ff", "%zz\ufffd", id="broken-escape-kept-and-no-utf-8-replaced"),
        pytest.param(b"%00", "\0", id="nul-is-data"),
        pytest.param(b"\xff", "\ufffd", id="raw-byte-replaced"),
        pytest.param(b"%", "%", id="lone-percent"),
        pytest.param(b"a+b%2Bc", "a b+c", id="plus-is-a-space-and-escaped-plus-a-plus"),
        pytest.param(b"%2541", "%41", id="decoded-once-only"),
    ],
)
def test_decode_component(value: bytes, expected: str) -> None:
    """A component keeps broken escapes and replaces what is not UTF-8."""
    assert expected == decode_component(value, plus_is_space=True)


def test_plus_outside_forms() -> None:
    """Without `plus_is_space` a plus is a plus."""
    assert "a+b c" == decode_component(b"a+b%20c", plus_is_space=False)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"%", b"4", b"1", b"c", b"G", b"+", b"\xc3", b"%C3", b"%a9"]), max_size=20))
def test_decode_component_agrees_with_the_standard_library(pieces: list[bytes]) -> None:
    """The result is the one of `urllib.parse`."""
    value = b"".join(pieces)

    assert unquote_to_bytes(value).decode("utf-8", "replace") == decode_component(value, plus_is_space=False)


@pytest.mark.parametrize(
    ("encode", "text", "expected"),
    [
        pytest.param(encode_path, "/a-b_c.d~e/!$&'()*+,;=:@", "/a-b_c.d~e/!$&'()*+,;=:@", id="path-keeps-pchar"),
        pytest.param(encode_path, '/a b%\\?#[]"<>\r\n', "/a%20b%25%5C%3F%23%5B%5D%22%3C%3E%0D%0A", id="path-encodes"),
        pytest.param(encode_path, "/é", "/%C3%A9", id="path-utf-8"),
        pytest.param(encode_segment, "a:b", "a:b", id="segment-keeps-pchar"),
        pytest.param(encode_segment, "a/b", "a%2Fb", id="segment-encodes-slash"),
        pytest.param(encode_component, "Az09-._~", "Az09-._~", id="component-keeps-unreserved"),
        pytest.param(encode_component, "a&b=c/d+e f", "a%26b%3Dc%2Fd%2Be%20f", id="component-encodes-the-rest"),
    ],
)
def test_encode(encode, text: str, expected: str) -> None:
    """Each encoder keeps its own characters and writes the others as escapes of UTF-8."""
    assert expected == encode(text)


@pytest.mark.parametrize("encode", [encode_path, encode_segment, encode_component])
def test_encode_refuses_lone_surrogates(encode) -> None:
    """A lone surrogate has no UTF-8 form and is refused by name."""
    with pytest.raises(ValueError) as caught:
        encode("\ud800")

    assert "The text has a lone surrogate and cannot be percent-encoded." == str(caught.value)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_round_trip(text: str) -> None:
    """Decoding gives back what was encoded."""
    assert text == decode_path(encode_path(text).encode())
    assert text == decode_path(encode_segment(text).encode())
    assert text == decode_component(encode_component(text).encode(), plus_is_space=True) == unquote(encode_path(text))


@pytest.mark.parametrize(
    ("value", "part", "expected"),
    [
        pytest.param("/a%20b c", "path", "/a%20b%20c", id="escapes-stay-and-spaces-go"),
        pytest.param("100%", "path", "100%25", id="a-lone-percent-is-encoded"),
        pytest.param("%zz%4", "path", "%25zz%254", id="broken-escapes-are-encoded"),
        pytest.param("/a?b#c", "path", "/a%3Fb%23c", id="a-path-has-no-query"),
        pytest.param("a?b#c", "query", "a?b%23c", id="a-query-has-no-fragment"),
        pytest.param("/a?b#c", "reference", "/a?b#c", id="a-reference-has-all"),
        pytest.param(b"/\xff", "path", "/%FF", id="bytes-are-escaped-as-they-are"),
        pytest.param("/é", "path", "/%C3%A9", id="text-is-utf-8"),
        pytest.param("\r\n\0", "query", "%0D%0A%00", id="control-characters"),
    ],
)
def test_requote(value: str | bytes, part, expected: str) -> None:
    """What a part must not contain is encoded, what is encoded stays."""
    assert expected == requote(value, part)


def test_requote_refuses_lone_surrogates() -> None:
    """A lone surrogate is refused by name."""
    with pytest.raises(ValueError) as caught:
        requote("\ud800", "path")

    assert "The text has a lone surrogate and cannot be percent-encoded." == str(caught.value)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["path", "query", "reference"]))
def test_requote_is_idempotent(text: str, part) -> None:
    """Quoting again changes nothing."""
    once = requote(text, part)

    assert once == requote(once, part)
