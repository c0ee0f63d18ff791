"""Media types: one strict parser, a fast look, and a table of file names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.media_types import (
    MAX_PARAMETERS,
    MAX_QUOTED_CHARACTERS,
    MediaType,
    essence_of,
    format_media_type,
    guess_media_type,
    parse_media_type,
)

GOOD = [
    pytest.param("application/json", MediaType("application", "json"), id="plain"),
    pytest.param(
        "APPLICATION/JSON; charset=utf-16",
        MediaType("application", "json", (("charset", "utf-16"),)),
        id="case-does-not-matter",
    ),
    pytest.param(
        "text/html;Charset=UTF-8", MediaType("text", "html", (("charset", "UTF-8"),)), id="parameter-names-neither"
    ),
    pytest.param("text/html \t;\t charset=a", MediaType("text", "html", (("charset", "a"),)), id="space-at-semicolon"),
    pytest.param("text/html;", MediaType("text", "html"), id="semicolon-at-the-end"),
    pytest.param("text/html; ; a=b;;", MediaType("text", "html", (("a", "b"),)), id="empty-parameters"),
    pytest.param(
        'multipart/form-data; boundary="a; b=\\"c\\\\"',
        MediaType("multipart", "form-data", (("boundary", 'a; b="c\\'),)),
        id="quoted-value",
    ),
    pytest.param('a/b; c=""', MediaType("a", "b", (("c", ""),)), id="empty-quoted-value"),
    pytest.param(
        "application/problem+json; a=1; b=2",
        MediaType("application", "problem+json", (("a", "1"), ("b", "2"))),
        id="several-parameters",
    ),
]

BAD = [
    pytest.param("", id="empty"),
    pytest.param("json", id="no-slash"),
    pytest.param("/json", id="no-type"),
    pytest.param("application/", id="no-subtype"),
    pytest.param("application/json\ta", id="tab-and-text-after-it"),
    pytest.param("application/json a", id="space-and-text-after-it"),
    pytest.param("application/json ", id="space-after-it"),
    pytest.param(" application/json", id="space-before-it"),
    pytest.param("application/json\n", id="newline-after-it"),
    pytest.param("application/json, text/plain", id="a-list"),
    pytest.param("application/json; charset=a, text/plain", id="a-list-after-a-parameter"),
    pytest.param("application /json", id="space-before-the-slash"),
    pytest.param("application/json; charset", id="parameter-without-a-value"),
    pytest.param("application/json; charset=", id="parameter-with-an-empty-value"),
    pytest.param("application/json; charset =a", id="space-before-the-equals-sign"),
    pytest.param("application/json; charset= a", id="space-after-the-equals-sign"),
    pytest.param('application/json; charset="a', id="open-quote"),
    pytest.param('application/json; charset="a"b', id="text-after-a-quote"),
    pytest.param('application/json; charset="\x00"', id="control-in-quotes"),
    pytest.param("application/json; charset=a; Charset=b", id="a-parameter-twice"),
    pytest.param("application/jsön", id="not-ascii"),
]


@pytest.mark.security("C22")
@pytest.mark.parametrize(("field_value", "expected"), GOOD)
def test_a_good_value_is_parsed(field_value: str, expected: MediaType) -> None:
    """The grammar of RFC 9110 §8.3.1 is read, with spaces around semicolons."""
    assert expected == parse_media_type(field_value)
    assert expected.essence == essence_of(field_value)
    assert expected.essence == essence_of(field_value.encode("latin-1"))


@pytest.mark.security("C22")
@pytest.mark.parametrize("field_value", BAD)
def test_a_bad_value_is_no_media_type_for_anyone(field_value: str) -> None:
    """What the strict parser refuses has no essence either."""
    with pytest.raises(ValueError):
        parse_media_type(field_value)

    assert (essence_of(field_value), essence_of(field_value.encode("latin-1"))) == ("", "")


@given(st.text('aA/;="\\ \t,+b1é', max_size=20))
@settings(max_examples=200)
def test_the_fast_look_and_the_parser_always_agree(field_value: str) -> None:
    """Nobody can pass one of the two and not the other."""
    try:
        expected = parse_media_type(field_value).essence
    except ValueError:
        expected = ""

    assert expected == essence_of(field_value)


@pytest.mark.parametrize(
    ("field_value", "message"),
    [
        ("x", "'x' is not a media type: it does not start with `type/subtype`"),
        ("a/b c", "' c' does not continue with `; name=value`"),
        ("a/b;c=1;C=2", "the parameter 'c' is given twice"),
        ("a/b" + ";" * 65, "more than 64 parameters"),
        ('a/b;c="' + "x" * 1025 + '"', "the parameter 'c' has more than 1024 characters"),
    ],
)
def test_a_message_says_what_is_wrong(field_value: str, message: str) -> None:
    """Messages name the rule and at most 100 characters of the value."""
    with pytest.raises(ValueError) as caught:
        parse_media_type(field_value)

    assert message == str(caught.value)


@pytest.mark.parametrize(("count", "good"), [(MAX_PARAMETERS - 1, True), (MAX_PARAMETERS, True), (65, False)])
@pytest.mark.parametrize("form", [";", "; a{}=1"], ids=["empty", "named"])
def test_at_most_64_parameters_are_read(count: int, good: bool, form: str) -> None:
    """Empty parameters count as well."""
    field_value = "a/b" + "".join(form.format(index) for index in range(count))

    assert ("a/b" if good else "") == essence_of(field_value)


@pytest.mark.parametrize(("length", "good"), [(MAX_QUOTED_CHARACTERS - 1, True), (1024, True), (1025, False)])
def test_a_quoted_value_has_at_most_1024_characters(length: int, good: bool) -> None:
    """The limit is on what stands between the quotes."""
    assert ("a/b" if good else "") == essence_of(f'a/b;c="{"x" * length}"')


@pytest.mark.security("L16")
@pytest.mark.parametrize(
    "tail",
    [";", " ", "; ", "x=y;", '"', '\\"', ";x=", ';x="', ';x="\\'],
)
def test_a_hostile_tail_of_64_kib_is_refused(tail: str) -> None:
    """No repetition is a media type, and none takes long to refuse."""
    assert essence_of("a/b" + tail * (65_536 // len(tail))) == ""


@pytest.mark.parametrize(
    ("media_type", "charset", "suffix", "text"),
    [
        pytest.param(MediaType("text", "html"), None, None, "text/html", id="plain"),
        pytest.param(
            MediaType("text", "html", (("charset", "UTF-8"),)), "utf-8", None, "text/html; charset=UTF-8", id="charset"
        ),
        pytest.param(MediaType("a", "b+json"), None, "json", "a/b+json", id="suffix"),
        pytest.param(MediaType("a", "b+c+xml"), None, "xml", "a/b+c+xml", id="the-last-suffix-counts"),
        pytest.param(MediaType("a", "b", (("c", 'd "e"'),)), None, None, 'a/b; c="d \\"e\\""', id="quoted"),
        pytest.param(MediaType("a", "b", (("c", ""),)), None, None, 'a/b; c=""', id="empty-value-is-quoted"),
    ],
)
def test_the_parts_and_the_text_of_a_media_type(
    media_type: MediaType, charset: str | None, suffix: str | None, text: str
) -> None:
    """Charset, suffix and text follow from the parts."""
    actual = (media_type.charset, media_type.suffix, str(media_type), format_media_type(media_type))

    assert (charset, suffix, text, text) == actual


TOKENS = st.text("abc0-+!", min_size=1, max_size=6)
VALUES = st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=10)


@given(TOKENS, TOKENS, st.dictionaries(TOKENS, VALUES, max_size=3))
@settings(max_examples=200)
def test_what_is_formatted_is_parsed_to_the_same(type_: str, subtype: str, parameters: dict[str, str]) -> None:
    """Formatting and parsing are inverse."""
    media_type = MediaType(type_, subtype, tuple(parameters.items()))

    assert media_type == parse_media_type(format_media_type(media_type))


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    "media_type",
    [
        pytest.param(MediaType("text/x", "html"), id="slash-in-the-type"),
        pytest.param(MediaType("text", "html; a=b"), id="parameter-in-the-subtype"),
        pytest.param(MediaType("text", ""), id="empty-subtype"),
        pytest.param(MediaType("text", "html", (("a b", "c"),)), id="space-in-a-name"),
        pytest.param(MediaType("text", "html", (("a", "b\r\nX: 1"),)), id="newline-in-a-value"),
    ],
)
def test_what_cannot_be_parsed_is_not_formatted(media_type: MediaType) -> None:
    """Nothing is injected through the parts of a media type."""
    with pytest.raises(ValueError):
        format_media_type(media_type)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("index.html", "text/html", id="page"),
        pytest.param("/static/app.min.js", "text/javascript", id="the-last-extension-counts"),
        pytest.param("a/IMAGE.PNG", "image/png", id="case-does-not-matter"),
        pytest.param("x.tar.gz", "application/gzip", id="archive"),
        pytest.param("a.html/file", "application/octet-stream", id="extension-of-a-directory"),
        pytest.param(".html", "application/octet-stream", id="nothing-but-an-extension"),
        pytest.param("dir/.css", "application/octet-stream", id="hidden-file"),
        pytest.param("Makefile", "application/octet-stream", id="no-extension"),
        pytest.param("html", "application/octet-stream", id="a-name-like-an-extension"),
        pytest.param("a.", "application/octet-stream", id="dot-at-the-end"),
        pytest.param("a.unknown", "application/octet-stream", id="unknown-extension"),
        pytest.param("", "application/octet-stream", id="empty"),
    ],
)
def test_the_type_of_a_file_is_guessed_by_its_name(path: str, expected: str) -> None:
    """The table is ours, so the answer is the same on every machine."""
    assert expected == guess_media_type(path)
