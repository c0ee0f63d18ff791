"""The notation of patterns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import ConfigurationError
from costrel.routing.conversion import Converter
from costrel.routing.pattern_parser import parse_pattern


@pytest.mark.parametrize(
    ("text", "parameters", "converters"),
    [
        pytest.param("/", (), [], id="the-root"),
        pytest.param("/a b/é", (), [], id="decoded-text"),
        pytest.param("/100%/a:b", (), [], id="signs-that-are-only-signs"),
        pytest.param("/{name}", ("name",), ["StrConverter"], id="a-name"),
        pytest.param("/{name:int}", ("name",), ["IntConverter"], id="a-converter"),
        pytest.param("/{name:int(min=1, max=9)}", ("name",), ["IntConverter"], id="arguments"),
        pytest.param("/{name:any(a,b)}", ("name",), ["AnyConverter"], id="words"),
        pytest.param("/{name:regex([a-z]{3})}", ("name",), ["RegexConverter"], id="an-expression-with-braces"),
        pytest.param('/{name:regex("[^/]{1,3}")}', ("name",), ["RegexConverter"], id="an-expression-with-a-slash"),
        pytest.param("/<name>", ("name",), ["StrConverter"], id="angle-brackets"),
        pytest.param("/<int:name>", ("name",), ["IntConverter"], id="angle-brackets-with-a-converter"),
        pytest.param("/<int(min=1):name>", ("name",), ["IntConverter"], id="angle-brackets-with-arguments"),
        pytest.param("/<string(length=2):name>", ("name",), ["StrConverter"], id="string-as-in-flask"),
        pytest.param("/<regex('[<>]+'):name>", ("name",), ["RegexConverter"], id="an-expression-with-angle-brackets"),
        pytest.param("/{a}-{b}.{ext}", ("a", "b", "ext"), ["StrConverter"] * 3, id="several-in-one-segment"),
        pytest.param("/items/{id}:cancel", ("id",), ["StrConverter"], id="a-colon-within-a-segment"),
        pytest.param("/f/{p:path}/edit", ("p",), ["PathConverter"], id="a-path-in-the-middle"),
    ],
)
def test_both_notations_are_read(text: str, parameters: tuple[str, ...], converters: list[str]) -> None:
    """Braces and angle brackets mean the same."""
    pattern = parse_pattern(text)

    assert text == pattern.text
    assert parameters == pattern.parameters
    assert converters == [type(converter).__name__ for converter in pattern.converters.values()]


@pytest.mark.capability("X01")
@pytest.mark.parametrize("text", ["/a/{b?}", "/a/{b:int?}", "/a/<b?>", "/a/<int:b?>", "/a/{b:int(min=1)?}", "/a/{b?}/"])
def test_the_last_segment_may_be_optional(text: str) -> None:
    """A question mark in the brackets makes the last segment optional."""
    pattern = parse_pattern(text)

    assert pattern.is_optional
    assert text.endswith("/") == pattern.has_trailing_slash


def test_the_slash_at_the_end_is_kept() -> None:
    """The canonical form is the one that is written; the root has none to spare."""

    assert parse_pattern("/a/").has_trailing_slash
    assert not parse_pattern("/a").has_trailing_slash
    assert not parse_pattern("/").has_trailing_slash


@pytest.mark.capability("C003")
def test_converters_of_the_application_are_used() -> None:
    """A pattern is parsed with the converters it is given, and only those."""

    class Hex(Converter):
        pass

    assert isinstance(parse_pattern("/{x:hex}", {"hex": Hex}).converters["x"], Hex)
    with pytest.raises(ConfigurationError):
        parse_pattern("/{x:int}", {"hex": Hex})


@pytest.mark.parametrize(
    ("text", "code", "what"),
    [
        pytest.param("", "COS-ROUTE-001", "The pattern `` does not begin with `/`.", id="nothing"),
        pytest.param("a", "COS-ROUTE-001", "The pattern `a` does not begin with `/`.", id="no-slash"),
        pytest.param("/{a", "COS-ROUTE-002", "The pattern `/{a` has an unbalanced bracket at position 1.", id="open"),
        pytest.param("/a}", "COS-ROUTE-002", "The pattern `/a}` has an unbalanced bracket at position 2.", id="closed"),
        pytest.param("/>", "COS-ROUTE-002", "The pattern `/>` has an unbalanced bracket at position 1.", id="closed-<"),
        pytest.param(
            "/{a/b}", "COS-ROUTE-002", "The pattern `/{a/b}` has an unbalanced bracket at position 1.", id="a-slash"
        ),
        pytest.param(
            "/<int:a}", "COS-ROUTE-002", "The pattern `/<int:a}` has an unbalanced bracket at position 1.", id="mixed"
        ),
        pytest.param(
            "/<int()a>", "COS-ROUTE-002", "The pattern `/<int()a>` has an unbalanced bracket at position 1.", id="no-:"
        ),
        pytest.param(
            "/{a:int(}",
            "COS-ROUTE-002",
            "The pattern `/{a:int(}` has an unbalanced bracket at position 7.",
            id="open-(",
        ),
        pytest.param("/{}", "COS-ROUTE-003", "The pattern `/{}` has a parameter with the name ``.", id="no-name"),
        pytest.param("/{1a}", "COS-ROUTE-003", "The pattern `/{1a}` has a parameter with the name `1a`.", id="a-digit"),
        pytest.param("/{if}", "COS-ROUTE-003", "The pattern `/{if}` has a parameter with the name `if`.", id="keyword"),
        pytest.param(
            "/{a}/{a}", "COS-ROUTE-004", "The pattern `/{a}/{a}` has two parameters with the name `a`.", id="twice"
        ),
        pytest.param(
            "/{a:itn}",
            "COS-ROUTE-005",
            "The pattern `/{a:itn}` names the converter `itn`, which does not exist.",
            id="an-unknown-converter",
        ),
        pytest.param(
            r"/{a:\d+}",
            "COS-ROUTE-005",
            "The pattern `/{a:\\d+}` names the converter `\\d+`, which does not exist.",
            id="an-expression-without-regex",
        ),
        pytest.param(
            "/{a:int(x=1)}",
            "COS-ROUTE-006",
            "The pattern `/{a:int(x=1)}` gives `int` arguments that it does not take: "
            "got an unexpected keyword argument 'x'.",
            id="an-unknown-argument",
        ),
        pytest.param(
            "/{a:regex((a+)+)}",
            "COS-ROUTE-007",
            "The regular expression `(a+)+` in the pattern `/{a:regex((a+)+)}` is refused: some text can be read in "
            "too many ways, so that a long one would take very long to refuse.",
            id="a-catastrophic-expression",
        ),
        pytest.param("/:id/x", "COS-ROUTE-008", "The pattern `/:id/x` contains `:id`.", id="express"),
        pytest.param("/a/*", "COS-ROUTE-008", "The pattern `/a/*` contains `*`.", id="a-star"),
        pytest.param("/a//b", "COS-ROUTE-009", "The pattern `/a//b` contains `//`, which no path can match.", id="//"),
        pytest.param("//", "COS-ROUTE-009", "The pattern `//` contains `//`, which no path can match.", id="only-//"),
        pytest.param("/a?b", "COS-ROUTE-009", "The pattern `/a?b` contains `?`, which no path can match.", id="query"),
        pytest.param("/a#b", "COS-ROUTE-009", "The pattern `/a#b` contains `#`, which no path can match.", id="#"),
        pytest.param("/%41", "COS-ROUTE-009", "The pattern `/%41` contains `%41`, which no path can match.", id="%41"),
        pytest.param(
            "/{a}{b}",
            "COS-ROUTE-010",
            "The pattern `/{a}{b}` has nothing between the parameters `a` and `b`.",
            id="nothing-between",
        ),
        pytest.param(
            "/{p:path}.x",
            "COS-ROUTE-011",
            "The pattern `/{p:path}.x` cannot have the parameter `p`, which may contain `/`, in that place.",
            id="a-path-with-text",
        ),
        pytest.param(
            "/{p:path}/{q:path}",
            "COS-ROUTE-011",
            "The pattern `/{p:path}/{q:path}` cannot have the parameter `q`, which may contain `/`, in that place.",
            id="two-paths",
        ),
        pytest.param(
            "/{a?}/b",
            "COS-ROUTE-012",
            "The pattern `/{a?}/b` cannot have the optional parameter `a` in that place.",
            id="an-optional-one-in-the-middle",
        ),
        pytest.param(
            "/x{a?}",
            "COS-ROUTE-012",
            "The pattern `/x{a?}` cannot have the optional parameter `a` in that place.",
            id="an-optional-one-after-text",
        ),
        pytest.param(
            "/{a?}x",
            "COS-ROUTE-012",
            "The pattern `/{a?}x` cannot have the optional parameter `a` in that place.",
            id="an-optional-one-before-text",
        ),
    ],
)
def test_every_mistake_is_explained(text: str, code: str, what: str) -> None:
    """The mistake has the code, says what is wrong and where it was written."""
    with pytest.raises(ConfigurationError) as caught:
        parse_pattern(text, where="shop.py:7")

    assert (code, what, "shop.py:7") == (caught.value.code, caught.value.mistake.what, caught.value.mistake.where)


@settings(max_examples=200)
@given(st.text("/ab{}<>:()?*-%[]\\\"'=,1intregxpath", max_size=30))
def test_any_text_is_a_pattern_or_a_mistake(text: str) -> None:
    """Nothing but a `ConfigurationError` comes out, and what parses keeps its text."""
    try:
        pattern = parse_pattern(f"/{text}")
    except ConfigurationError:
        return

    assert f"/{text}" == pattern.text
