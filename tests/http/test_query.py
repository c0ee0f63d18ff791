"""Tests of query strings and urlencoded forms."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import BadRequest, ContentTooLarge
from costrel.http.multidict import MultiDict
from costrel.http.query import format_query, parse_form_urlencoded, parse_nested, parse_query_string


def form(body: bytes, *, max_fields: int = 1000, max_field_bytes: int = 262_144, max_memory_bytes: int = 1_048_576):
    return parse_form_urlencoded(
        body, max_fields=max_fields, max_field_bytes=max_field_bytes, max_memory_bytes=max_memory_bytes
    )


@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"a=1&b=2", [("a", "1"), ("b", "2")], id="two-fields"),
        pytest.param(b"a=1&a=2", [("a", "1"), ("a", "2")], id="the-same-name-twice", marks=pytest.mark.security("C6")),
        pytest.param(b"a", [("a", "")], id="no-equals-sign"),
        pytest.param(b"a=b=c", [("a", "b=c")], id="only-the-first-equals-sign-separates"),
        pytest.param(b"=x", [("", "x")], id="an-empty-name-is-a-name"),
        pytest.param(b"&&a=1&", [("a", "1")], id="empty-fields-are-left-out"),
        pytest.param(
            b"role=user&x=;role=admin",
            [("role", "user"), ("x", ";role=admin")],
            id="a-semicolon-does-not-separate",
            marks=pytest.mark.security("C3"),
        ),
        pytest.param(b"q=a+b%20c", [("q", "a b c")], id="spaces"),
        pytest.param(b"%26=%3D", [("&", "=")], id="separated-before-decoded"),
        pytest.param(b"a=%zz%ff", [("a", "%zz\ufffd")], id="broken-escapes", marks=pytest.mark.security("C4")),
        pytest.param(
            b"__proto__=1&__class__=2",
            [("__proto__", "1"), ("__class__", "2")],
            id="names-are-plain-data",
            marks=pytest.mark.security("C5"),
        ),
    ],
)
def test_parse_query_string(query_string: bytes, expected: list[tuple[str, str]]) -> None:
    """Fields are separated by `&`, then names from values by the first `=`, then both are decoded."""
    assert expected == list(parse_query_string(query_string).items(multi=True))
    assert expected == list(form(query_string).items(multi=True))


@pytest.mark.security("C1")
@pytest.mark.security("C33")
@pytest.mark.parametrize(("count", "accepted"), [(9, True), (10, True), (11, False)])
def test_query_field_limit(count: int, accepted: bool) -> None:
    """A query of `max_fields` fields is read, one more is a 400, and empty fields do not count."""
    query_string = b"&".join([b"a=1"] * count) + b"&&"
    if accepted:
        assert count == len(parse_query_string(query_string, max_fields=10).getlist("a"))
        return
    with pytest.raises(BadRequest) as caught:
        parse_query_string(query_string, max_fields=10)

    assert "The query has more than 10 fields." == caught.value.detail


def test_query_source() -> None:
    """The source of a missing key can be named."""
    assert ("query", "cookies") == (parse_query_string(b"").source, parse_query_string(b"a", source="cookies").source)


@pytest.mark.security("C2")
@pytest.mark.parametrize(
    ("body", "limits", "detail"),
    [
        pytest.param(b"a&b", {"max_fields": 2}, None, id="as-many-fields-as-allowed"),
        pytest.param(b"a&b&c", {"max_fields": 2}, "The form has more than 2 fields.", id="one-field-too-many"),
        pytest.param(b"a=1234", {"max_memory_bytes": 6}, None, id="as-large-as-allowed"),
        pytest.param(b"a=12345", {"max_memory_bytes": 6}, "The form is larger than 6 bytes.", id="one-byte-too-many"),
        pytest.param(b"a=1234", {"max_field_bytes": 4}, None, id="value-as-long-as-allowed"),
        pytest.param(
            b"a=12345", {"max_field_bytes": 4}, "A field of the form is larger than 4 bytes.", id="value-one-byte-more"
        ),
        pytest.param(b"1234=x", {"max_field_bytes": 4}, None, id="name-as-long-as-allowed"),
        pytest.param(
            b"12345=x", {"max_field_bytes": 4}, "A field of the form is larger than 4 bytes.", id="name-one-byte-more"
        ),
        pytest.param(b"a=%41%42%43%44", {"max_field_bytes": 4}, None, id="escapes-count-decoded"),
        pytest.param(
            b"a=%41%42%%4",
            {"max_field_bytes": 4},
            "A field of the form is larger than 4 bytes.",
            id="broken-escapes-count",
        ),
    ],
)
def test_form_limits(body: bytes, limits: dict[str, int], detail: str | None) -> None:
    """Each limit of a form is exact, and past it the answer is 413."""
    if detail is None:
        assert form(body, **limits)
        return
    with pytest.raises(ContentTooLarge) as caught:
        form(body, **limits)

    assert detail == caught.value.detail


def test_form_source() -> None:
    """A missing key of a form names the form."""
    assert "form" == form(b"a=1").source


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"a": 1, "b": 1.5}, "a=1&b=1.5", id="numbers"),
        pytest.param({"a": True, "b": False}, "a=true&b=false", id="booleans"),
        pytest.param({"a": None, "b": ""}, "b=", id="none-is-left-out-and-empty-is-not"),
        pytest.param({"a": ["x", None, "y"], "b": ("z",), "c": []}, "a=x&a=y&b=z", id="lists-repeat-the-name"),
        pytest.param([("a", "1"), ("a", "2")], "a=1&a=2", id="pairs"),
        pytest.param(MultiDict([("a", "1"), ("a", "2")]), "a=1&a=2", id="all-of-a-multi-dict"),
        pytest.param({"ä b": "&=+#"}, "%C3%A4%20b=%26%3D%2B%23", id="encoded"),
        pytest.param({"a": "é".encode()}, "a=%C3%A9", id="bytes-are-utf-8"),
    ],
)
def test_format_query(fields, expected: str) -> None:
    """Names and values become a query by a few plain rules."""
    assert expected == format_query(fields)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=200)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_round_trip(pairs: list[tuple[str, str]]) -> None:
    """Parsing gives back the pairs that were formatted."""
    assert pairs == list(parse_query_string(format_query(pairs).encode()).items(multi=True))


def nested(query_string: bytes, **limits: int):
    return parse_nested(parse_query_string(query_string, max_fields=10_000), **limits)


@pytest.mark.capability("X09")
@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b"a=1", {"a": "1"}, id="a-plain-value"),
        pytest.param(b"a=1&a=2", {"a": ["1", "2"]}, id="a-repeated-name-is-a-list"),
        pytest.param(b"a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}, id="a-mapping"),
        pytest.param(b"a[b][c]=1", {"a": {"b": {"c": "1"}}}, id="a-mapping-in-a-mapping"),
        pytest.param(b"a[b]=1&a[b]=2", {"a": {"b": ["1", "2"]}}, id="a-repeated-name-in-a-mapping"),
        pytest.param(b"a[]=1", {"a": ["1"]}, id="an-appended-item"),
        pytest.param(b"a[]=1&a[]=2", {"a": ["1", "2"]}, id="appended-items"),
        pytest.param(b"a[b][]=1", {"a": {"b": ["1"]}}, id="an-appended-item-in-a-mapping"),
        pytest.param(b"a[1]=y&a[0]=x", {"a": ["x", "y"]}, id="positions-give-the-order"),
        pytest.param(b"a[7]=y&a[3]=x", {"a": ["x", "y"]}, id="gaps-close"),
        pytest.param(b"a[00]=x&a[0]=y", {"a": [["x", "y"]]}, id="zeros-in-front-do-not-matter"),
        pytest.param(b"a[0][n]=x&a[1][n]=y", {"a": [{"n": "x"}, {"n": "y"}]}, id="a-list-of-mappings"),
        pytest.param(b"a[b=1", {"a[b": "1"}, id="an-open-bracket-is-a-name"),
        pytest.param(b"a]b=1", {"a]b": "1"}, id="a-closing-bracket-is-a-name"),
        pytest.param(b"a][b]=1", {"a][b]": "1"}, id="a-closing-bracket-first-is-a-name"),
        pytest.param(b"[a]=1", {"[a]": "1"}, id="brackets-alone-are-a-name"),
        pytest.param(b"a[b]c=1", {"a[b]c": "1"}, id="text-after-brackets-is-a-name"),
        pytest.param(b"a[b[c]]=1", {"a[b[c]]": "1"}, id="brackets-in-brackets-are-a-name"),
        pytest.param("a[²]=1".encode(), {"a": {"²": "1"}}, id="only-ascii-digits-are-positions"),
        pytest.param(
            b"__class__[__init__]=1",
            {"__class__": {"__init__": "1"}},
            id="names-are-plain-data",
            marks=pytest.mark.security("C5"),
        ),
    ],
)
def test_parse_nested(query_string: bytes, expected: object) -> None:
    """Brackets nest; what is not of their form is a plain name."""
    assert expected == nested(query_string)


MIXED = "A field is used as a value, a list or a mapping, and as another of them."


@pytest.mark.security("C5")
@pytest.mark.parametrize(
    ("query_string", "limits", "detail"),
    [
        pytest.param(b"a[b][c]=1", {"max_depth": 2}, None, id="as-deep-as-allowed"),
        pytest.param(
            b"a[b][c]=1", {"max_depth": 1}, "A name of a field has more than 1 pairs of brackets.", id="one-too-deep"
        ),
        pytest.param(
            b"a" + b"[x]" * 5000, {}, "A name of a field is longer than 1024 bytes.", id="five-thousand-brackets"
        ),
        pytest.param(b"abcd=1", {"max_key_bytes": 4}, None, id="name-as-long-as-allowed"),
        pytest.param(
            b"abc%C3%A9=1",
            {"max_key_bytes": 4},
            "A name of a field is longer than 4 bytes.",
            id="name-one-byte-too-long",
        ),
        pytest.param(b"a[]&a[]", {"max_items": 2}, None, id="as-many-appended-as-allowed"),
        pytest.param(b"a[]&a[]&a[]", {"max_items": 2}, "A field has more than 2 items.", id="one-appended-too-many"),
        pytest.param(b"a&a", {"max_items": 2}, None, id="as-many-repeated-as-allowed"),
        pytest.param(b"a&a&a", {"max_items": 2}, "A field has more than 2 items.", id="one-repeated-too-many"),
        pytest.param(b"a[x]&a[y]", {"max_items": 2}, None, id="as-many-names-as-allowed"),
        pytest.param(b"a[x]&a[y]&a[z]", {"max_items": 2}, "A field has more than 2 items.", id="one-name-too-many"),
        pytest.param(b"a&b&c", {"max_items": 2}, None, id="outermost-names-are-not-counted"),
        pytest.param(b"a[1]", {"max_items": 2}, None, id="the-last-position"),
        pytest.param(
            b"a[2]", {"max_items": 2}, "A position in a name of a field is not below 2.", id="a-position-too-far"
        ),
        pytest.param(
            b"a[999999999]=1", {}, "A position in a name of a field is not below 20.", id="a-position-far-too-far"
        ),
        pytest.param(
            b"a[" + b"9" * 5000 + b"]=1",
            {"max_key_bytes": 9999},
            "A position in a name of a field is not below 20.",
            id="a-position-of-5000-digits",
        ),
        pytest.param(b"a=1&a[b]=2", {}, MIXED, id="value-then-mapping"),
        pytest.param(b"a[b]=2&a=1", {}, MIXED, id="mapping-then-value"),
        pytest.param(b"a[]=2&a[b]=1", {}, MIXED, id="list-then-mapping"),
        pytest.param(b"a[0]=2&a[]=1", {}, MIXED, id="positions-then-appended"),
        pytest.param(
            b"a[][b]=1",
            {},
            "`[]` in a name of a field may only be its end; number the items instead.",
            id="appended-in-the-middle",
        ),
    ],
)
def test_nested_limits(query_string: bytes, limits: dict[str, int], detail: str | None) -> None:
    """Depth, length and number are limited exactly, and a place is of one kind."""
    if detail is None:
        assert nested(query_string, **limits)
        return
    with pytest.raises(BadRequest) as caught:
        nested(query_string, **limits)

    assert detail == caught.value.detail
