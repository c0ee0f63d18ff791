"""Comparing texts and HTML: what is no difference, and which lines are shown."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from costrel.cli.doctor_difference import Ignored
from costrel.cli.doctor_text import MAX_COMPARED_LINES, MAX_SHOWN_LINES, compare_texts, html_lines, text_lines


def shown(old: list[str], new: list[str], *ignored: str) -> tuple[tuple[str, ...], int]:
    """Return the lines that differ, and how many more."""
    (found,) = compare_texts(old, new, Ignored(ignored))
    return found.lines, found.more


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("<p class=a id='b'>x</p>", '<P id="b"\n class="a">x</P>', id="attributes-and-case"),
        pytest.param("<p>one two</p>", "\n<p>\n  one\n  two </p>\n", id="white-space"),
        pytest.param("<br>", "<br/>", id="an-empty-element"),
        pytest.param("<p>a &amp; b&#33;</p>", "<p>a &#38; b!</p>", id="character-references"),
        pytest.param("<!DOCTYPE html><p>", "<!doctype  HTML><p>", id="the-type-of-the-document"),
        pytest.param("<p>a</p><!-- 17:00 -->", "<p>a</p><!-- 18:00 -->", id="comments"),
        pytest.param(
            '<input type="hidden" name="csrf_token" value="a">',
            '<input name="csrf_token" value="b" type="hidden">',
            id="flask-wtf",
        ),
        pytest.param(
            '<input name="csrfmiddlewaretoken" value="a">', "<input name=csrfmiddlewaretoken value=b>", id="django"
        ),
        pytest.param('<meta name="csrf-token" content="a">', '<meta name="csrf-token" content="b">', id="meta"),
        pytest.param('<script nonce="a">x()</script>', '<script nonce="b">x()</script>', id="nonces"),
    ],
)
def test_html_that_means_the_same_is_no_difference(old: str, new: str) -> None:
    """However it is written, and whatever is drawn anew for each answer."""

    assert html_lines(old) == html_lines(new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("<h1>Hello</h1>", "<h1>Hallo</h1>", ("- Hello", "+ Hallo"), id="a-text"),
        pytest.param("<p><b>x</b>", "<p>x", ("- <b>", "- </b>"), id="an-element"),
        pytest.param('<a href="/a">', '<a href="/b">', ('- <a href="/a">', '+ <a href="/b">'), id="an-attribute"),
        pytest.param("<input disabled>", "<input>", ("- <input disabled>", "+ <input>"), id="a-bare-attribute"),
        pytest.param("<pre>a\nb</pre>", "<pre>a\nc</pre>", ("- b", "+ c"), id="a-line-where-lines-mean-something"),
    ],
)
def test_a_difference_of_html_is_shown_by_its_lines(old: str, new: str, expected: tuple[str, ...]) -> None:
    """One tag or one text a line."""

    assert (expected, 0) == shown(html_lines(old), html_lines(new))


def test_a_value_of_a_secret_field_is_not_shown() -> None:
    """Whoever compares pages of a login gets no password to see."""
    lines = html_lines('<input name="password" value="hunter2"><input id="api_key" value="x1">')

    assert "hunter2" not in str(lines)
    assert "x1" not in str(lines)


def test_a_text_is_compared_by_its_lines() -> None:
    """White space at the ends of lines and empty lines are none."""

    assert text_lines("a  b \r\n\n c\n") == ["a b", "c"]
    assert [] == compare_texts(text_lines("a b\nc"), text_lines("a  b\r\n\r\nc "), Ignored())


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_so_many_lines_are_shown(extra: int) -> None:
    """The rest is counted."""
    count = MAX_SHOWN_LINES + extra
    lines, more = shown(["same"], ["same", *(f"line {number}" for number in range(count))])

    assert min(count, MAX_SHOWN_LINES) == len(lines)
    assert max(extra, 0) == more


def test_lines_that_do_not_count_are_left_out() -> None:
    """The time that a page says it took, for example."""
    old, new = ["a", "Rendered in 3 ms"], ["b", "Rendered in 4 ms"]

    assert (("- a", "+ b"), 0) == shown(old, new, "rendered in *")


@pytest.mark.parametrize("at", [0, MAX_COMPARED_LINES, None])
def test_of_very_long_texts_the_first_difference_is_shown(at: int | None) -> None:
    """So that comparing takes no minutes."""
    old = [f"line {number}" for number in range(MAX_COMPARED_LINES + 1)]
    new = [*old, "more"] if at is None else [*old[:at], "other", *old[at + 1 :]]

    assert (("+ more",) if at is None else (f"- line {at}", "+ other"), 0) == shown(old, new)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_a_difference_is_found_exactly_when_there_is_one(old: list[str], new: list[str]) -> None:
    """Nothing is lost by showing a part."""

    assert (old != new) == bool(compare_texts(old, new, Ignored()))


@given(st.text(max_size=200) | st.text(alphabet="<![]-x a=\"'>/&;", max_size=40))
def test_no_document_breaks_the_reader(text: str) -> None:
    """HTML of the web is seldom well formed."""

    assert all(isinstance(line, str) for line in html_lines(text))


def test_what_cannot_be_read_as_html_is_a_text() -> None:
    """It is compared all the same."""

    assert ["<![x[a b]]>"] == html_lines("<![x[a  b]]>")
