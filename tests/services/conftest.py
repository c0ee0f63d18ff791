"""Tests that need a server: `servers` gives it, and what other folders have for the same room is importable."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]

sys.path.extend((str(TESTS), str(TESTS / "stores")))
pytest.register_assert_rewrite("store_contract", "process_contract")

servers = importlib.import_module("servers")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An empty database of a Redis server."""
    with servers.redis_server() as url:
        yield url


@pytest.fixture
def redis_of_our_own() -> Iterator[Any]:
    """A Redis server that the test may stop and start again."""
    with servers.own_redis() as server:
        yield server
