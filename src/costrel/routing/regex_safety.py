"""Judge, at build, whether a regular expression can take more than linear time.

A backtracking matcher is slow when one text can be read in many ways: ``(a+)+`` reads ``aaaa`` in eight, ``a*a*`` in
five, and each longer text in more. So the ways are counted, exactly: from the start, for every kind of next
character, how many ways of reading lead to each state. If that count passes `MAX_WAYS` for any text, the expression
is refused; if the count stays below it for all texts, a match of n characters takes at most ``MAX_WAYS * n`` steps,
however hostile the text is.

What cannot be decided within the limits is refused as well. The automata come from `regex_syntax`.
"""

from __future__ import annotations

from costrel.routing.regex_syntax import Automaton, CharSet

__all__ = ["MAX_WAYS", "check_linear", "languages_overlap"]

MAX_WAYS = 16
"""The greatest number of ways in which any beginning of a text may be read."""

_MAX_SITUATIONS = 2000
_MAX_WORK = 400_000


def check_linear(automaton: Automaton) -> None:
    """Refuse an expression that could take more than linear time.

    Args:
        automaton: the parsed expression.

    Raises:
        ValueError: some text can be read in more than `MAX_WAYS` ways, or it is too large to tell.
    """
    alphabet = _representatives(automaton.char_sets)
    readers = {char: {s for s, chars in enumerate(automaton.char_sets) if _contains(chars, char)} for char in alphabet}
    first = frozenset(automaton.start.items())
    seen = {first}
    waiting = [first]
    work = 0
    while waiting:
        expected = dict(waiting.pop())
        for char in alphabet:
            following: dict[int, int] = {}
            ways_count = 0
            for state, ways in expected.items():
                if state not in readers[char]:
                    continue
                ways_count += ways
                for target, step_ways in automaton.steps[state].items():
                    following[target] = following.get(target, 0) + ways * step_ways
                work += 1 + len(automaton.steps[state])
            if ways_count > MAX_WAYS:
                raise ValueError(
                    "some text can be read in too many ways, so that a long one would take very long to refuse"
                )
            situation = frozenset(following.items())
            if situation not in seen:
                seen.add(situation)
                waiting.append(situation)
        if len(seen) > _MAX_SITUATIONS or work > _MAX_WORK:
            raise ValueError("it is too large to show that it takes linear time")


def languages_overlap(left: Automaton, right: Automaton) -> bool:
    """Say whether some text that is not empty is matched by both expressions.

    Args:
        left: one parsed expression.
        right: another.

    Returns:
        `False` only when it is certain that there is none.
    """
    waiting = [(a, b) for a in left.start for b in right.start]
    seen = set(waiting)
    while waiting:
        a, b = waiting.pop()
        if not _intersects(left.char_sets[a], right.char_sets[b]):
            continue
        if (a in left.accepting and b in right.accepting) or len(seen) > _MAX_WORK:
            return True
        for pair in ((x, y) for x in left.steps[a] for y in right.steps[b]):
            if pair not in seen:
                seen.add(pair)
                waiting.append(pair)
    return False


def _representatives(char_sets: tuple[CharSet, ...]) -> list[int]:
    """One code point of every kind that the expression tells apart."""
    edges = {0}
    for char_set in set(char_sets):
        for low, high in char_set:
            edges.update((low, high + 1))
    return sorted(edges)


def _contains(char_set: CharSet, char: int) -> bool:
    return any(low <= char <= high for low, high in char_set)


def _intersects(left: CharSet, right: CharSet) -> bool:
    return any(low <= other_high and other_low <= high for low, high in left for other_low, other_high in right)
