"""Find the routes that match the same requests equally well.

Order never matters, so two such routes have no winner, and that is a mistake of the application (code COS-ROUTE-013).
Only patterns with the same literal segments and equally specific parameters can tie, so the routes are grouped by
that first, and only the few in one group are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

from costrel.errors import Mistake
from costrel.routing import mistakes
from costrel.routing.entries import WEBSOCKET, WEBSOCKET_KEY, RouteEntry, slash_forms
from costrel.routing.pattern import Pattern

__all__ = ["find_ambiguities"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """One entry with one expansion of its pattern."""

    number: int
    entry: RouteEntry[T]
    pattern: Pattern
    method_keys: frozenset[str]


def find_ambiguities(entries: Sequence[RouteEntry[T]]) -> list[Mistake]:
    """Compare all entries.

    Args:
        entries: in order of declaration.

    Returns:
        One mistake for each pair of routes that some request matches equally well, in order of declaration.
    """
    explicit_heads = {
        _shape(entry, pattern) for entry in entries if "HEAD" in entry.method_keys for pattern in entry.pattern.expand()
    }
    groups: dict[tuple[object, ...], list[_Form[T]]] = {}
    for number, entry in enumerate(entries):
        if entry.when is not None:
            continue
        for pattern in entry.pattern.expand():
            keys = entry.method_keys
            if "GET" in keys and _shape(entry, pattern) not in explicit_heads:
                keys |= {"HEAD"}
            groups.setdefault(_group(entry, pattern), []).append(_Form(number, entry, pattern, keys))
    found: dict[tuple[int, int], Mistake] = {}
    for forms in groups.values():
        for first, second in combinations(forms, 2):
            pair = (first.number, second.number)
            methods = first.method_keys & second.method_keys
            if first.number != second.number and pair not in found and methods and _overlap(first, second):
                found[pair] = mistakes.ambiguous_routes(_name(first.entry), _name(second.entry), _display(methods))
    return [found[pair] for pair in sorted(found)]


def _group(entry: RouteEntry[T], pattern: Pattern) -> tuple[object, ...]:
    """What two patterns must share to tie."""
    segments = zip(pattern.segments, pattern.specificity, strict=True)
    return (_host(entry), entry.is_mount, tuple(segment.literal or key for segment, key in segments))


def _shape(entry: RouteEntry[T], pattern: Pattern) -> tuple[object, ...]:
    """What two patterns share that lead to the same leaf."""
    return (_host(entry), tuple(segment.shape for segment in pattern.segments))


def _host(entry: RouteEntry[T]) -> object:
    return entry.host.labels if entry.host else None


def _overlap(first: _Form[T], second: _Form[T]) -> bool:
    forms = set(slash_forms(first.pattern, first.entry.trailing_slash))
    other_forms = set(slash_forms(second.pattern, second.entry.trailing_slash))
    return not forms.isdisjoint(other_forms) and first.pattern.may_overlap(second.pattern)


def _name(entry: RouteEntry[T]) -> tuple[str, str]:
    return f"{entry.host.text if entry.host else ''}{entry.pattern.text}", entry.where


def _display(method_keys: Iterable[str]) -> list[str]:
    return [WEBSOCKET if key == WEBSOCKET_KEY else key for key in method_keys]
