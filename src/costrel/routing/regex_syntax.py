"""The regular expressions that a pattern may contain, read into an automaton.

The subset has literals, ``.``, character classes, ``\\d \\w \\s`` and their opposites (ASCII), groups, alternation
and the quantifiers ``* + ? {n} {n,} {n,m}``, lazy or not. Anchors, look-around, back-references, named groups and
flags are refused: one segment is always matched as a whole, so they are not needed or cannot be judged.

The result is a position automaton (Glushkov): one state for each character of the expression, and between two states
the *number of ways* in which a backtracking matcher can go from one to the other. `regex_safety` reads it. Nothing
here matches text; the `re` module does that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Automaton", "CharSet", "parse_regex"]

CharSet = tuple[tuple[int, int], ...]
"""Sorted, disjoint ranges of code points, both ends included."""

_MAX_EXPRESSION_LENGTH = 512
_MAX_STATES = 512
_MAX_DEPTH = 20
_LAST_CODE_POINT = 0x10FFFF

_DIGITS: CharSet = ((48, 57),)
_WORD: CharSet = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: CharSet = ((9, 13), (32, 32))


@dataclass(frozen=True, slots=True)
class Automaton:
    """States are numbered from 0; each reads one character.

    Attributes:
        char_sets: for each state, the characters it reads.
        start: the states that may read the first character, with the number of ways to each.
        steps: for each state, the states that may read the next character, with the number of ways to each.
        accepting: the states after which the text may end.
        accepts_empty: whether the empty text matches.
    """

    char_sets: tuple[CharSet, ...]
    start: Counter[int]
    steps: tuple[Counter[int], ...]
    accepting: frozenset[int]
    accepts_empty: bool


@dataclass(slots=True)
class _Fragment:
    """A part of the expression: where it begins and ends, and in how many ways it can be empty."""

    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    empty_ways: int = 1


def parse_regex(expression: str) -> Automaton:
    """Parse an expression of the subset.

    Args:
        expression: at most 512 characters; bounded repeats may not expand to more than 512 states.

    Returns:
        The automaton that accepts the same text as ``re.compile(expression, re.ASCII).fullmatch``.

    Raises:
        ValueError: the expression is wrong, too large, or not in the subset; the message says where.
    """
    if len(expression) > _MAX_EXPRESSION_LENGTH:
        raise ValueError(f"it is longer than {_MAX_EXPRESSION_LENGTH} characters")
    return _Parser(expression).parse()


class _Parser:
    """Recursive descent over the expression; a repeated part is parsed once for each copy."""

    def __init__(self, expression: str) -> None:
        self.text = expression
        self.position = 0
        self.depth = 0
        self.char_sets: list[CharSet] = []
        self.steps: list[Counter[int]] = []

    def parse(self) -> Automaton:
        whole = self.alternatives()
        if self.position < len(self.text):
            raise ValueError(f"unbalanced `)` at position {self.position}")
        return Automaton(
            tuple(self.char_sets), whole.first, tuple(self.steps), frozenset(whole.last), whole.empty_ways > 0
        )

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def alternatives(self) -> _Fragment:
        whole = self.sequence()
        while self.peek() == "|":
            self.position += 1
            branch = self.sequence()
            whole = _Fragment(
                whole.first + branch.first, whole.last + branch.last, whole.empty_ways + branch.empty_ways
            )
        return whole

    def sequence(self) -> _Fragment:
        whole = _Fragment()
        while self.peek() not in ("", "|", ")"):
            whole = self.join(whole, self.repeated())
        return whole

    def repeated(self) -> _Fragment:
        start = self.position
        fragment = self.atom()
        least, most = self.quantifier()
        after = self.position
        if (least, most) == (1, 1):
            return fragment
        if fragment.empty_ways and most != 1:
            raise ValueError(f"the part repeated at position {start} can be empty")
        if most == 0:
            raise ValueError(f"the part at position {start} is repeated zero times")

        def copy() -> _Fragment:
            self.position = start
            return self.atom()

        if most is None:
            whole = _Fragment()
            for _ in range(least - 1):
                whole = self.join(whole, fragment)
                fragment = copy()
            self.link(fragment.last, fragment.first)
            if least == 0:
                fragment.empty_ways = 1
            whole = self.join(whole, fragment)
        else:
            # x{2,4} is x x (x (x)?)?: built from the innermost outwards, so each length has one way.
            parts = [fragment, *(copy() for _ in range(most - 1))]
            whole = _Fragment()
            for index in range(most - 1, -1, -1):
                whole = self.join(parts[index], whole)
                if index >= least:
                    whole.empty_ways += 1
        self.position = after
        return whole

    def quantifier(self) -> tuple[int, int | None]:
        sign = self.peek()
        bounds: tuple[int, int | None]
        if sign == "*":
            bounds = (0, None)
        elif sign == "+":
            bounds = (1, None)
        elif sign == "?":
            bounds = (0, 1)
        elif sign == "{":
            end = self.text.find("}", self.position)
            bounds = self.bounds(self.text[self.position + 1 : end] if end > 0 else "")
            self.position = end
        else:
            return (1, 1)
        self.position += 1
        if self.peek() == "?":
            self.position += 1
        if self.peek() in ("*", "+", "?", "{"):
            raise ValueError(f"two quantifiers in a row at position {self.position}")
        return bounds

    def bounds(self, text: str) -> tuple[int, int | None]:
        least, comma, most = text.partition(",")
        numbers = [number for number in (least, most) if number]
        if not numbers or any(len(n) > 3 or not (n.isascii() and n.isdigit()) for n in numbers):
            raise ValueError(f"`{{` at position {self.position} does not begin a quantifier; write `\\{{` for the sign")
        low = int(least) if least else 0
        high = (int(most) if most else None) if comma else low
        if high is not None and high < low:
            raise ValueError(f"the quantifier at position {self.position} has its limits the wrong way round")
        return low, high

    def atom(self) -> _Fragment:
        sign = self.peek()
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.state(self.char_class())
        if sign == "\\":
            return self.state(self.escape())
        if sign == ".":
            self.position += 1
            return self.state(_complement(((10, 10),)))
        if sign in ("*", "+", "?", "{"):
            raise ValueError(f"nothing to repeat at position {self.position}")
        if sign in ("^", "$"):
            raise ValueError(f"`{sign}` at position {self.position} is not needed: the whole segment is matched")
        self.position += 1
        return self.state(((ord(sign), ord(sign)),))

    def group(self) -> _Fragment:
        start = self.position
        self.position += 3 if self.text.startswith("(?:", start) else 1
        if self.peek() == "?":
            raise ValueError(f"the group at position {start} is of a kind that is not supported; `(…)` and `(?:…)` are")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ValueError(f"groups are nested deeper than {_MAX_DEPTH}")
        inside = self.alternatives()
        self.depth -= 1
        if self.peek() != ")":
            raise ValueError(f"the group at position {start} is not closed")
        self.position += 1
        return inside

    def escape(self) -> CharSet:
        sign = self.text[self.position + 1 : self.position + 2]
        self.position += 2
        known = {"d": _DIGITS, "w": _WORD, "s": _SPACE}.get(sign.lower())
        if known is not None:
            return _complement(known) if sign.isupper() else known
        if sign and sign.isascii() and not sign.isalnum():
            return ((ord(sign), ord(sign)),)
        raise ValueError(f"the escape `\\{sign}` at position {self.position - 2} is not supported")

    def char_class(self) -> CharSet:
        start = self.position
        self.position += 1
        negated = self.peek() == "^"
        self.position += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while (sign := self.peek()) != "]" or first:
            if not sign:
                raise ValueError(f"the character class at position {start} is not closed")
            if sign == "[" or self.text[self.position : self.position + 2] in ("--", "&&", "~~", "||"):
                raise ValueError(f"`{sign}` at position {self.position} must be escaped in a character class")
            first = False
            low = self.class_member()
            if self.peek() == "-" and self.text[self.position + 1 : self.position + 2] not in ("]", ""):
                self.position += 1
                if self.peek() == "-":
                    raise ValueError(f"`-` at position {self.position} must be escaped in a character class")
                high = self.class_member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
                    raise ValueError(f"a range in the character class at position {start} has a set at one end")
                if high[0][0] < low[0][0]:
                    raise ValueError(f"a range in the character class at position {start} is the wrong way round")
                low = ((low[0][0], high[0][0]),)
            ranges.extend(low)
        self.position += 1
        merged = _merge(ranges)
        return _complement(merged) if negated else merged

    def class_member(self) -> CharSet:
        sign = self.peek()
        if sign == "\\":
            return self.escape()
        if sign == "[":
            raise ValueError(f"`[` at position {self.position} must be escaped in a character class")
        self.position += 1
        return ((ord(sign), ord(sign)),)

    def state(self, char_set: CharSet) -> _Fragment:
        number = len(self.char_sets)
        if number >= _MAX_STATES:
            raise ValueError(f"it expands to more than {_MAX_STATES} characters")
        self.char_sets.append(char_set)
        self.steps.append(Counter())
        return _Fragment(Counter({number: 1}), Counter({number: 1}), 0)

    def join(self, left: _Fragment, right: _Fragment) -> _Fragment:
        self.link(left.last, right.first)
        return _Fragment(
            left.first + _times(right.first, left.empty_ways),
            right.last + _times(left.last, right.empty_ways),
            left.empty_ways * right.empty_ways,
        )

    def link(self, sources: Counter[int], targets: Counter[int]) -> None:
        for source, source_ways in sources.items():
            for target, target_ways in targets.items():
                self.steps[source][target] += source_ways * target_ways


def _times(ways: Counter[int], factor: int) -> Counter[int]:
    return Counter({state: count * factor for state, count in ways.items()}) if factor else Counter()


def _merge(ranges: list[tuple[int, int]]) -> CharSet:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _complement(char_set: CharSet) -> CharSet:
    gaps: list[tuple[int, int]] = []
    following = 0
    for low, high in char_set:
        if following < low:
            gaps.append((following, low - 1))
        following = high + 1
    if following <= _LAST_CODE_POINT:
        gaps.append((following, _LAST_CODE_POINT))
    return tuple(gaps)
