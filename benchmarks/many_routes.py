"""What many routes cost: a lookup in tables of 10 to 10,000 routes, and building an application of as many.

A third of the routes are literal, a third end in a number, a third have two parameters. Nine paths that are asked again
and again show what the search costs; paths drawn from the whole table show what it costs when the processor's cache
cannot hold the table either.

    python benchmarks/many_routes.py
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import cache

from harness.record import Routing
from harness.spread import spread_of

from costrel import App
from costrel.routing import RouteEntry, RouteTable, build_table, parse_pattern

__all__ = ["ROUTE_COUNTS", "measure"]

ROUTE_COUNTS = (10, 100, 1000, 10_000)
LOOKUPS = 2000
REPEATS = 5


class Asked:
    """What a table asks of a request."""

    method = "GET"
    host = "localhost"
    headers: dict[str, str] = {}
    is_websocket = False

    def __init__(self, path: str) -> None:
        self.route_path = path
        self.path_params: dict[str, object] = {}


@cache
def patterns(count: int) -> list[str]:
    """Return the patterns of an application with so many routes."""
    forms = ("/resource{}", "/resource{}/{{id:int}}", "/resource{}/{{id:int}}/parts/{{part}}")
    return [forms[number % 3].format(number // 3) for number in range(count)]


def path_of(pattern: str) -> str:
    """Return a path that a pattern matches."""
    return pattern.replace("{id:int}", "42").replace("{part}", "wheel")


def table_of(count: int) -> RouteTable[str]:
    """Build a table."""
    entries = [RouteEntry(parse_pattern(pattern), frozenset({"GET"}), pattern) for pattern in patterns(count)]
    table, mistakes = build_table(entries)
    if mistakes:
        raise SystemExit(str(mistakes[0]))
    return table


def app_of(count: int) -> App:
    """Make an application that is not built yet."""
    app = App("routes")

    async def literal() -> str:
        return "text"

    async def one(id: int) -> dict[str, int]:
        return {"id": id}

    async def two(id: int, part: str) -> dict[str, object]:
        return {"id": id, "part": part}

    for number, pattern in enumerate(patterns(count)):
        app.add_route(pattern, (literal, one, two)[number % 3], name=f"route{number}")
    return app


def draw(count: int, number: int, drawn: random.Random) -> Asked:
    """Draw a request for one of the routes, each of the three forms as often."""
    return Asked(path_of(patterns(count)[drawn.randrange(count // 3) * 3 + number % 3]))


def lookup_ns(table: RouteTable[str], requests: Sequence[Asked]) -> float:
    """Return the CPU nanoseconds of a lookup."""
    begin = time.process_time()
    for _ in range(REPEATS):
        for request in requests:
            table.find(request)
    return (time.process_time() - begin) / REPEATS / len(requests) * 1e9


def build_ms(count: int) -> float:
    """Return the CPU milliseconds of building an application."""
    app = app_of(count)
    begin = time.process_time()
    app.build()
    return (time.process_time() - begin) * 1e3


def measure(round_count: int) -> list[Routing]:
    """Measure all sizes in rounds."""
    drawn = random.Random(7)
    figures = {count: Routing(count, [], [], [], []) for count in ROUTE_COUNTS}
    tables = {count: table_of(count) for count in ROUTE_COUNTS}
    asked = {count: [draw(count, number, drawn) for number in range(LOOKUPS)] for count in ROUTE_COUNTS}
    few = {count: asked[count][:9] * (LOOKUPS // 9) for count in ROUTE_COUNTS}
    unknown = [Asked(f"/unknown{number}/42") for number in range(LOOKUPS)]
    for count, table in tables.items():
        for request in asked[count]:
            if table.find(request) is None:
                raise SystemExit(f"{request.route_path} is not found among {count} routes")
    for _ in range(round_count):
        for count, table in tables.items():
            figures[count].lookup_ns.append(lookup_ns(table, few[count]))
            figures[count].scattered_ns.append(lookup_ns(table, asked[count]))
            figures[count].unmatched_ns.append(lookup_ns(table, unknown))
    for _ in range(min(round_count, 3)):
        for count in ROUTE_COUNTS:
            figures[count].build_ms.append(build_ms(count))
    return list(figures.values())


if __name__ == "__main__":
    for figure in measure(5):
        lookup, scattered = spread_of(figure.lookup_ns).median, spread_of(figure.scattered_ns).median
        unmatched, build = spread_of(figure.unmatched_ns).median, spread_of(figure.build_ms).median
        print(
            f"{figure.route_count:6} routes  lookup {lookup:6.0f} ns, scattered {scattered:6.0f}, "
            f"unmatched {unmatched:6.0f}  build {build:8.1f} ms, {build / figure.route_count * 1000:6.1f} for 1,000"
        )
