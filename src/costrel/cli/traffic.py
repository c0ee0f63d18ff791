"""What an access log tells about the routes of an application: how often each was asked, how fast, how well.

A log is read once, line by line, and what is kept of it does not grow with its length: a counter for each route, and
of durations how many lie between two bounds that are two percent apart. What an application of another framework
answered has no route; it is counted by method and path, with the segments that look like ids folded to ``{…}``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from costrel.cli.access_lines import AccessLine

__all__ = ["KnownRoute", "RouteCount", "Traffic", "count_traffic", "fold_path"]

MAX_FOLDED_PATHS = 5_000
"""Of one mount at most so many paths are told apart; the requests of others are counted in one place."""

OTHER_PATHS = "(other paths)"
NO_ROUTE = "(no route)"

_BOUND_RATIO = math.log(1.02)
_MIN_SECONDS = 1e-6
# Numbers, UUIDs, hexadecimal digests and dates; and words that end in a number of four digits or more, such as slugs.
_ID = re.compile(
    r"\d+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{16,}|\d{4}-\d\d-\d\d|[\w-]*-\d{4,}",
    re.IGNORECASE,
)


def fold_path(path: str) -> str:
    """Return a path with ``{…}`` for each segment that looks like an id.

    >>> fold_path("/orders/17/lines/3f6a1c0e-9b7d-4a54-8f00-0123456789ab")
    '/orders/{…}/lines/{…}'
    """
    return "/".join("{…}" if _ID.fullmatch(segment) else segment for segment in path.split("/"))


@dataclass(frozen=True, slots=True)
class KnownRoute:
    """A route that the application has.

    Args:
        method: one of its methods.
        path: the whole template, with the prefix of its mount.
        local_path: the template without it, as it stands in the log.
        mount: the dotted name of the mount it is in, empty for the outermost application.
        name: of the route.
        where: file and line.
    """

    method: str
    path: str
    local_path: str
    mount: str
    name: str
    where: str


@dataclass(slots=True)
class RouteCount:
    """The requests of one route, or of one path of a mounted application of another framework.

    Attributes:
        method: of the requests.
        path: the template, or the folded path.
        mount: dotted name of the mount, empty for the outermost application.
        is_old: whether an application of another framework answered.
        count: of requests.
        failed_count: of those whose status was 500 or more.
    """

    method: str
    path: str
    mount: str = ""
    is_old: bool = False
    count: int = 0
    failed_count: int = 0
    _durations: dict[int, int] = field(default_factory=dict, repr=False)

    def add(self, line: AccessLine) -> None:
        """Count a request."""
        self.count += 1
        self.failed_count += line.status_code >= 500
        # A WebSocket lives as long as its page, which says nothing about how fast anything is.
        if line.duration_seconds is not None and line.status_code != 101:
            bound = math.ceil(math.log(max(line.duration_seconds, _MIN_SECONDS) / _MIN_SECONDS) / _BOUND_RATIO)
            self._durations[bound] = self._durations.get(bound, 0) + 1

    def take(self, other: RouteCount) -> None:
        """Add what was counted elsewhere."""
        self.count += other.count
        self.failed_count += other.failed_count
        for bound, count in other._durations.items():
            self._durations[bound] = self._durations.get(bound, 0) + count

    @property
    def failed_share(self) -> float:
        """The part of the requests that failed, 0 to 1."""
        return self.failed_count / self.count if self.count else 0.0

    def percentile_seconds(self, percent: float) -> float | None:
        """Return the duration that `percent` of the requests did not exceed, two percent too long at most.

        Args:
            percent: 0 to 100.

        Returns:
            `None` when the log has no durations.
        """
        wanted = math.ceil(sum(self._durations.values()) * percent / 100)
        seen = 0
        for bound, count in sorted(self._durations.items()):
            seen += count
            if seen >= wanted:
                return _MIN_SECONDS * math.exp(bound * _BOUND_RATIO)
        return None


@dataclass(slots=True)
class Traffic:
    """What was counted.

    Attributes:
        counts: routes and folded paths, the most asked first.
        unasked: routes of the application that nobody asked for.
        unasked_mounts: applications of other frameworks that nobody asked for anything.
        total: all requests.
        first_time: of the first line, as it stands there.
        last_time: of the last one.
        broken_count: lines that could not be read.
    """

    counts: list[RouteCount]
    unasked: list[KnownRoute]
    unasked_mounts: list[str]
    total: int = 0
    first_time: str | None = None
    last_time: str | None = None
    broken_count: int = 0

    @property
    def mounts(self) -> list[RouteCount]:
        """For each application of another framework all that it answered together, the most asked first."""
        found: dict[str, RouteCount] = {}
        for count in self.counts:
            if count.is_old:
                found.setdefault(count.mount, RouteCount("", "", count.mount, is_old=True)).take(count)
        return sorted(found.values(), key=lambda count: -count.count)

    def paths_of(self, mount: str) -> list[RouteCount]:
        """Return what was asked of one of them, the most asked first."""
        return [count for count in self.counts if count.is_old and count.mount == mount]


def count_traffic(lines: Iterable[AccessLine], routes: Sequence[KnownRoute], own_mounts: Mapping[str, bool]) -> Traffic:
    """Count the lines of a log.

    Args:
        lines: read once.
        routes: of the application and of each `App` mounted in it.
        own_mounts: for each dotted name of a mount whether it is an `App`; one that the application does not have any
            more counts as another framework's when its requests had no route.
    """
    methods: dict[tuple[str, str], set[str]] = {}
    whole_paths: dict[tuple[str, str], str] = {}
    for route in routes:
        methods.setdefault((route.mount, route.local_path), set()).add(route.method)
        whole_paths[route.mount, route.local_path] = route.path
    found: dict[tuple[str, str, str], RouteCount] = {}
    folded_counts: dict[str, int] = {}
    traffic = Traffic([], [], [])
    for line in lines:
        traffic.total += 1
        traffic.first_time = traffic.first_time or line.time
        traffic.last_time = line.time or traffic.last_time
        mount, method, path = line.mount or "", line.method, line.route
        is_old = path is None and bool(mount) and not own_mounts.get(mount, False)
        if path is not None:
            method = _method_of(line, methods.get((mount, path), set()))
        elif is_old:
            path = "{cut}" if line.is_cut else fold_path(line.path)
            if (mount, method, path) not in found and folded_counts.get(mount, 0) >= MAX_FOLDED_PATHS:
                method, path = "", OTHER_PATHS
        else:
            method, path = "", NO_ROUTE
        key = (mount, method, path)
        count = found.get(key)
        if count is None:
            folded_counts[mount] = folded_counts.get(mount, 0) + is_old
            shown = whole_paths.get((mount, path), path)
            count = found[key] = RouteCount(method, shown, mount, is_old)
        count.add(line)
    traffic.counts = sorted(found.values(), key=lambda count: (-count.count, count.path, count.method))
    traffic.unasked = [route for route in routes if (route.mount, route.method, route.local_path) not in found]
    asked_mounts = {count.mount for count in traffic.counts}
    traffic.unasked_mounts = [name for name, is_own in own_mounts.items() if not is_own and name not in asked_mounts]
    return traffic


def _method_of(line: AccessLine, known: set[str]) -> str:
    """Return the method of the route that answered: HEAD is answered by GET, a handshake by a WebSocket route."""
    if line.method in known:
        return "WEBSOCKET" if line.status_code == 101 and "WEBSOCKET" in known else line.method
    if line.method == "GET" and "WEBSOCKET" in known:
        return "WEBSOCKET"
    return "GET" if line.method == "HEAD" and "GET" in known else line.method
