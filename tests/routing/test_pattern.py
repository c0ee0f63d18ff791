"""Patterns as values: specificity, building paths, prefixes, implied converters."""

from __future__ import annotations

import pytest

from costrel.errors import ConfigurationError
from costrel.routing.pattern import MissingValue
from costrel.routing.pattern_parser import parse_pattern


def test_a_pattern_names_its_parameters_and_converters() -> None:
    """Parameters stand in the order in which they are written."""
    pattern = parse_pattern("/{b}/x/<int:a>")

    assert ("b", "a") == pattern.parameters
    assert ["StrConverter", "IntConverter"] == [type(c).__name__ for c in pattern.converters.values()]
    assert "/{b}/x/{a}" == pattern.template


def test_equal_patterns_are_equal() -> None:
    """Two patterns of the same text and converters are one value, wherever they were written."""

    assert parse_pattern("/a/{id:int}", where="a.py:1") == parse_pattern("/a/{id:int}", where="b.py:2")
    assert hash(parse_pattern("/a/{id:int}")) == hash(parse_pattern("/a/{id:int}"))
    assert parse_pattern("/a/{id:int}") != parse_pattern("/a/{id}")


@pytest.mark.capability("C005")
def test_specificity_orders_patterns() -> None:
    """Patterns are compared segment by segment, from left to right."""
    texts = [
        "/users/me", "/users/v{n}", "/users/{id:int}", "/users/{id}", "/users/{p:path}/a/b", "/users/{p:path}/a",
        "/users/{p:path}", "/{x}/me", "/{p:path}",
    ]  # fmt: skip
    shuffled = texts[::-1]

    assert texts == sorted(shuffled, key=lambda text: parse_pattern(text).specificity)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/", "/", id="the-root"),
        pytest.param("/a/b", "/a/b", id="literals"),
        pytest.param("/a/", "/a/", id="a-slash-at-the-end"),
        pytest.param("/a/{b}", None, id="a-parameter"),
    ],
)
def test_a_pattern_without_parameters_has_one_path(text: str, expected: str | None) -> None:
    """The literal path is the one that is looked up in a dict."""

    assert expected == parse_pattern(text).literal_path


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        pytest.param("/", {}, ("/", {}), id="the-root"),
        pytest.param("/a/", {"q": 1}, ("/a/", {"q": 1}), id="a-slash-at-the-end-and-leftover"),
        pytest.param("/u/{id:int}", {"id": 3}, ("/u/3", {}), id="a-parameter"),
        pytest.param("/u/{id:int?}", {"id": 3}, ("/u/3", {}), id="an-optional-one-given"),
        pytest.param("/u/{id:int?}", {"x": 3}, ("/u", {"x": 3}), id="an-optional-one-not-given"),
        pytest.param("/{id?}", {}, ("/", {}), id="an-optional-one-at-the-root"),
        pytest.param("/f/{p:path}/e", {"p": "a/b"}, ("/f/a/b/e", {}), id="a-path-in-the-middle"),
    ],
)
def test_a_path_is_built_from_values(
    text: str, values: dict[str, object], expected: tuple[str, dict[str, object]]
) -> None:
    """What the pattern does not use is handed back."""

    assert expected == parse_pattern(text).format(values)


def test_a_missing_value_is_named() -> None:
    """The error says which value, as a `KeyError`."""
    with pytest.raises(MissingValue) as caught:
        parse_pattern("/{a}/{b}").format({"a": 1})

    assert ("b",) == caught.value.args


def test_a_path_never_leads_to_another_host() -> None:
    """A path that begins with two slashes is the address of a host to a browser."""
    with pytest.raises(ValueError) as caught:
        parse_pattern("/{p:path(leading_slash=true)}").format({"p": "/evil.example"})

    assert "`p` cannot be '/evil.example': `//evil.example` would lead to another host" == str(caught.value)


@pytest.mark.capability("X01")
def test_an_optional_segment_makes_two_patterns() -> None:
    """One with the segment and one without, both with the text as written."""
    longer, shorter = parse_pattern("/a/{b?}").expand()

    assert (("b",), ()) == (longer.parameters, shorter.parameters)
    assert {"/a/{b?}"} == {longer.text, shorter.text}
    assert (parse_pattern("/a"),) == parse_pattern("/a").expand()


@pytest.mark.parametrize(
    ("prefix", "text", "expected"),
    [
        pytest.param("/api", "/users", "/api/users", id="plain"),
        pytest.param("/api/", "/users", "/api/users", id="a-slash-at-the-end-of-the-prefix"),
        pytest.param("/api", "/", "/api/", id="the-root-within-the-prefix"),
        pytest.param("/", "/users", "/users", id="the-root-as-prefix"),
        pytest.param("/{lang:any(en,de)}", "/<int:id>/", "/{lang:any(en,de)}/<int:id>/", id="parameters-in-both"),
        pytest.param("/api", "/a/{b?}", "/api/a/{b?}", id="an-optional-segment"),
    ],
)
def test_a_prefix_is_put_before_a_pattern(prefix: str, text: str, expected: str) -> None:
    """The joined pattern is the one that parsing the joined text gives."""
    joined = parse_pattern(text).with_prefix(parse_pattern(prefix))

    assert parse_pattern(expected) == joined


@pytest.mark.parametrize(
    ("prefix", "text", "code"),
    [
        pytest.param("/{id}", "/{id}", "COS-ROUTE-004", id="a-name-in-both"),
        pytest.param("/{a:path}", "/{b:path}", "COS-ROUTE-011", id="two-paths"),
        pytest.param("/{a?}", "/b", "COS-ROUTE-012", id="an-optional-prefix"),
    ],
)
def test_a_prefix_that_does_not_fit_is_refused(prefix: str, text: str, code: str) -> None:
    """The mistake names the place of the pattern, not that of the prefix."""
    with pytest.raises(ConfigurationError) as caught:
        parse_pattern(text, where="here.py:1").with_prefix(parse_pattern(prefix))

    assert (code, "here.py:1") == (caught.value.code, caught.value.mistake.where)


def test_annotations_give_converters_where_none_is_written() -> None:
    """A converter in the pattern wins over an annotation; the text stays."""
    pattern = parse_pattern("/{a}/{b:str}/{c}").with_converters({"a": "int", "b": "int", "other": "int"})

    assert ["IntConverter", "StrConverter", "StrConverter"] == [type(c).__name__ for c in pattern.converters.values()]
    assert "/{a}/{b:str}/{c}" == pattern.text


def test_a_converter_that_spans_is_checked_again() -> None:
    """An implied converter obeys the rules of a written one."""
    with pytest.raises(ConfigurationError) as caught:
        parse_pattern("/x{a}").with_converters({"a": "path"})

    assert "COS-ROUTE-011" == caught.value.code


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("/a/{b}", "/a/{c}", True, id="same-shape"),
        pytest.param("/a/{b}", "/c/{b}", False, id="other-literals"),
        pytest.param("/a", "/a/{b}", False, id="other-lengths"),
        pytest.param("/a/{p:path}", "/a/b/c", True, id="a-path-and-literals"),
        pytest.param("/a/{p:path}", "/b/c", False, id="a-path-after-another-literal"),
        pytest.param("/a/{p:path}/x", "/a/b/y", False, id="a-path-before-another-literal"),
        pytest.param("/a/{p:path}/x", "/a/x", False, id="too-short-for-a-path"),
        pytest.param("/a/{p:path}/x", "/{p:path}", True, id="two-paths"),
        pytest.param("/{p:path}/x", "/{p:path}/y", False, id="two-paths-with-other-ends"),
    ],
)
def test_patterns_overlap_when_some_path_may_be_both(left: str, right: str, expected: bool) -> None:
    """Overlap is denied only when it is certain."""

    assert expected == parse_pattern(left).may_overlap(parse_pattern(right))
    assert expected == parse_pattern(right).may_overlap(parse_pattern(left))
