"""What is printed of an access log: a table, what nobody asks for, and what is left to move."""

from __future__ import annotations

import pytest

from costrel.cli.access_lines import AccessLine
from costrel.cli.traffic import KnownRoute, Traffic, count_traffic
from costrel.cli.traffic_report import traffic_json, traffic_text

ROUTES = (
    KnownRoute("GET", "/users/{id}", "/users/{id}", "", "user", "shop.py:7"),
    KnownRoute("POST", "/orders", "/orders", "", "order", "shop.py:12"),
)


def plain(text: str, *_: str) -> str:
    """Paint nothing."""
    return text


def make_traffic(new_count: int = 39, old_count: int = 61) -> Traffic:
    """Requests of a moved route and of the application that it was moved from."""
    moved = AccessLine("GET", "/users/1", status_code=200, duration_seconds=0.001, route="/users/{id}", time="Monday")
    left = AccessLine("GET", "/reports/1", status_code=500, duration_seconds=0.25, mount="legacy", time="Friday")
    return count_traffic([moved] * new_count + [left] * old_count, ROUTES, {"legacy": False})


def test_a_team_sees_what_is_left_to_move() -> None:
    """The whole report, as it is printed."""
    expected = """\
Requests  Share     5xx     p50     p95  Route
      61  61.0%  100.0%  252 ms  252 ms  legacy (mounted)
      39  39.0%       -  1.0 ms  1.0 ms  GET /users/{id}

Never asked
  POST /orders  shop.py:12

61% of requests are still answered by `legacy`; its paths:
  61  61.0%  100.0%  252 ms  252 ms  GET /reports/{…}

100 requests, Monday to Friday."""

    assert expected == traffic_text(make_traffic(), plain)


def test_the_ten_paths_that_are_asked_most_are_named() -> None:
    """With how many there are, within 80 columns."""
    lines = [
        AccessLine("GET", f"/{'very-' * 20}{name}", mount="legacy", status_code=200)
        for index, name in enumerate("abcdefghijkl")
        for _ in range(index + 1)
    ]
    shown = traffic_text(count_traffic(lines, (), {"legacy": False}), plain)

    assert "100% of requests are still answered by `legacy`; the 10 of 12 paths asked most:" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert 10 == shown.count("GET /very-")


@pytest.mark.parametrize(
    ("new_count", "old_count", "expected"),
    [
        pytest.param(1999, 1, "Less than 1% of requests", id="hardly-any"),
        pytest.param(1, 1999, "99% of requests", id="nearly-all"),
        pytest.param(0, 5, "100% of requests", id="all"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(new_count: int, old_count: int, expected: str) -> None:
    """Whoever reads 100% stops to look for the rest."""

    assert expected in traffic_text(make_traffic(new_count, old_count), plain)


def test_a_mount_that_nobody_asks_can_go() -> None:
    """The move is complete."""

    assert "Nobody asks `legacy` for anything any more." in traffic_text(make_traffic(old_count=0), plain)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0.00042, "0.4 ms", id="below-a-millisecond"),
        pytest.param(0.02, "20 ms", id="milliseconds"),
        pytest.param(1.5, "1500 ms", id="seconds-in-milliseconds"),
        pytest.param(60.0, "60 s", id="a-minute"),
    ],
)
def test_durations_have_a_unit_that_fits(seconds: float, expected: str) -> None:
    """Two significant digits are enough; the bound above it is at most two percent away."""
    line = AccessLine("GET", "/", status_code=200, duration_seconds=seconds, route="/users/{id}")
    shown = traffic_text(count_traffic([line], ROUTES, {}), plain).splitlines()[1].split("  ")
    number, unit = next(cell for cell in shown if "s" in cell).strip().split()

    assert expected.split()[1] == unit
    assert float(expected.split()[0]) == pytest.approx(float(number), rel=0.025, abs=0.05)


def test_an_empty_log_says_so() -> None:
    """With the lines that could not be read."""
    traffic = count_traffic([], ROUTES, {})
    traffic.broken_count = 1

    assert "The log has no requests.\n\n1 line could not be read." == traffic_text(traffic, plain)


def test_the_json_has_everything() -> None:
    """For a chart of how the move goes on."""
    found = traffic_json(make_traffic())

    assert 100 == found["request_count"]
    assert [{"method": "POST", "path": "/orders", "name": "order", "where": "shop.py:12"}] == found["unasked"]
    assert isinstance(found["mounts"], list)
    assert ("legacy", 61, 0.61, 61) == tuple(
        found["mounts"][0][name] for name in ("mount", "count", "share", "failed_count")
    )
    assert "/reports/{…}" == found["mounts"][0]["paths"][0]["path"]
