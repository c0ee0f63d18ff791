"""Other servers: what is passed on to them and what is not."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

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


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        pytest.param("uvicorn", ["header_timeout_seconds"], id="uvicorn"),
        pytest.param("hypercorn", ["header_timeout_seconds", "ws_ping_timeout_seconds"], id="hypercorn"),
        pytest.param(
            "granian", ["fd", "keep_alive_timeout_seconds", "max_requests", "ws_ping_timeout_seconds"], id="granian"
        ),
    ],
)
def test_each_has_words_of_its_own(engine: str, expected: list[str]) -> None:
    """What one server honours another ignores; only that is named."""
    settings = ServerSettings(
        fd=3,
        workers=2,
        max_requests=100,
        header_timeout_seconds=3,
        keep_alive_timeout_seconds=9,
        graceful_timeout_seconds=1,
        ws_ping_timeout_seconds=4,
    )

    assert expected == ignored_settings(engine, settings)


def test_words_are_of_settings_that_exist() -> None:
    """A setting that was renamed is renamed here too."""
    names = {field.name for field in dataclasses.fields(ServerSettings)}

    assert set() == {name for engine in ENGINES.values() for name in {*engine.words, *engine.special}} - names


@pytest.mark.parametrize("engine", ["uvicorn", "hypercorn"])
def test_words_are_those_of_the_engine(engine: str) -> None:
    """Every word that is passed on is one that the engine knows."""
    config: Any = pytest.importorskip(f"{engine}.config").Config
    known = set(inspect.signature(config).parameters) or set(dir(config))

    assert set() == set(ENGINES[engine].words.values()) - known


def test_the_engines_are_those_of_the_extra() -> None:
    """And whether one is there is known without importing it."""

    assert {"granian", "hypercorn", "uvicorn"} == set(ENGINES)
    assert is_installed("json")
    assert not is_installed("no_such_package_anywhere")
