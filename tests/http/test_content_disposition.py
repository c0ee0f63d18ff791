"""Tests of Content-Disposition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.content_disposition import format_content_disposition, parse_content_disposition


@pytest.mark.capability("X16")
@pytest.mark.security("B23")
@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        pytest.param(None, "attachment", id="no-name"),
        pytest.param("", "attachment", id="empty-name"),
        pytest.param("report 1.pdf", 'attachment; filename="report 1.pdf"', id="plain"),
        pytest.param("é.pdf", "attachment; filename=\"e.pdf\"; filename*=UTF-8''%C3%A9.pdf", id="accent"),
        pytest.param(
            "日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt", id="kanji"
        ),
        pytest.param('a".txt', 'attachment; filename="a\\".txt"; filename*=UTF-8\'\'a%22.txt', id="quote"),
        pytest.param("a\\b", "attachment; filename=\"a\\\\b\"; filename*=UTF-8''a%5Cb", id="backslash"),
        pytest.param("100%.txt", "attachment; filename=\"100%.txt\"; filename*=UTF-8''100%25.txt", id="percent"),
        pytest.param("a;b=c.txt", 'attachment; filename="a;b=c.txt"', id="semicolon-in-quotes"),
    ],
)
def test_format(filename: str | None, expected: str) -> None:
    """A name is written in quoted ASCII, and in the form of RFC 8187 where that differs or is doubtful."""
    assert expected == format_content_disposition("attachment", filename)


def test_format_inline() -> None:
    """Inline content can have a name too."""
    assert 'inline; filename="a"' == format_content_disposition("inline", "a")


@pytest.mark.security("B23")
@pytest.mark.parametrize("filename", ['a"\r\nX: y.txt', "a\nb", "a\rb", "a\0b", "a\tb", "\x7f"])
def test_format_refuses_control_characters(filename: str) -> None:
    """A name cannot begin a field of its own."""
    with pytest.raises(ValueError) as caught:
        format_content_disposition("attachment", filename)

    assert f"A file name has no control characters: {filename!r}." == str(caught.value)


def test_format_refuses_lone_surrogates() -> None:
    """A name that has no encoding is refused."""
    with pytest.raises(ValueError) as caught:
        format_content_disposition("attachment", "\ud800")

    assert "A file name has no lone surrogates: '\\ud800'." == str(caught.value)


def test_format_refuses_other_dispositions() -> None:
    """There are two dispositions for a response."""
    with pytest.raises(ValueError) as caught:
        format_content_disposition("form-data", "a")

    assert "A disposition is `attachment` or `inline`, not 'form-data'." == str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("inline", ("inline", {}), id="alone"),
        pytest.param(" Attachment ;", ("attachment", {}), id="case-spaces-and-final-semicolon"),
        pytest.param('form-data; name="a"; filename="b"', ("form-data", {"name": "a", "filename": "b"}), id="form"),
        pytest.param("form-data;NAME = a", ("form-data", {"name": "a"}), id="a-token-and-spaces"),
        pytest.param('form-data; name=""', ("form-data", {"name": ""}), id="an-empty-value"),
        pytest.param('form-data; name="a;b=\\"c\\""', ("form-data", {"name": 'a;b="c"'}), id="quoted-semicolon"),
        pytest.param('f; filename="C:\\x\\y.exe"', ("f", {"filename": "C:\\x\\y.exe"}), id="a-path-of-windows"),
        pytest.param('f; filename="a\\\\b"', ("f", {"filename": "a\\b"}), id="an-escaped-backslash"),
        pytest.param('f; name="é"', ("f", {"name": "é"}), id="not-ascii"),
        pytest.param("f;;; name=a;;", ("f", {"name": "a"}), id="empty-parameters"),
        pytest.param("a; filename*=UTF-8''%C3%A9.pdf", ("a", {"filename": "é.pdf"}), id="extended-only"),
        pytest.param("a; filename*=utf-8'en'b", ("a", {"filename": "b"}), id="extended-with-language"),
        pytest.param(
            "f; filename=\"safe.txt\"; filename*=UTF-8''evil.php",
            ("f", {"filename": "safe.txt"}),
            id="plain-wins",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param(
            "f; filename*=UTF-8''evil.php; filename=\"safe.txt\"",
            ("f", {"filename": "safe.txt"}),
            id="plain-wins-in-any-order",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param(
            "f; name*=UTF-8''b; filename*0=x; filename*1=y",
            ("f", {"name*": "UTF-8''b", "filename*0": "x", "filename*1": "y"}),
            id="other-stars-mean-nothing",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param("f; filename*=UTF-8''%zz%ff", ("f", {}), id="broken-escapes", marks=pytest.mark.security("C16")),
        pytest.param("f; filename*=UTF-8''%ff", ("f", {}), id="no-utf-8", marks=pytest.mark.security("C16")),
        pytest.param("f; filename*=nope''x", ("f", {}), id="another-charset", marks=pytest.mark.security("C16")),
        pytest.param("f; filename*=x", ("f", {}), id="no-charset", marks=pytest.mark.security("C16")),
        pytest.param(
            "f; filename*=UTF-8''a%0d%0ab", ("f", {}), id="escaped-line-break", marks=pytest.mark.security("C16")
        ),
    ],
)
def test_parse(value: str, expected: tuple[str, dict[str, str]]) -> None:
    """Names and values are read by one grammar, and `filename` is preferred to `filename*`."""
    assert expected == parse_content_disposition(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("", "Content-Disposition does not begin with a disposition.", id="empty"),
        pytest.param("; name=a", "Content-Disposition does not begin with a disposition.", id="no-disposition"),
        pytest.param("f name=a", "Content-Disposition has something that is not a parameter.", id="no-semicolon"),
        pytest.param("f; name", "Content-Disposition has something that is not a parameter.", id="no-value"),
        pytest.param('f; name="a', "Content-Disposition has something that is not a parameter.", id="open-quote"),
        pytest.param('f; name="a"b', "Content-Disposition has something that is not a parameter.", id="text-after"),
        pytest.param("f; a=1; A=2", "Content-Disposition has two parameters named `a`.", id="twice"),
        pytest.param('f; a="\r\n"', "Content-Disposition has a control character.", id="line-break"),
        pytest.param('f; a="\0"', "Content-Disposition has a control character.", id="nul"),
    ],
)
def test_parse_refuses(value: str, message: str) -> None:
    """What two readers could read in two ways is refused."""
    with pytest.raises(ValueError) as caught:
        parse_content_disposition(value)

    assert message == str(caught.value)


@pytest.mark.parametrize(("count", "accepted"), [(15, True), (16, True), (17, False)])
def test_parameter_limit(count: int, accepted: bool) -> None:
    """Sixteen parameters are read, and not one more."""
    value = "f" + "".join(f"; p{number}=x" for number in range(count))
    if accepted:
        assert count == len(parse_content_disposition(value)[1])
        return
    with pytest.raises(ValueError) as caught:
        parse_content_disposition(value)

    assert "Content-Disposition has more than 16 parameters." == str(caught.value)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_extended_names_come_back(filename: str) -> None:
    """Whoever reads the extended form gets the very name that was written; the field itself is ASCII."""
    written = format_content_disposition("attachment", filename)
    only_extended = "attachment" + written[written.rindex("; filename") :]

    assert written.isascii()
    assert ("attachment", {"filename": filename}) == parse_content_disposition(only_extended)


@settings(max_examples=200)
@given(st.text("a;=\"\\*'% \t\r\0é,", max_size=20))
def test_nothing_but_value_errors(rest: str) -> None:
    """Whatever is sent, the parser returns or raises `ValueError`."""
    try:
        disposition, _ = parse_content_disposition("f;" + rest)
    except ValueError:
        return

    assert "f" == disposition
