"""Which regular expressions are refused because they could be slow."""

from __future__ import annotations

import re
import time

import pytest

from costrel.routing.regex_safety import check_linear, languages_overlap
from costrel.routing.regex_syntax import parse_regex

TOO_MANY_WAYS = "some text can be read in too many ways, so that a long one would take very long to refuse"

SAFE = [
    pytest.param("[a-z]+", id="one-repeat"),
    pytest.param("[a-z0-9]+(?:-[a-z0-9]+)*", id="a-slug"),
    pytest.param("[a-z][a-z0-9-]*[a-z0-9]", id="a-host-label"),
    pytest.param(r"\d+(\.\d+)?", id="a-decimal-number"),
    pytest.param(r"\d{4}-\d{2}-\d{2}", id="a-date"),
    pytest.param("[0-9a-f]{40}", id="a-hash"),
    pytest.param("[a-z]{1,64}", id="a-bounded-repeat"),
    pytest.param("(jpg|jpeg|png|gif)", id="words-that-begin-alike"),
    pytest.param("[^/.]+[.](js|json)", id="a-name-and-a-suffix"),
    pytest.param(r"v\d+|latest", id="alternatives-apart"),
    pytest.param("a{1,16}a{0,1}", id="a-few-ways"),
]

CATASTROPHIC = [
    pytest.param("(a+)+", id="nested-repeats"),
    pytest.param("(?:[a-z]+)*", id="nested-repeats-of-a-class"),
    pytest.param("([a-z]+-?)*", id="nested-repeats-with-an-optional-separator"),
    pytest.param("(a|a)*", id="a-repeat-over-equal-branches"),
    pytest.param("(a|ab|b)*", id="a-repeat-over-branches-that-overlap"),
    pytest.param(r"(\w|\d)+", id="a-repeat-over-sets-that-overlap"),
    pytest.param("a*a*", id="adjacent-repeats"),
    pytest.param(r"\w+\d+", id="adjacent-repeats-over-sets-that-overlap"),
    pytest.param("a*b?a*", id="adjacent-repeats-with-something-optional-between"),
    pytest.param(".*-.*", id="repeats-around-a-separator-they-contain"),
    pytest.param("(a{1,2}){1,30}", id="nested-bounded-repeats"),
    pytest.param("a?" * 20 + "a" * 20, id="many-optional-parts"),
    pytest.param("[a-z]{1,50}[a-z]{1,50}", id="adjacent-bounded-repeats"),
]


@pytest.mark.capability("C004")
@pytest.mark.parametrize("expression", SAFE)
def test_a_linear_expression_is_accepted(expression: str) -> None:
    """What people write in routes is not refused."""
    check_linear(parse_regex(expression))


@pytest.mark.capability("C004")
@pytest.mark.security("B18")
@pytest.mark.parametrize("expression", CATASTROPHIC)
def test_a_catastrophic_expression_is_refused(expression: str) -> None:
    """An expression that some text can slow down never reaches a request."""
    with pytest.raises(ValueError) as caught:
        check_linear(parse_regex(expression))

    assert TOO_MANY_WAYS == str(caught.value)


def test_sixteen_ways_are_the_limit() -> None:
    """One text in 16 ways is accepted, in 17 it is refused."""
    check_linear(parse_regex("|".join(["ab"] * 16)))
    with pytest.raises(ValueError, match="too many ways"):
        check_linear(parse_regex("|".join(["ab"] * 17)))


def test_what_cannot_be_decided_is_refused() -> None:
    """An expression with too many situations is refused, not guessed at."""
    with pytest.raises(ValueError) as caught:
        check_linear(parse_regex("(a|b)*a" + "(a|b)" * 14))

    assert str(caught.value) in (TOO_MANY_WAYS, "it is too large to show that it takes linear time")


@pytest.mark.security("B18")
@pytest.mark.parametrize("expression", SAFE)
def test_an_accepted_expression_refuses_hostile_text_quickly(expression: str) -> None:
    """64 KiB that nearly match are refused in well under a second."""
    fullmatch = re.compile(expression, re.ASCII).fullmatch
    started = time.process_time()
    for text in ("a", "-", "0", "a-", "a0", "."):
        assert fullmatch(text * (65536 // len(text)) + "\x00") is None

    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("[a-z]+", "[0-9]+", False, id="other-characters"),
        pytest.param("[a-z]+", "abc", True, id="one-within-the-other"),
        pytest.param("a{2}", "a{3}", False, id="other-lengths"),
        pytest.param("(aa)+", "(aaa)+", True, id="only-a-longer-text-matches-both"),
        pytest.param("a(x|y)", "a(y|z)", True, id="a-shared-branch"),
        pytest.param("a*", "b*", False, id="only-the-empty-text-matches-both"),
    ],
)
def test_shared_text_is_found(left: str, right: str, expected: bool) -> None:
    """Two languages overlap when one text is in both; the empty text is never asked for."""

    assert expected == languages_overlap(parse_regex(left), parse_regex(right))
    assert expected == languages_overlap(parse_regex(right), parse_regex(left))
