"""Counting an access log: routes, folded paths, durations, and what nobody asks for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from costrel.cli.access_lines import AccessLine
from costrel.cli.traffic import (
    MAX_FOLDED_PATHS,
    NO_ROUTE,
    OTHER_PATHS,
    KnownRoute,
    RouteCount,
    count_traffic,
    fold_path,
)


def known(method: str, path: str, mount: str = "", prefix: str = "") -> KnownRoute:
    """A route of an application."""
    return KnownRoute(method, prefix + path, path, mount, path, "shop.py:1")


def counted(
    *lines: AccessLine, routes: tuple[KnownRoute, ...] = (), mounts: dict[str, bool] | None = None
) -> list[str]:
    """Count lines and show each counter as ``mount method path count``."""
    found = count_traffic(lines, routes, mounts or {}).counts
    return [f"{count.mount or '-'} {count.method or '-'} {count.path} {count.count}" for count in found]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/orders/17", "/orders/{…}", id="a-number"),
        pytest.param("/o/3f6a1c0e-9b7d-4a54-8f00-0123456789ab/x", "/o/{…}/x", id="a-uuid"),
        pytest.param("/o/3F6A1C0E-9B7D-4A54-8F00-0123456789AB", "/o/{…}", id="a-uuid-in-capitals"),
        pytest.param("/o/507f1f77bcf86cd799439011", "/o/{…}", id="a-digest"),
        pytest.param("/log/2026-11-22", "/log/{…}", id="a-date"),
        pytest.param("/blog/how-to-make-tea-4711", "/blog/{…}", id="a-slug-with-a-number"),
        pytest.param("/api/v2/users", "/api/v2/users", id="a-version"),
        pytest.param("/defaced-facade/cafe", "/defaced-facade/cafe", id="words-of-hexadecimal-letters"),
        pytest.param("/", "/", id="the-root"),
    ],
)
def test_segments_that_look_like_ids_are_folded(path: str, expected: str) -> None:
    """And no others, so that what is counted can be recognised."""

    assert expected == fold_path(path)


def test_requests_are_counted_by_route_and_by_folded_path() -> None:
    """The most asked first; what has no route and no mount is counted together."""
    lines = [
        AccessLine("GET", "/users/1", route="/users/{id}", status_code=200),
        AccessLine("GET", "/users/2", route="/users/{id}", status_code=500),
        AccessLine("GET", "/reports/1", mount="legacy", status_code=200),
        AccessLine("GET", "/reports/2", mount="legacy", status_code=503),
        AccessLine("GET", "/reports/3", mount="legacy", status_code=404),
        AccessLine("POST", "/reports/3", mount="legacy", status_code=200),
        AccessLine("GET", "/nothing", status_code=404),
        AccessLine("GET", "/other", status_code=404),
    ]
    expected = ["legacy GET /reports/{…} 3", f"- - {NO_ROUTE} 2", "- GET /users/{id} 2", "legacy POST /reports/{…} 1"]

    assert expected == counted(*lines, routes=(known("GET", "/users/{id}"),), mounts={"legacy": False})


def test_what_a_mount_has_answered_is_added_up() -> None:
    """One row for each application of another framework, with its failures."""
    lines = [AccessLine("GET", f"/{name}", mount="legacy", status_code=500) for name in "aab"]
    traffic = count_traffic(lines, [], {"legacy": False, "older": False})

    assert [("legacy", 3, 1.0)] == [(mount.mount, mount.count, mount.failed_share) for mount in traffic.mounts]
    assert ["/a", "/b"] == [count.path for count in traffic.paths_of("legacy")]
    assert ["older"] == traffic.unasked_mounts


def test_routes_that_nobody_asked_for_are_known() -> None:
    """Each method of a route on its own; the same path in a mounted `App` is another one."""
    routes = (known("GET", "/a"), known("POST", "/a"), known("GET", "/a", "wiki", "/wiki"), known("GET", "/b"))
    lines = [AccessLine("GET", "/wiki/a", route="/a", mount="wiki"), AccessLine("GET", "/b", route="/b")]
    traffic = count_traffic(lines, routes, {"wiki": True})

    assert [("GET", "/a"), ("POST", "/a")] == [(route.method, route.path) for route in traffic.unasked]
    assert {"/wiki/a", "/b"} == {count.path for count in traffic.counts}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(AccessLine("HEAD", "/a", route="/a", status_code=200), "- GET /a 1", id="head-is-answered-by-get"),
        pytest.param(AccessLine("OPTIONS", "/a", route="/a"), "- OPTIONS /a 1", id="options-stands-for-itself"),
        pytest.param(AccessLine("GET", "/s", route="/s", status_code=101), "- WEBSOCKET /s 1", id="a-websocket"),
        pytest.param(
            AccessLine("GET", "/both", route="/both", status_code=101), "- WEBSOCKET /both 1", id="shared-path"
        ),
        pytest.param(
            AccessLine("GET", "/both", route="/both", status_code=200), "- GET /both 1", id="shared-path-read"
        ),
        pytest.param(
            AccessLine("GET", "/x", mount="wiki", status_code=404), f"wiki - {NO_ROUTE} 1", id="404-in-an-app"
        ),
        pytest.param(AccessLine("GET", "/x/1", mount="gone"), "gone GET /x/{…} 1", id="a-mount-that-is-gone"),
        pytest.param(AccessLine("GET", "/gone", route="/gone"), "- GET /gone 1", id="a-route-that-is-gone"),
        pytest.param(AccessLine("GET", "/x~", mount="old", is_cut=True), "old GET {cut} 1", id="a-path-that-was-cut"),
    ],
)
def test_a_request_is_counted_where_it_was_answered(line: AccessLine, expected: str) -> None:
    """Whatever it was."""
    routes = (known("GET", "/a"), known("WEBSOCKET", "/s"), known("GET", "/both"), known("WEBSOCKET", "/both"))

    assert [expected] == counted(line, routes=routes, mounts={"wiki": True})


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_so_many_paths_of_a_mount_are_told_apart(extra: int) -> None:
    """A crawler that asks for a million paths does not fill the memory."""
    lines = [
        AccessLine("GET", f"/p{'x' * (index % 7)}y{index}", mount="old") for index in range(MAX_FOLDED_PATHS + extra)
    ]
    paths = {count.path for count in count_traffic(lines, [], {}).counts}

    assert MAX_FOLDED_PATHS + extra == len(paths)
    assert (extra > 0) == (OTHER_PATHS in paths)


@given(
    st.lists(st.floats(min_value=1e-6, max_value=1e5), min_size=1, max_size=60),
    st.sampled_from([1, 50, 95, 100]),
)
def test_a_percentile_is_two_percent_too_long_at_most(durations: list[float], percent: int) -> None:
    """Although no duration is kept."""
    count = RouteCount("GET", "/")
    for duration in durations:
        count.add(AccessLine("GET", "/", status_code=200, duration_seconds=duration))
    exact = sorted(durations)[math.ceil(len(durations) * percent / 100) - 1]
    shown = count.percentile_seconds(percent)

    assert shown is not None
    assert exact * 0.999999 <= shown <= exact * 1.021


def test_a_log_without_durations_has_no_percentiles() -> None:
    """Nor has a WebSocket, which lives as long as its page."""
    count = RouteCount("GET", "/")
    count.add(AccessLine("GET", "/", status_code=200))
    count.add(AccessLine("GET", "/", status_code=101, duration_seconds=3600))

    assert count.percentile_seconds(50) is None
    assert (2, 0.0) == (count.count, count.failed_share)


@given(st.lists(st.tuples(st.sampled_from(["", "legacy"]), st.sampled_from("abc"), st.sampled_from([200, 500]))))
def test_no_request_is_lost_or_counted_twice(requests: list[tuple[str, str, int]]) -> None:
    """The counters add up to the log."""
    lines = [AccessLine("GET", f"/{path}", mount=mount or None, status_code=status) for mount, path, status in requests]
    traffic = count_traffic(lines, [], {"legacy": False})

    assert len(requests) == traffic.total == sum(count.count for count in traffic.counts)
    assert sum(status == 500 for _, _, status in requests) == sum(count.failed_count for count in traffic.counts)
