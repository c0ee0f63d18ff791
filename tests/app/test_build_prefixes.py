"""Whole prefixes: what lies below a mount or a blueprint, down to the oddest path."""

from __future__ import annotations

import pytest

from costrel.app import App, Blueprint
from costrel.app.build_prefixes import REST
from costrel.routing import parse_pattern
from costrel.testing import TestClient


@pytest.mark.parametrize("path", ["x", "x/", "/x", "//", "a//b", "a/"])
def test_the_rest_of_a_prefix_is_anything(path: str) -> None:
    """Empty segments included, so that a mounted application answers them itself."""
    pattern = parse_pattern(f"/p/{{rest:{REST}}}")

    assert f"/p/{path}" == pattern.format({"rest": path})[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/m", "/", id="the-prefix-itself"),
        pytest.param("/m/", "/", id="with-a-slash"),
        pytest.param("/m/a/b", "/a/b", id="below"),
        pytest.param("/m//", "//", id="an-empty-segment"),
        pytest.param("/m//a", "//a", id="a-second-slash"),
    ],
)
def test_a_mount_gets_every_path_below_it(path: str, expected: str) -> None:
    """What the child sees is the rest, nothing added and nothing taken away."""
    seen: list[str] = []
    parent, child = App("parent", extensions=()), App("child", extensions=())
    child.on("request_started", lambda fields: seen.append(fields["request"].route_path))
    parent.mount("/m", child)

    with TestClient(parent) as client:
        client.get(path)

    assert [expected] == seen


def test_the_error_handlers_of_a_prefix_answer_below_it_on_its_host_only() -> None:
    """Two blueprints with one prefix on two hosts have an answer each."""
    app = App("test", extensions=())
    for host in ("a.example", "b.example"):
        part = Blueprint(host.partition(".")[0], prefix="/x")
        part.errorhandler(404)(lambda host=host: host)
        app.host(host, part)

    with TestClient(app) as client:
        texts = [client.get("/x/y", headers={"host": host}).text for host in ("a.example", "b.example")]
        other = client.get("/x/y")

    assert ["a.example", "b.example"] == texts
    assert "application/problem+json" == other.headers["content-type"]
