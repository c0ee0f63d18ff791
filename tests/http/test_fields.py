"""Field names and values are checked when they are set."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.fields import (
    QUOTED_STRING,
    SENSITIVE_FIELDS,
    SINGLETON_FIELDS,
    TCHARS,
    decode_quoted_string,
    field_name,
    field_value,
    format_quoted_string,
    lookup_name,
)
from costrel.http.methods import is_token


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Content-Type", b"content-type", id="a-common-name"),
        pytest.param("content-type", b"content-type", id="a-common-name-in-lower-case"),
        pytest.param("CONTENT-type", b"content-type", id="a-common-name-in-odd-case"),
        pytest.param("X-My_Field.1", b"x-my_field.1", id="a-rare-name"),
        pytest.param(b"X-Rare", b"x-rare", id="bytes"),
    ],
)
def test_a_field_name_becomes_lower_case_bytes(name: str | bytes, expected: bytes) -> None:
    """Names are compared without case, so one case is stored."""
    assert expected == field_name(name)


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("x a", id="space"),
        pytest.param("x:", id="colon"),
        pytest.param("x\r\nSet-Cookie", id="newline"),
        pytest.param("x\n", id="newline-at-the-end"),
        pytest.param("x\x00", id="nul"),
        pytest.param("ü", id="latin-1-letter"),
        pytest.param("\u212aey", id="kelvin-sign-that-lowers-to-k"),
        pytest.param(b"x\xff", id="byte-beyond-ascii"),
        pytest.param(b"X(Y)", id="delimiters"),
    ],
)
def test_what_is_no_token_is_no_field_name(name: str | bytes) -> None:
    """A field name is a token (RFC 9110 §5.1)."""
    with pytest.raises(ValueError) as caught:
        field_name(name)

    assert f"{name!r} is not a field name: use ASCII letters, digits and any of !#$%&'*+-.^_`|~, at least one" == str(
        caught.value
    )


@given(st.one_of(st.text(max_size=20), st.binary(max_size=20)))
@settings(max_examples=200)
def test_a_field_name_is_accepted_exactly_when_it_is_a_token(name: str | bytes) -> None:
    """The tables of known names change nothing about which names exist."""
    content = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
    try:
        actual = field_name(name)
    except ValueError:
        assert not is_token(content)
    else:
        assert content.lower() == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", b"", id="empty"),
        pytest.param("text/html", b"text/html", id="ascii"),
        pytest.param(" \t a b \t", b"a b", id="whitespace-around-is-taken-off"),
        pytest.param("  a  ", b"a", id="spaces-around-are-taken-off"),
        pytest.param("a\tb", b"a\tb", id="tab-inside"),
        pytest.param("é\xff", b"\xe9\xff", id="latin-1-text"),
        pytest.param("\xa0a\x85", b"\xa0a\x85", id="only-spaces-and-tabs-are-whitespace"),
        pytest.param(b" \xff\xfe ", b"\xff\xfe", id="bytes-go-as-they-are"),
    ],
)
@pytest.mark.security("A25")
def test_a_field_value_becomes_bytes(value: str | bytes, expected: bytes) -> None:
    """Text is latin-1 and bytes are opaque (RFC 9110 §5.5)."""
    assert expected == field_value(value)


@pytest.mark.security("A48")
@pytest.mark.security("A24")
@pytest.mark.parametrize("as_bytes", [False, True], ids=["text", "bytes"])
@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 0x7F])
@pytest.mark.parametrize("place", ["x{}1", "{}x", "x{}", "é{}"], ids=["inside", "first", "last", "after-latin-1"])
def test_a_control_character_is_refused_wherever_it_stands(code: int, place: str, as_bytes: bool) -> None:
    """CR, LF, NUL, DEL and the other controls never reach the wire."""
    text = place.format(chr(code))

    with pytest.raises(ValueError) as caught:
        field_value(text.encode("latin-1") if as_bytes else text)

    index = text.index(chr(code))
    assert f"a field value must not have control characters: {chr(code)!r} at index {index}" == str(caught.value)


@given(st.one_of(st.text(max_size=30), st.binary(max_size=30)))
@settings(max_examples=200)
def test_a_field_value_that_is_accepted_is_safe_on_the_wire(value: str | bytes) -> None:
    """Whatever comes out is stripped, free of controls, and comes out the same again."""
    try:
        content = field_value(value)
    except ValueError:
        return

    assert re.fullmatch(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?", content)
    assert content == field_value(content)


def test_text_beyond_latin_1_is_refused_with_the_fix() -> None:
    """The message names the character, its place and what to do."""
    with pytest.raises(ValueError) as caught:
        field_value("10 €")

    assert (
        str(caught.value)
        == "a field value holds characters up to U+00FF, not '€' at index 3; percent-encode the text, "
        "or pass bytes such as `value.encode()` if the recipient expects UTF-8"
    )


@pytest.mark.parametrize("bad_character", ["\r", "€"])
def test_a_message_never_repeats_the_value(bad_character: str) -> None:
    """A value may be a secret, so errors show one character of it."""
    with pytest.raises(ValueError) as caught:
        field_value("secret" + bad_character)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_long_name_is_cut_in_the_message() -> None:
    """A message has at most 100 characters of what was given."""
    with pytest.raises(ValueError) as caught:
        field_name("ä" * 101)

    assert "ä" * 100 in str(caught.value)
    assert "ä" * 101 not in str(caught.value)


@pytest.mark.parametrize("value", [5, None, ["a"], bytearray(b"a")], ids=["int", "none", "list", "bytearray"])
def test_another_type_is_refused_with_the_fix(value: object) -> None:
    """Numbers and lists are not converted behind the caller's back."""
    untyped_value, untyped_name = {"function": field_value}, {"function": field_name}
    type_name = type(value).__name__

    with pytest.raises(TypeError) as value_error:
        untyped_value["function"](value)
    with pytest.raises(TypeError) as name_error:
        untyped_name["function"](value)

    assert (
        f"a field value is `str` or `bytes`, not `{type_name}`; "
        "write `str(value)`, or call `add` once for each of several values" == str(value_error.value)
    )
    assert f"a field name is `str` or `bytes`, not `{type_name}`" == str(name_error.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Host", b"host", id="known"),
        pytest.param("X-RARE", b"x-rare", id="rare"),
        pytest.param("coo\u212aie", b"coo?ie", id="kelvin-sign-finds-nothing"),
    ],
)
def test_a_name_is_looked_up_without_a_check(name: str, expected: bytes) -> None:
    """A name that cannot exist is turned into one that no field has."""
    assert expected == lookup_name(name)


def test_known_fields_are_lower_case_tokens() -> None:
    """Tables are compared with stored names, which are in lower case."""
    names = SINGLETON_FIELDS | SENSITIVE_FIELDS

    assert {field_name(name) for name in names} == names
    assert {b"host", b"content-length", b"content-type", b"authorization", b"origin", b"range"} <= SINGLETON_FIELDS
    assert not {b"if-match", b"if-none-match", b"expect", b"set-cookie", b"transfer-encoding"} & SINGLETON_FIELDS


@given(st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cc"]) | st.just("\t"), max_size=40))
@settings(max_examples=200)
def test_a_quoted_string_comes_back(value: str) -> None:
    """What is quoted matches the grammar and is taken apart to the same text."""
    quoted = format_quoted_string(value)

    assert re.fullmatch(QUOTED_STRING, quoted)
    assert value == decode_quoted_string(quoted)


@pytest.mark.security("A48")
def test_a_quoted_string_cannot_hold_a_newline() -> None:
    """Quoting does not make a control character harmless."""
    with pytest.raises(ValueError):
        format_quoted_string("a\r\nb")


@pytest.mark.parametrize(
    ("text", "token", "quoted"),
    [
        pytest.param("abc", True, False, id="a-token"),
        pytest.param("", False, False, id="nothing"),
        pytest.param('""', False, True, id="an-empty-quoted-string"),
        pytest.param('"a', False, False, id="an-open-quoted-string"),
        pytest.param('"a\\"', False, False, id="the-last-quote-is-escaped"),
        pytest.param('"a"b"', False, False, id="a-quote-inside"),
        pytest.param('"\x7f"', False, False, id="a-control-inside"),
    ],
)
def test_the_patterns_follow_the_grammar(text: str, token: bool, quoted: bool) -> None:
    """Tokens and quoted strings are as in RFC 9110 §5.6.2 and §5.6.4."""
    actual = (bool(re.fullmatch(TCHARS, text)), bool(re.fullmatch(QUOTED_STRING, text)))

    assert (token, quoted) == actual
