"""The tree of segments: all patterns of one host, matched together.

A node stands for a position in the path. From it lead literal children by one dict lookup, then branches that read
one segment with converters, then spans that read several, each kind sorted by specificity. So a walk that takes the
first way that leads to a leaf with the method finds the most specific pattern; a way that leads nowhere is walked
back.

Every node is visited at most once for a path, and with many patterns the dicts grow, not the walk: the cost depends
on the patterns that can match, not on how many there are. The nodes are made and frozen at build; matching only reads
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import is_
from typing import Any, Generic, TypeVar

from costrel.routing.entries import RouteEntry
from costrel.routing.pattern import Pattern
from costrel.routing.requests import RequestLike
from costrel.routing.segments import Segment, SegmentKey

__all__ = ["Final", "Leaf", "Node", "collect_leaves", "find_first", "path_params_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Final(Generic[T]):
    """What is found at the end of a walk.

    Attributes:
        target: the entry's.
        names: the parameters of the host and of the path, in the order in which a walk collects their values.
        when: the entry's.
        rank: sorts the finals that match one request; the smallest wins.
        entry: where it comes from.
    """

    target: T
    names: tuple[str, ...]
    when: Callable[[Any], bool] | None
    rank: tuple[object, ...]
    entry: RouteEntry[T]


Leaf = dict[str, tuple[Final[T], ...]]
"""By method key, the finals of one pattern, the smallest rank first."""

_NOTHING: dict[Any, Any] = {}
"""Stands for every empty dict of a frozen node; most nodes have several of them."""


class Branch(Generic[T]):
    """A way that reads one segment with the converters of its parameters."""

    __slots__ = ("child", "key", "parsers", "segment")

    def __init__(self, segment: Segment) -> None:
        self.segment: Segment = segment
        self.key: SegmentKey = segment.key
        self.parsers: tuple[Callable[[str], object], ...] = tuple(
            parameter.converter.parse for parameter in segment.parameters
        )
        self.child: Node[T] = Node()

    def parse(self, text: str) -> tuple[object, ...]:
        """Read one segment; a `ValueError` is no match."""
        if len(self.segment.pieces) == 1:
            return (self.parsers[0](text),)
        return tuple([parse(part) for parse, part in zip(self.parsers, self.segment.split(text), strict=True)])


class Span(Generic[T]):
    """A way that reads all segments but the last `following_count`."""

    __slots__ = ("child", "following_count", "keeps_slash", "key", "parse")

    def __init__(self, segment: Segment, following_count: int, keeps_slash: bool) -> None:
        (parameter,) = segment.parameters
        self.parse: Callable[[str], object] = parameter.converter.parse
        self.following_count: int = following_count
        self.keeps_slash: bool = keeps_slash
        self.key: tuple[int, bool, int] = (-following_count, keeps_slash, parameter.converter.weight)
        self.child: Node[T] = Node()


class Node(Generic[T]):
    """A position in the path.

    Attributes:
        literals: the children by the exact text of the next segment.
        leaves: the leaf for paths without a slash at the end, and the one for those with.
        branches, spans: the other ways, the most specific first.
        is_fork: whether there are other ways than `literals`.
        ways: both kinds, while the tree is made.
        is_tied: whether two of the other ways are equally specific, so that all of them have to be tried.
        only_branch: the one way with a single parameter when there is no other way but `literals`.
    """

    __slots__ = ("branches", "is_fork", "is_tied", "leaves", "literals", "only_branch", "spans", "ways")

    def __init__(self) -> None:
        self.literals: dict[str, Node[T]] = {}
        self.leaves: tuple[Leaf[T], Leaf[T]] = ({}, {})
        self.ways: dict[tuple[object, ...], Branch[T] | Span[T]] = {}
        self.branches: tuple[Branch[T], ...] = ()
        self.spans: tuple[Span[T], ...] = ()
        self.is_fork: bool = False
        self.is_tied: bool = False
        self.only_branch: tuple[Callable[[str], object], Node[T]] | None = None

    def insert(self, pattern: Pattern) -> Node[T]:
        """Add a pattern below this node and return the node at its end."""
        node = self
        for index, segment in enumerate(pattern.segments):
            literal = segment.literal
            if literal is not None:
                child = node.literals.get(literal)
                if child is None:
                    child = node.literals[literal] = Node()
                node = child
                continue
            following_count = len(pattern.segments) - index - 1
            if segment.spans_segments:
                shape = (segment.shape, following_count, pattern.keeps_slash)
                way = node.ways.setdefault(shape, Span(segment, following_count, pattern.keeps_slash))
            else:
                way = node.ways.setdefault(segment.shape, Branch(segment))
            node = way.child
        return node

    def freeze(self) -> None:
        """Sort the ways of this node and of all below; nothing is inserted afterwards."""
        self.branches = tuple(sorted((way for way in self.ways.values() if isinstance(way, Branch)), key=_key_of))
        self.spans = tuple(sorted((way for way in self.ways.values() if isinstance(way, Span)), key=_key_of))
        self.is_fork = bool(self.ways)
        self.is_tied = len({(type(way), way.key) for way in self.ways.values()}) < len(self.ways)
        if len(self.ways) == len(self.branches) == 1 and len(self.branches[0].segment.pieces) == 1:
            self.only_branch = (self.branches[0].parsers[0], self.branches[0].child)
        for leaf in self.leaves:
            for method, finals in leaf.items():
                leaf[method] = tuple(sorted(finals, key=lambda final: final.rank))
            if "GET" in leaf:
                leaf.setdefault("HEAD", leaf["GET"])
        for node in (*self.literals.values(), *(way.child for way in self.ways.values())):
            node.freeze()
        plain, slashed = self.leaves
        self.leaves = (plain or _NOTHING, (plain if _is_same(plain, slashed) else slashed) or _NOTHING)
        self.literals = self.literals or _NOTHING
        self.ways = _NOTHING


def find_first(
    node: Node[T],
    segments: list[str],
    index: int,
    is_slashed: bool,
    method_key: str,
    request: RequestLike,
    values: tuple[object, ...],
) -> T | None:
    """Find the most specific target below a node and set ``request.path_params``.

    Args:
        node: where the walk starts.
        segments: the path without the slash at its end, split at the slashes.
        index: the first segment that is not read yet.
        is_slashed: whether the path ends with a slash.
        method_key: what is looked up in the leaves.
        request: for predicates and the result.
        values: of the parameters so far.

    Returns:
        The target, or `None` when no pattern with the method matches.
    """
    # Where a literal child is taken at a fork, the fork is kept: its other ways are tried when the child leads nowhere.
    forks: list[tuple[Node[T], int, tuple[object, ...]]] = []
    end = len(segments)
    is_new = True
    while True:
        if index == end:
            finals = node.leaves[is_slashed].get(method_key)
            if finals is not None:
                target = _first_of(finals, values, request)
                if target is not None:
                    return target
        else:
            text = segments[index]
            child = node.literals.get(text) if is_new else None
            if child is not None:
                if node.is_fork:
                    forks.append((node, index, values))
                node = child
                index += 1
                continue
            is_new = True
            if node.only_branch is not None:
                parse, child = node.only_branch
                try:
                    if text:
                        values = (*values, parse(text))
                        node = child
                        index += 1
                        continue
                except ValueError:
                    pass
            elif node.is_fork:
                target = _find_in_ways(node, segments, index, is_slashed, method_key, request, values)
                if target is not None:
                    return target
        if not forks:
            return None
        node, index, values = forks.pop()
        is_new = False


def _first_of(finals: tuple[Final[T], ...], values: tuple[object, ...], request: RequestLike) -> T | None:
    """Return the target of the first final whose predicate agrees."""
    for final in finals:
        if final.when is None:
            if values:
                names = final.names
                # PERF: a dict display for one parameter, saves 320 ns (benchmarks/tricks.py::dict_display, 3.11)
                request.path_params = (
                    {names[0]: values[0]} if len(names) == 1 else dict(zip(names, values, strict=True))
                )
            return final.target
        if passes(final, values, request):
            return final.target
    return None


def _find_in_ways(
    node: Node[T],
    segments: list[str],
    index: int,
    is_slashed: bool,
    method_key: str,
    request: RequestLike,
    values: tuple[object, ...],
) -> T | None:
    """Go on from a node with several ways besides its literals."""
    if not node.is_tied:
        for child, following, longer in _advance(node, segments, index, is_slashed, values):
            target = find_first(child, segments, following, is_slashed, method_key, request, longer)
            if target is not None:
                return target
        return None
    leaves: list[tuple[Leaf[T], tuple[object, ...]]] = []
    for child, following, longer in _advance(node, segments, index, is_slashed, values):
        collect_leaves(child, segments, following, is_slashed, longer, leaves)
    for final, longer in sort_finals(leaves, method_key):
        if passes(final, longer, request):
            return final.target
    return None


def collect_leaves(
    node: Node[T],
    segments: list[str],
    index: int,
    is_slashed: bool,
    values: tuple[object, ...],
    leaves: list[tuple[Leaf[T], tuple[object, ...]]],
) -> None:
    """Append every leaf below a node that matches, whatever its methods, with the values of its parameters.

    Args:
        node: where the walk starts.
        segments: the path without the slash at its end, split at the slashes.
        index: the first segment that is not read yet.
        is_slashed: whether the path ends with a slash.
        values: of the parameters so far.
        leaves: what is appended to.
    """
    if index == len(segments):
        if node.leaves[is_slashed]:
            leaves.append((node.leaves[is_slashed], values))
        return
    child = node.literals.get(segments[index])
    if child is not None:
        collect_leaves(child, segments, index + 1, is_slashed, values, leaves)
    for way, following, longer in _advance(node, segments, index, is_slashed, values):
        collect_leaves(way, segments, following, is_slashed, longer, leaves)


def sort_finals(
    leaves: list[tuple[Leaf[T], tuple[object, ...]]], method_key: str
) -> list[tuple[Final[T], tuple[object, ...]]]:
    """Take the finals with a method out of leaves, the smallest rank first."""
    finals = [(final, values) for leaf, values in leaves for final in leaf.get(method_key, ())]
    return sorted(finals, key=lambda pair: pair[0].rank)


def path_params_of(final: Final[T], values: tuple[object, ...]) -> dict[str, object]:
    """Name the values that a walk has collected."""
    return dict(zip(final.names, values, strict=True))


def passes(final: Final[T], values: tuple[object, ...], request: RequestLike) -> bool:
    """Ask the predicate of a final; leave ``request.path_params`` set when it agrees, empty when it does not."""
    if values or final.when is not None:
        request.path_params = path_params_of(final, values)
    if final.when is None or final.when(request):
        return True
    request.path_params = {}
    return False


def _advance(
    node: Node[T], segments: list[str], index: int, is_slashed: bool, values: tuple[object, ...]
) -> Iterator[tuple[Node[T], int, tuple[object, ...]]]:
    """Yield where the ways of a node lead: the next node, the next segment and the values so far."""
    text = segments[index]
    if text:
        for branch in node.branches:
            try:
                longer = values + branch.parse(text)
            except ValueError:
                continue
            yield branch.child, index + 1, longer
    for span in node.spans:
        end = len(segments) - span.following_count
        if end <= index:
            continue
        spanned = "/".join(segments[index:end])
        try:
            value = span.parse(spanned + "/" if span.keeps_slash and is_slashed else spanned)
        except ValueError:
            continue
        yield span.child, end, (*values, value)


def _is_same(plain: Leaf[T], slashed: Leaf[T]) -> bool:
    """Whether two leaves have the very same finals."""
    return plain.keys() == slashed.keys() and all(
        len(finals) == len(slashed[key]) and all(map(is_, finals, slashed[key])) for key, finals in plain.items()
    )


def _key_of(way: Branch[T] | Span[T]) -> tuple[int, ...]:
    return way.key
