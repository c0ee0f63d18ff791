"""Tests of entity tags."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.etags import ETag, file_etag, make_etag, parse_etag, parse_etag_list


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        pytest.param('"a"', ETag("a"), id="strong"),
        pytest.param('W/"a"', ETag("a", weak=True), id="weak"),
        pytest.param('""', ETag(""), id="empty"),
        pytest.param('"a,b\\c\xe9"', ETag("a,b\\c\xe9"), id="comma-backslash-and-latin-1"),
    ],
)
def test_parse_and_format(text: str, tag: ETag) -> None:
    """A tag is read and written in the same form."""
    assert tag == parse_etag(text) == parse_etag(f" \t{text} ")
    assert text == tag.format()


@pytest.mark.parametrize("text", ["", "a", '"a', 'a"', 'w/"a"', 'W/ "a"', '"a" "b"', '"a b"', '"a\n"', "*", '"€"'])
def test_what_is_no_tag(text: str) -> None:
    """Anything but one quoted tag is no tag."""
    assert parse_etag(text) is None


@pytest.mark.parametrize("tag", ['a"', "a b", "a\r\nX: y", "€", "\x7f"])
def test_a_tag_is_checked_when_made(tag: str) -> None:
    """A tag that could not be written cannot be made."""
    with pytest.raises(ValueError) as caught:
        ETag(tag)

    assert f"An entity tag has no quotes, spaces or control characters: {tag!r}." == str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "strong", "weak"),
    [
        pytest.param(ETag("1", weak=True), ETag("1", weak=True), False, True, id="both-weak"),
        pytest.param(ETag("1", weak=True), ETag("2", weak=True), False, False, id="both-weak-and-different"),
        pytest.param(ETag("1", weak=True), ETag("1"), False, True, id="one-weak"),
        pytest.param(ETag("1"), ETag("1", weak=True), False, True, id="the-other-weak"),
        pytest.param(ETag("1"), ETag("1"), True, True, id="both-strong"),
        pytest.param(ETag("1"), ETag("2"), False, False, id="both-strong-and-different"),
    ],
)
def test_comparison(first: ETag, second: ETag, strong: bool, weak: bool) -> None:
    """The table of RFC 9110 §8.8.3.2."""
    assert (strong, weak) == (first.strong_matches(second), first.weak_matches(second))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("*", "*", id="star"),
        pytest.param(" * ", "*", id="star-with-spaces"),
        pytest.param("", (), id="empty"),
        pytest.param('"a"', (ETag("a"),), id="one"),
        pytest.param('"a", W/"b"\t,"c"', (ETag("a"), ETag("b", weak=True), ETag("c")), id="three"),
        pytest.param(',, "a",, ,"b",', (ETag("a"), ETag("b")), id="empty-items-are-skipped"),
        pytest.param('"a,b", "c"', (ETag("a,b"), ETag("c")), id="a-comma-in-a-tag"),
        pytest.param('"a", b, "c"', (ETag("a"),), id="reading-ends-at-nonsense"),
        pytest.param('"a" "b"', (), id="no-comma-between"),
        pytest.param('"a", *', (ETag("a"),), id="a-star-among-tags-is-nonsense"),
    ],
)
def test_parse_list(value: str, expected: object) -> None:
    """A list is read up to the first thing that is no tag."""
    assert expected == parse_etag_list(value)


@pytest.mark.security("B20")
@pytest.mark.parametrize(("count", "expected"), [(99, 99), (100, 100), (101, 100), (16_384, 100)])
def test_list_limit(count: int, expected: int) -> None:
    """At most a hundred tags are looked at, however long the field is."""
    assert expected == len(parse_etag_list('"a",' * count))


def test_make_etag() -> None:
    """Equal content has an equal tag, other content another."""
    assert ETag("cae66941d9efbd404e4d88758ea67670") == make_etag(b"")
    assert make_etag(b"a") != make_etag(b"b")
    assert make_etag(b"a", weak=True).weak


def test_file_etag() -> None:
    """Time and size both count, and the tag is strong, so that ranges can be resumed."""
    assert '"ff-10"' == file_etag(255, 16).format()
    assert 3 == len({file_etag(1, 1), file_etag(1, 2), file_etag(2, 1)})


@settings(max_examples=100)
@given(st.lists(st.builds(ETag, st.text("!#$%~abc,\\\xff", max_size=6), weak=st.booleans()), max_size=10))
def test_list_round_trip(tags: list[ETag]) -> None:
    """A written list is read back."""
    assert tuple(tags) == parse_etag_list(", ".join(tag.format() for tag in tags))
