"""What is said about a request that nothing matches."""

from __future__ import annotations

import time

import pytest

from costrel.routing import NoMatch

TEMPLATES = ["/users", "/users/{id}", "/health", "/"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/user/5", ("/users/{id}", "/users"), id="a-letter-missing-before-a-parameter"),
        pytest.param("/helth", ("/health",), id="a-letter-missing"),
        pytest.param("/completely/other/things", (), id="nothing-near"),
    ],
)
def test_near_templates_are_found(path: str, expected: tuple[str, ...]) -> None:
    """Parameters count as what stands in their place."""

    assert expected == NoMatch(path, templates=TEMPLATES).near


def test_at_most_three_are_near() -> None:
    """The nearest three, and each once."""
    templates = [f"/item{n}" for n in range(10)] * 2

    assert 3 == len(set(NoMatch("/item", templates=templates).near))
    assert () == NoMatch("/item").near


@pytest.mark.security("B18")
def test_a_long_path_and_many_templates_are_bounded() -> None:
    """Only the beginning of a path and of the list is compared."""
    started = time.process_time()
    _ = NoMatch("/" + "ab" * 4000, templates=[f"/{'ab' * 20}{n}" for n in range(20_000)]).near

    assert time.process_time() - started < 2
