"""The place of a server in a URL, and a limit that has asked no server yet."""

from __future__ import annotations

import asyncio

import pytest

from costrel.errors import ConfigurationError
from costrel.layers import Limit
from costrel.layers.limit_redis import RedisPlace, parse_redis_place

pytest.importorskip("redis")
pytest.importorskip("limits")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "redis://localhost/0",
            RedisPlace("redis://localhost/0", "redis://localhost/0", "costrel:", 50, 0.25),
            id="plain",
        ),
        pytest.param(
            "rediss://user:secret@shop.example:7000/2?prefix=shop:&max_connections=5&operation_timeout_seconds=0.1",
            RedisPlace("rediss://user:secret@shop.example:7000/2", "rediss://shop.example:7000/2", "shop:", 5, 0.1),
            id="with-options",
        ),
        pytest.param(
            "unix:///run/redis.sock?db=3&connect_timeout_seconds=1",
            RedisPlace("unix:///run/redis.sock?db=3", "unix:///run/redis.sock", "costrel:", 50, 0.25),
            id="unix-socket",
        ),
    ],
)
def test_a_place_is_read(url: str, expected: RedisPlace) -> None:
    """The options are those of stores, and the name for the log has no password."""

    assert expected == parse_redis_place(url)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("operation_timeout_seconds=0", id="no-time"),
        pytest.param("operation_timeout_seconds=nan", id="time-that-is-no-number"),
        pytest.param("max_connections=0", id="no-connection"),
        pytest.param("max_connections=many", id="connections-in-words"),
        pytest.param("a", id="no-option"),
    ],
)
def test_an_option_that_cannot_be_is_refused(query: str) -> None:
    """And the password is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        Limit("10/minute", store=f"redis://:secret@localhost/0?{query}")

    assert "COS-LAYERS-001" == caught.value.code
    assert "secret" not in str(caught.value)


def test_without_the_packages_the_limit_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake names them and the extra that brings them."""
    monkeypatch.setattr("costrel.layers.limit_redis.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as caught:
        Limit("10/minute", store="redis://localhost/0")

    assert "COS-LAYERS-031" == caught.value.code
    assert "`redis` and `limits`" in str(caught.value)


def test_closing_what_was_never_opened_is_nothing() -> None:
    """A process that served nothing has no connections."""
    asyncio.run(Limit("1/minute", store="redis://127.0.0.1:1/0").aclose())
