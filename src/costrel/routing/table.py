"""The route table: all routes of an application, built once, asked once for each request.

Literal paths are found by two dict lookups, a literal prefix with one parameter by a few more, everything else by a
walk through the `tree` of its host. The most specific pattern that has the method wins, whatever the order of
registration. Routes with a host are tried before those without, an exact host before a pattern; within a host, mounts
come last. Nothing changes after `build_table`, so the table may be shared by threads.

`RouteTable.find` is the hot path. What is needed only when nothing was found is in `RouteTable.explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from costrel.errors import Mistake
from costrel.http import encode_path
from costrel.routing import mistakes
from costrel.routing.ambiguity import find_ambiguities
from costrel.routing.converters import PathConverter
from costrel.routing.entries import ANY_METHOD, WEBSOCKET_KEY, RouteEntry, slash_forms
from costrel.routing.hosts import HostPattern
from costrel.routing.no_match import NoMatch
from costrel.routing.pattern import Pattern
from costrel.routing.requests import RequestLike
from costrel.routing.tree import Final, Leaf, Node, collect_leaves, find_first, passes, path_params_of, sort_finals

__all__ = ["RouteTable", "build_table"]

T = TypeVar("T")
K = TypeVar("K")


_LastSegment = tuple[Mapping[str, object], Callable[[str], object], dict[str, tuple[str, T]]]
"""Below a literal prefix: the literal segments, the parser of the one parameter, and by method its name and target."""


class _HostRoutes(Generic[T]):
    """The routes of one host, or those of every host.

    Attributes:
        host: the pattern, or `None` for every host.
        routes, mounts: the roots of the two trees.
        literal_paths: the targets by path and method key, where no predicate and no parameter is asked.
        last_segments: by literal prefix, the same for paths with one parameter at their end.
    """

    __slots__ = ("_known", "host", "last_segments", "literal_paths", "mounts", "routes")

    def __init__(self, host: HostPattern | None) -> None:
        self.host = host
        self.routes: Node[T] = Node()
        self.mounts: Node[T] = Node()
        # Names and specificities that many routes have in common are kept once.
        self._known: dict[tuple[object, ...], Any] = {}
        self.literal_paths: dict[str, dict[str, T]] = {}
        self.last_segments: dict[str, _LastSegment[T]] = {}

    def insert(self, entry: RouteEntry[T], number: int) -> None:
        root = self.mounts if entry.is_mount else self.routes
        host_names = entry.host.parameters if entry.host else ()
        for pattern in entry.pattern.expand():
            names = self._shared((*host_names, *pattern.parameters))
            rank = (self._shared(pattern.specificity), entry.when is None, number)
            final = Final(entry.target, names, entry.when, rank, entry)
            node = root.insert(pattern)
            for is_slashed in slash_forms(pattern, entry.trailing_slash):
                leaf = node.leaves[is_slashed]
                for key in entry.method_keys:
                    leaf[key] = (*leaf.get(key, ()), final)

    def freeze(self) -> None:
        self.routes.freeze()
        self.mounts.freeze()
        self._known = {}
        self._add_short_cuts(self.routes, "")

    def _shared(self, value: tuple[K, ...]) -> tuple[K, ...]:
        known: tuple[K, ...] = self._known.setdefault(value, value)
        return known

    def _add_short_cuts(self, node: Node[T], path: str) -> None:
        before: Leaf[T] | None = None
        targets: dict[str, T] = {}
        for leaf, spelled in zip(node.leaves, (path, f"{path}/"), strict=True):
            if leaf is not before:
                before = leaf
                targets = {
                    key: finals[0].target
                    for key, finals in leaf.items()
                    if finals[0].when is None and not finals[0].names
                }
            if targets:
                self.literal_paths[spelled] = targets
        if node.only_branch is not None:
            parse, child = node.only_branch
            named_targets = {
                key: (finals[0].names[0], finals[0].target)
                for key, finals in child.leaves[False].items()
                if finals[0].when is None and len(finals[0].names) == 1
            }
            self.last_segments[path] = (node.literals, parse, named_targets)
        for text, child in node.literals.items():
            self._add_short_cuts(child, f"{path}/{text}")

    def find(
        self,
        segments: list[str],
        is_slashed: bool,
        method_key: str,
        request: RequestLike,
        values: tuple[object, ...],
    ) -> T | None:
        target = find_first(self.routes, segments, 1, is_slashed, method_key, request, values)
        if target is None:
            target = find_first(self.mounts, segments, 1, is_slashed, ANY_METHOD, request, values)
        return target

    def leaves(self, root: Node[T], path: str, values: tuple[object, ...]) -> list[tuple[Leaf[T], tuple[object, ...]]]:
        found: list[tuple[Leaf[T], tuple[object, ...]]] = []
        segments = path.split("/")
        is_slashed = not segments[-1]
        if is_slashed:
            segments.pop()
        collect_leaves(root, segments, 1, is_slashed, values, found)
        return found


class RouteTable(Generic[T]):
    """A frozen table of routes; made by `build_table`."""

    __slots__ = (
        "_any_host",
        "_exact_hosts",
        "_has_hosts",
        "_host_patterns",
        "_last_segments",
        "_literal_paths",
        "_templates",
        "_whole",
        "entries",
    )

    def __init__(self, entries: Sequence[RouteEntry[T]]) -> None:
        self.entries: tuple[RouteEntry[T], ...] = tuple(entries)
        self._templates = tuple(_template_of(entry.pattern) for entry in self.entries)
        by_labels: dict[tuple[str | None, ...] | None, _HostRoutes[T]] = {}
        for number, entry in enumerate(self.entries):
            labels = entry.host.labels if entry.host else None
            by_labels.setdefault(labels, _HostRoutes(entry.host)).insert(entry, number)
        for host_routes in by_labels.values():
            host_routes.freeze()
        self._any_host = by_labels.get(None) or _HostRoutes(None)
        hosts = [(routes.host, routes) for routes in by_labels.values() if routes.host is not None]
        self._has_hosts = bool(hosts)
        self._exact_hosts = {host.text.lower(): routes for host, routes in hosts if host.is_exact}
        patterned = [(host, routes) for host, routes in hosts if not host.is_exact]
        self._host_patterns = tuple(sorted(patterned, key=lambda pair: pair[0].specificity))
        # Where there are hosts they come first, so the short cuts are left empty.
        self._literal_paths = {} if hosts else self._any_host.literal_paths
        self._last_segments = {} if hosts else self._any_host.last_segments
        self._whole = _whole_of(self.entries)

    def find(self, request: RequestLike) -> T | None:
        """Find the target of a request.

        Args:
            request: its `path_params` is set when the route has parameters, and may be when predicates are asked.

        Returns:
            The target of the most specific entry that matches, or `None`; then ask `explain`.
        """
        method_key = WEBSOCKET_KEY if request.is_websocket else request.method
        path = request.route_path
        targets = self._literal_paths.get(path)
        if targets is not None:
            target = targets.get(method_key)
            if target is not None:
                return target
        if self._whole is not None and path[:1] == "/":
            request.path_params = {self._whole[0]: path[1:]} if len(path) > 1 else {}
            return self._whole[1]
        # PERF: a prefix and one parameter needs no walk, saves 460 ns (benchmarks/tricks.py::last_segment, 3.11)
        prefix, slash, text = path.rpartition("/")
        last = self._last_segments.get(prefix)
        if last is not None and slash and text:
            literals, parse, named_targets = last
            named = named_targets.get(method_key)
            if named is not None and text not in literals:
                try:
                    value = parse(text)
                except ValueError:
                    pass
                else:
                    request.path_params = {named[0]: value}
                    return named[1]
        if path[:1] != "/":
            return None
        segments = path.split("/")
        is_slashed = not segments[-1]
        if is_slashed:
            segments.pop()
        if not self._has_hosts:
            target = find_first(self._any_host.routes, segments, 1, is_slashed, method_key, request, ())
            if target is None:
                target = find_first(self._any_host.mounts, segments, 1, is_slashed, ANY_METHOD, request, ())
            return target
        for host_routes, values in self._hosts_of(request):
            target = host_routes.find(segments, is_slashed, method_key, request, values)
            if target is not None:
                return target
        return None

    def candidates(self, request: RequestLike) -> Iterator[tuple[T, dict[str, object]]]:
        """Yield everything that matches, the most specific first; for routes that pass a request on.

        Args:
            request: its `path_params` is those of the pair that was yielded last.

        Yields:
            The target and the values of its parameters.
        """
        if not request.route_path.startswith("/"):
            return
        method_key = WEBSOCKET_KEY if request.is_websocket else request.method
        for host_routes, values in self._hosts_of(request):
            for root, key in ((host_routes.routes, method_key), (host_routes.mounts, ANY_METHOD)):
                for final, longer in sort_finals(host_routes.leaves(root, request.route_path, values), key):
                    if passes(final, longer, request):
                        request.path_params = path_params_of(final, longer)
                        yield final.target, request.path_params

    def explain(self, request: RequestLike) -> NoMatch:
        """Say why `find` returned `None` for a request.

        Args:
            request: the same request.

        Returns:
            The methods that the path has, or where the path should have led.
        """
        path = request.route_path
        if not path.startswith("/"):
            return NoMatch(path, templates=self._templates)
        keys = {key for key, _ in self._matching(request, path)}
        redirect_to = None
        other_path = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        # SECURITY: a ``Location`` that begins with two slashes leads to another host (RFC 3986 §4.2), and where one
        # of two slashes was taken away an empty segment is left, which matches nothing.
        has_toggled = other_path.endswith("/") != path.endswith("/")
        if other_path and has_toggled and not other_path.startswith("//"):
            redirecting = {
                key for key, final in self._matching(request, other_path) if final.entry.trailing_slash == "redirect"
            }
            if request.method in redirecting and not request.is_websocket:
                redirect_to = encode_path(other_path)
            keys |= redirecting
        methods = keys - {WEBSOCKET_KEY, ANY_METHOD}
        return NoMatch(
            path,
            allowed=frozenset(methods | {"OPTIONS"} if methods else ()),
            redirect_to=redirect_to,
            websocket_only=WEBSOCKET_KEY in keys and not methods,
            templates=self._templates,
        )

    def vary_of(self, entry: RouteEntry[T]) -> tuple[str, ...]:
        """Name the header fields that decide whether a request reaches an entry.

        The answers of the entry without a predicate vary as much as those of the entries with one.

        Args:
            entry: one of `entries`.

        Returns:
            The names for the ``Vary`` field, sorted.
        """
        fields: set[str] = set()
        for other in self.entries:
            vary = getattr(other.when, "vary", ())
            if vary and any(a.may_overlap(b) for a in entry.pattern.expand() for b in other.pattern.expand()):
                fields.update(vary)
        return tuple(sorted(fields))

    def _hosts_of(self, request: RequestLike) -> Iterator[tuple[_HostRoutes[T], tuple[object, ...]]]:
        """Yield the routes to try and the values of the host's parameters."""
        if self._has_hosts:
            host = request.host
            exact = self._exact_hosts.get(host)
            if exact is not None:
                yield exact, ()
            for pattern, host_routes in self._host_patterns:
                host_values = pattern.match(host)
                if host_values is not None:
                    yield host_routes, tuple(host_values.values())
        yield self._any_host, ()

    def _matching(self, request: RequestLike, path: str) -> Iterator[tuple[str, Final[T]]]:
        """Yield the method key and the final of everything that matches a path."""
        for host_routes, values in self._hosts_of(request):
            for leaf, longer in host_routes.leaves(host_routes.routes, path, values):
                for key, finals in leaf.items():
                    for final in finals:
                        if final.when is None or passes(final, longer, request):
                            yield key, final


def _template_of(pattern: Pattern) -> str:
    """Return the template of a pattern, which most patterns are written as."""
    template = pattern.template
    return pattern.text if pattern.text == template else template


def build_table(entries: Iterable[RouteEntry[T]]) -> tuple[RouteTable[T], list[Mistake]]:
    """Build the table and find the mistakes that concern several routes.

    Args:
        entries: in order of declaration, which matters only between entries with `RouteEntry.when`.

    Returns:
        The table, and the mistakes; the table is of use only when there are none.
    """
    listed = tuple(entries)
    found: list[Mistake] = []
    for entry in listed:
        if entry.host is None:
            continue
        for name in entry.host.parameters:
            if name in entry.pattern.parameters:
                text = entry.host.text + entry.pattern.text
                found.append(mistakes.duplicate_parameter(text, name, entry.where))
    return RouteTable(listed), [*found, *find_ambiguities(listed)]


def _whole_of(entries: Sequence[RouteEntry[T]]) -> tuple[str, T] | None:
    """Return the target of a table in which there is nothing but a mount of everything, and its parameter.

    It has two entries: one for ``/``, which the literal paths know, and one for all that begins with a slash.
    """
    if len(entries) != 2 or any(not entry.is_mount or entry.host or entry.when for entry in entries):
        return None
    root, rest = sorted(entries, key=lambda entry: len(entry.pattern.segments))
    if root.target is not rest.target or root.pattern.segments or len(rest.pattern.segments) != 1:
        return None
    (name,) = rest.pattern.parameters or ("",)
    converter = rest.pattern.converters.get(name)
    takes_all = isinstance(converter, PathConverter) and converter.leading_slash and rest.pattern.keeps_slash
    return (name, rest.target) if takes_all else None
