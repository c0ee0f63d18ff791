"""The subset of regular expressions, against the standard library on the same text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from costrel.routing.regex_syntax import Automaton, parse_regex


def accepts(automaton: Automaton, text: str) -> bool:
    """Run the automaton on a text."""
    states = set(automaton.start)
    if not text:
        return automaton.accepts_empty
    for index, char in enumerate(text):
        read = {s for s in states if any(low <= ord(char) <= high for low, high in automaton.char_sets[s])}
        if index == len(text) - 1:
            return not read.isdisjoint(automaton.accepting)
        states = {target for state in read for target in automaton.steps[state]}
    return False


TEXTS = [
    "",
    "a",
    "b",
    "aa",
    "ab",
    "ba",
    "aab",
    "abab",
    "abc",
    "-",
    "a-b",
    "0",
    "00",
    "_",
    "]",
    "^",
    "\n",
    " ",
    "é",
    "}",
]


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("abc", id="literals"),
        pytest.param("a|b|ab", id="alternatives"),
        pytest.param("a|", id="an-empty-alternative"),
        pytest.param("(a|b)*", id="a-repeated-group"),
        pytest.param("(?:ab)+", id="a-group-without-a-number"),
        pytest.param("a+b?", id="quantifiers"),
        pytest.param("a{2}", id="an-exact-count"),
        pytest.param("(ab){1,2}", id="a-bounded-group"),
        pytest.param("a{2,}b", id="an-open-count"),
        pytest.param("a{0,}", id="an-open-count-from-zero"),
        pytest.param("a{,2}b", id="a-count-without-a-least"),
        pytest.param("(a|b){0,2}?", id="a-lazy-count"),
        pytest.param("a*?b+?", id="lazy-quantifiers"),
        pytest.param(".", id="any-but-a-newline"),
        pytest.param("[^a]", id="a-negated-class"),
        pytest.param("[]a]", id="a-class-with-a-bracket-first"),
        pytest.param("[^]a]", id="a-negated-class-with-a-bracket-first"),
        pytest.param("[a-]", id="a-class-with-a-hyphen-last"),
        pytest.param(r"[\w-]+", id="a-class-with-a-set"),
        pytest.param("[a^]", id="a-class-with-a-caret"),
        pytest.param(r"[\]\^]", id="a-class-with-escapes"),
        pytest.param("[a-cb-d]", id="ranges-that-overlap"),
        pytest.param(r"\d+|\s|\w", id="sets"),
        pytest.param(r"\D|\S|\W", id="opposite-sets"),
        pytest.param(r"\-\}", id="escaped-signs"),
        pytest.param("a}", id="a-closing-brace-alone"),
        pytest.param("]", id="a-closing-bracket-alone"),
    ],
)
def test_it_means_what_the_standard_library_means(expression: str) -> None:
    """The automaton accepts exactly what `re` accepts."""
    automaton = parse_regex(expression)
    compiled = re.compile(expression, re.ASCII)

    for text in TEXTS:
        assert (compiled.fullmatch(text) is not None) == accepts(automaton, text), text


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("a)", "unbalanced `)` at position 1", id="a-parenthesis-too-many"),
        pytest.param("(a", "the group at position 0 is not closed", id="a-parenthesis-too-few"),
        pytest.param("[a", "the character class at position 0 is not closed", id="an-open-class"),
        pytest.param("[", "the character class at position 0 is not closed", id="an-empty-open-class"),
        pytest.param("*a", "nothing to repeat at position 0", id="nothing-to-repeat"),
        pytest.param("a**", "two quantifiers in a row at position 2", id="two-quantifiers"),
        pytest.param("a++", "two quantifiers in a row at position 2", id="a-possessive-quantifier"),
        pytest.param("a{2}{3}", "two quantifiers in a row at position 4", id="two-counts"),
        pytest.param("a{", "`{` at position 1 does not begin a quantifier; write `\\{` for the sign", id="a-brace"),
        pytest.param("a{x}", "`{` at position 1 does not begin a quantifier; write `\\{` for the sign", id="no-count"),
        pytest.param("a{,}", "`{` at position 1 does not begin a quantifier; write `\\{` for the sign", id="no-limits"),
        pytest.param(
            "a{1000}", "`{` at position 1 does not begin a quantifier; write `\\{` for the sign", id="a-count-too-long"
        ),
        pytest.param("a{3,2}", "the quantifier at position 1 has its limits the wrong way round", id="limits-reversed"),
        pytest.param("a{0}", "the part at position 0 is repeated zero times", id="zero-times"),
        pytest.param("(a*)*", "the part repeated at position 0 can be empty", id="an-empty-part-repeated"),
        pytest.param("(a|){2}", "the part repeated at position 0 can be empty", id="an-empty-branch-repeated"),
        pytest.param("^a", "`^` at position 0 is not needed: the whole segment is matched", id="an-anchor"),
        pytest.param("a$", "`$` at position 1 is not needed: the whole segment is matched", id="an-end-anchor"),
        pytest.param(
            "(?=a)",
            "the group at position 0 is of a kind that is not supported; `(…)` and `(?:…)` are",
            id="look-ahead",
        ),
        pytest.param(
            "(?P<x>a)",
            "the group at position 0 is of a kind that is not supported; `(…)` and `(?:…)` are",
            id="a-named-group",
        ),
        pytest.param(r"(a)\1", "the escape `\\1` at position 3 is not supported", id="a-back-reference"),
        pytest.param(r"\bx", "the escape `\\b` at position 0 is not supported", id="a-word-boundary"),
        pytest.param("a\\", "the escape `\\` at position 1 is not supported", id="an-escape-of-nothing"),
        pytest.param("[[a]", "`[` at position 1 must be escaped in a character class", id="a-bracket-in-a-class"),
        pytest.param("[a&&b]", "`&` at position 2 must be escaped in a character class", id="an-intersection"),
        pytest.param("[!--]", "`-` at position 3 must be escaped in a character class", id="a-range-to-a-hyphen"),
        pytest.param("[a-[]", "`[` at position 3 must be escaped in a character class", id="a-range-to-a-bracket"),
        pytest.param(r"[\w-z]", "a range in the character class at position 0 has a set at one end", id="a-set-range"),
        pytest.param("[z-a]", "a range in the character class at position 0 is the wrong way round", id="a-range-back"),
        pytest.param("a" * 513, "it is longer than 512 characters", id="too-long"),
        pytest.param("[a-z]{513}", "it expands to more than 512 characters", id="too-many-states"),
        pytest.param("(a{30}){30}", "it expands to more than 512 characters", id="too-many-states-by-nesting"),
        pytest.param("(" * 21 + "a" + ")" * 21, "groups are nested deeper than 20", id="too-deep"),
    ],
)
def test_what_is_outside_of_the_subset_is_refused(expression: str, message: str) -> None:
    """A refusal says what and where."""
    with pytest.raises(ValueError) as caught:
        parse_regex(expression)

    assert message == str(caught.value)


def test_the_limits_are_exact() -> None:
    """512 characters, 512 states and 20 nested groups are accepted."""

    assert 512 == len(parse_regex("a" * 512).char_sets)
    assert 512 == len(parse_regex("a{512}").char_sets)
    assert 1 == len(parse_regex("(" * 20 + "a" + ")" * 20).char_sets)


def test_the_ways_between_two_characters_are_counted() -> None:
    """A repeat within a repeat offers two ways from one character to the next."""

    assert 2 == parse_regex("(a+)+").steps[0][0]
    assert 1 == parse_regex("(ab+)+").steps[0][1]
    assert 2 == parse_regex("a(b?|c?)d").steps[0][3]


@settings(max_examples=200)
@given(st.text("ab(|)*+?[]-^\\.{}1,", max_size=12), st.lists(st.text("ab-1", max_size=5), max_size=5))
def test_what_is_accepted_is_understood_alike(expression: str, texts: list[str]) -> None:
    """Whatever the parser accepts, `re` compiles without a warning and matches the same texts."""
    try:
        automaton = parse_regex(expression)
    except ValueError:
        return
    compiled = re.compile(expression, re.ASCII)

    for text in texts:
        assert (compiled.fullmatch(text) is not None) == accepts(automaton, text)
