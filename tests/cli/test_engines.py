"""Other servers: what is passed on to them and what is not."""

from __future__ import annotations

import pytest

from costrel.cli.engines import ENGINES, ignored_settings, is_installed
from costrel.server import ServerSettings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, [], id="the-defaults"),
        pytest.param({"port": 1, "host": "::1", "backlog": 5, "access_log": False}, [], id="where-to-listen"),
        pytest.param({"keep_alive_timeout_seconds": 20, "graceful_timeout_seconds": 1}, [], id="times-they-have-too"),
        pytest.param(
            {"max_header_count": 5, "ws_max_fragments": 5},
            ["max_header_count", "ws_max_fragments"],
            id="limits-of-our-own-server",
        ),
    ],
)
def test_what_another_server_ignores_is_known(settings: dict[str, object], expected: list[str]) -> None:
    """So that whoever sets a limit is told that it does not hold."""

    assert expected == ignored_settings("uvicorn", ServerSettings.from_environment({}, **settings))


def test_what_granian_has_no_word_for_is_known_too() -> None:
    """It listens on an address alone, and its times are its own."""
    settings = ServerSettings(uds="/run/shop.sock", graceful_timeout_seconds=1)

    assert ["uds", "graceful_timeout_seconds"] == ignored_settings("granian", settings)


def test_the_engines_are_those_of_the_extra() -> None:
    """And whether one is there is known without importing it."""

    assert {"granian", "hypercorn", "uvicorn"} == set(ENGINES)
    assert is_installed("json")
    assert not is_installed("no_such_package_anywhere")
