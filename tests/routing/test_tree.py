"""The tree of segments: order of the ways, walking back, and the work it does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from types import FrameType
from typing import Any

import pytest

from costrel.routing import RouteEntry, RouteTable
from costrel.routing.tree import Node


class Steps:
    """How many lines ran."""

    count = 0


@contextmanager
def counted_steps() -> Iterator[Steps]:
    """Count the lines of this room that run inside the block."""
    steps = Steps()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if "routing" not in frame.f_code.co_filename:
            return None
        steps.count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield steps
    finally:
        sys.settrace(before)


def steps_of(table: RouteTable[str], request: Any) -> int:
    """Return the number of steps of one look-up."""
    with counted_steps() as steps:
        table.find(request)
    return steps.count


def test_patterns_of_one_shape_share_their_nodes(make_entry: Callable[..., RouteEntry[str]]) -> None:
    """The names of parameters make no difference to the tree."""
    root: Node[str] = Node()
    first = root.insert(make_entry("/a/{b:int}/c").pattern)

    assert first is root.insert(make_entry("/a/{x:int}/c").pattern)
    assert first is not root.insert(make_entry("/a/{x}/c").pattern)


def test_the_ways_of_a_node_are_sorted(make_entry: Callable[..., RouteEntry[str]]) -> None:
    """The most specific way is tried first, and ties are known."""
    root: Node[str] = Node()
    for text in ("/{p:path}", "/{a}", "/{p:path}/x", "/{a:int}", "/{a}.{b}"):
        root.insert(make_entry(text).pattern)
    root.freeze()

    assert [(1, -1, 50, 50), (2, 30), (2, 50)] == [branch.key for branch in root.branches]
    assert [1, 0] == [span.following_count for span in root.spans]
    assert root.is_fork
    assert not root.is_tied
    assert root.only_branch is None


@pytest.mark.parametrize(
    ("routes", "path", "expected"),
    [
        pytest.param(["/a/{x}/c", "/{y}/b/d"], "/a/b/d", "GET /{y}/b/d", id="a-literal-that-leads-nowhere"),
        pytest.param(["/{a:int}/x", "/{b}/y"], "/5/y", "GET /{b}/y", id="a-converter-that-leads-nowhere"),
        pytest.param(["/{a}/x", "/{p:path}"], "/5/y", "GET /{p:path}", id="a-parameter-that-leads-nowhere"),
        pytest.param(["/a/b/{x:int}", "/a/{p:path}"], "/a/b/c", "GET /a/{p:path}", id="two-literals-and-back"),
        pytest.param(["/{a}-{b}/{c}", "/{a}.{b}/y"], "/1-2.3/y", "GET /{a}.{b}/y", id="a-tie-decided-later"),
        pytest.param(["/{a}-{b}/x", "/{a}.{b}/y"], "/1-2.3/x", "GET /{a}-{b}/x", id="a-tie-with-one-way"),
        pytest.param(["/{a}-{b}/x", "/{a}.{b}/y"], "/1-2.3/z", None, id="a-tie-that-leads-nowhere"),
        pytest.param(["/{p:path}/x/y", "/{p:path}/y"], "/a/x/y", "GET /{p:path}/x/y", id="the-longer-end-wins"),
        pytest.param(["/{p:path}/x/{n:int}"], "/a/x/b/x/7", "GET /{p:path}/x/{n:int}", id="an-end-after-a-path"),
        pytest.param(["/{p:path}/x"], "/x", None, id="a-path-is-not-empty"),
    ],
)
def test_a_way_that_leads_nowhere_is_walked_back(
    make_table: Any, make_request: Any, routes: list[str], path: str, expected: str | None
) -> None:
    """The walk finds the most specific pattern that matches the whole path."""

    assert expected == make_table(*routes).find(make_request(path))
    assert expected == make_table(*reversed(routes)).find(make_request(path))


@pytest.mark.capability("C006")
@pytest.mark.pain("P35")
def test_ten_thousand_routes_cost_the_steps_of_ten(make_table: Any, make_request: Any) -> None:
    """The number of steps does not depend on the number of routes, whatever the path looks like."""
    forms = ("/static{}", "/one{}/{{id:int}}", "/two{}/{{id:int}}/x/{{slug}}", "/files{}/{{p:path}}")
    few = make_table(*(form.format(n) for form in forms for n in range(3, 6)))
    many = make_table(*(form.format(n) for form in forms for n in range(2500)))
    paths = ["/static5", "/one5/7", "/two5/7/x/y", "/files5/a/b/c", "/nothing/7"]

    assert [steps_of(few, make_request(path)) for path in paths] == [
        steps_of(many, make_request(path)) for path in paths
    ]


@pytest.mark.security("B18")
def test_a_long_path_costs_no_more_steps_than_the_patterns_are_long(make_table: Any, make_request: Any) -> None:
    """The walk ends where the patterns end, however many segments come after."""
    table = make_table("/a/{b}/c", "/{x}/b/{y:int}", "/{x}/{y}/{z}/d")

    assert steps_of(table, make_request("/a" * 5)) == steps_of(table, make_request("/a" * 4000))


@pytest.mark.security("B18")
def test_a_hostile_tree_is_visited_once(make_table: Any, make_request: Any) -> None:
    """Where every segment is both a literal and a parameter, a path visits each node at most once."""
    depth = 8
    routes = ["/" + "/".join(parts) + "/end" for parts in product("a*", repeat=depth)]
    routes = [
        "/" + "/".join(f"{{p{i}}}" if part == "*" else part for i, part in enumerate(route[1:].split("/")))
        for route in routes
    ]
    table = make_table(*routes)
    node_count = 2 ** (depth + 1)

    assert steps_of(table, make_request("/a" * depth + "/other")) < 40 * node_count


@pytest.mark.security("B18")
def test_a_path_after_a_path_of_segments_is_joined_once(make_table: Any, make_request: Any) -> None:
    """A parameter that spans segments does not try every length."""
    table = make_table("/{p:path}/x", "/{p:path}/y/{z:int}")

    assert steps_of(table, make_request("/a" * 10)) == steps_of(table, make_request("/a" * 4000))
