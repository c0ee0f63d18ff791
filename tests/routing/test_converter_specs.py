"""Converters as they are written in a pattern."""

from __future__ import annotations

import pytest

from costrel.errors import ConfigurationError
from costrel.routing.conversion import Converter
from costrel.routing.converter_specs import find_end_of_arguments, make_parameter, split_spec
from costrel.routing.converters import BUILTIN_CONVERTERS, AnyConverter, RegexConverter


class Recorder(Converter):
    """Keeps its arguments."""

    def __init__(self, *positional: object, **named: object) -> None:
        self.given = (positional, named)


def given_to(arguments: str) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return what a converter gets for the text of its arguments."""
    converter = make_parameter("x", ("rec", arguments), {"rec": Recorder}, "/{x}").converter
    if not isinstance(converter, Recorder):
        raise TypeError(converter)
    return converter.given


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ((), {}), id="nothing"),
        pytest.param("1, -2", ((1, -2), {}), id="integers"),
        pytest.param("0.5", ((0.5,), {}), id="a-float"),
        pytest.param("\"a,b\", 'c)'", (("a,b", "c)"), {}), id="strings-with-signs-in-them"),
        pytest.param("true, False, None", ((True, False, None), {}), id="constants-in-either-case"),
        pytest.param("1, min=2,max = 3", ((1,), {"min": 2, "max": 3}), id="by-name-after-by-position"),
        pytest.param("1,", ((1,), {}), id="a-comma-at-the-end"),
    ],
)
def test_arguments_are_literals(text: str, expected: tuple[tuple[object, ...], dict[str, object]]) -> None:
    """Numbers, strings and constants, by position or by name."""

    assert expected == given_to(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("abc", "`abc` is not a literal", id="a-bare-word"),
        pytest.param("os.getcwd()", "`os.getcwd()` is not a list of literals", id="a-call"),
        pytest.param("1 2", "`1 2` is not a list of literals", id="two-without-a-comma"),
        pytest.param("min=1, 2", "an argument without a name stands after one with a name", id="position-after-name"),
        pytest.param("min=1, min=2", "`min` cannot be given by name here", id="a-name-twice"),
        pytest.param("9" * 19, f"`{'9' * 19}` is not a literal", id="an-integer-of-nineteen-digits"),
    ],
)
def test_other_arguments_are_refused(text: str, reason: str) -> None:
    """Nothing is ever evaluated."""
    with pytest.raises(ConfigurationError) as caught:
        given_to(text)

    assert "COS-ROUTE-006" == caught.value.code
    assert f"The pattern `/{{x}}` gives `rec` arguments that it does not take: {reason}." == caught.value.mistake.what


def test_words_need_no_quotes() -> None:
    """A converter that wants words gets them as they are written, never as numbers."""
    parameter = make_parameter("x", ("any", "en, 01, 1.10, 'd e'"), BUILTIN_CONVERTERS, "/{x}")

    assert isinstance(parameter.converter, AnyConverter)
    assert {"en", "01", "1.10", "d e"} == parameter.converter.choices


def test_words_have_no_names() -> None:
    """A list of words is only a list."""
    with pytest.raises(ConfigurationError, match="`a` cannot be given by name here"):
        make_parameter("x", ("any", "a=b"), BUILTIN_CONVERTERS, "/{x}")


@pytest.mark.parametrize("text", [pytest.param("[a-z]{3}", id="bare"), pytest.param('"[a-z]{3}"', id="in-quotes")])
def test_an_expression_is_one_text(text: str) -> None:
    """A converter that wants text gets it whole, quotes taken off."""
    parameter = make_parameter("x", ("regex", text), BUILTIN_CONVERTERS, "/{x}")

    assert isinstance(parameter.converter, RegexConverter)
    assert "[a-z]{3}" == parameter.converter.expression


def test_no_converter_is_str() -> None:
    """A parameter without a converter has `str`, and an annotation may replace it."""
    parameter = make_parameter("x", None, BUILTIN_CONVERTERS, "/{x}")

    assert type(parameter.converter) is BUILTIN_CONVERTERS["str"]
    assert not parameter.has_converter
    assert make_parameter("x", ("str", ""), BUILTIN_CONVERTERS, "/{x}").has_converter


def test_the_identity_is_the_class_and_its_arguments() -> None:
    """Converters that behave alike are shared in the tree, whatever their names."""
    first = make_parameter("a", ("int", "min=1, max=2"), BUILTIN_CONVERTERS, "/{a}")
    second = make_parameter("b", ("int", "max=2,min=1"), BUILTIN_CONVERTERS, "/{b}")
    third = make_parameter("b", ("int", "max=3,min=1"), BUILTIN_CONVERTERS, "/{b}")

    assert first.identity == second.identity
    assert first.identity != third.identity


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param("int", ("int", ""), id="a-name"),
        pytest.param("int(min=1)", ("int", "min=1"), id="a-name-with-arguments"),
        pytest.param("regex((a|b))", ("regex", "(a|b)"), id="arguments-with-parentheses"),
    ],
)
def test_a_spec_is_split_at_its_parenthesis(spec: str, expected: tuple[str, str]) -> None:
    """What stands before the parenthesis is the name."""

    assert expected == split_spec(spec)


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        pytest.param("1)x", "literals", 1, id="literals"),
        pytest.param("')')x", "literals", 3, id="a-parenthesis-in-quotes"),
        pytest.param("(a|b))x", "text", 5, id="a-group"),
        pytest.param(r"\))x", "text", 2, id="an-escaped-parenthesis"),
        pytest.param("[)])x", "text", 3, id="a-parenthesis-in-a-class"),
        pytest.param("[])])x", "text", 4, id="a-bracket-first-in-a-class"),
        pytest.param("[^])])x", "text", 5, id="a-bracket-first-in-a-negated-class"),
        pytest.param(r"[\])])x", "text", 5, id="an-escaped-bracket-in-a-class"),
        pytest.param('"a)")x', "text", 4, id="quotes-around-an-expression"),
        pytest.param('"["]")x', "text", 5, id="a-quote-within-quotes"),
        pytest.param("(a", "text", None, id="an-open-group"),
        pytest.param("[)", "text", None, id="an-open-class"),
        pytest.param("'a)", "literals", None, id="an-open-quote"),
        pytest.param("", "literals", None, id="nothing"),
    ],
)
def test_the_end_of_the_arguments_is_found(text: str, style: str, expected: int | None) -> None:
    """The parenthesis that closes the arguments is not the first one that comes along."""

    assert expected == find_end_of_arguments(text, 0, style)
