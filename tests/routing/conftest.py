"""Requests and routes for the tests of routing: the least that satisfies the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from costrel.routing import RouteEntry, RouteTable, build_table, parse_host, parse_pattern


@dataclass(slots=True)
class Request:
    """Satisfies `costrel.routing.RequestLike`."""

    route_path: str
    method: str = "GET"
    host: str = "localhost"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_websocket: bool = False
    path_params: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="session")
def make_request() -> type[Request]:
    """Return the class of a request that has what routing reads."""
    return Request


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., RouteEntry[str]]:
    """Return a function that makes an entry whose target is ``"GET /pattern"``, or what `target` says."""

    def entry(text: str, methods: str | None = "GET", *, host: str = "", target: str = "", **rest: Any) -> Any:
        return RouteEntry(
            parse_pattern(text),
            None if methods is None else frozenset(methods.split()),
            target or f"{methods or 'ANY'} {host}{text}",
            host=parse_host(host) if host else None,
            **rest,
        )

    return entry


@pytest.fixture(scope="session")
def make_table(make_entry: Callable[..., RouteEntry[str]]) -> Callable[..., RouteTable[str]]:
    """Return a function that makes a table without mistakes of patterns (as GET routes) and entries."""

    def table(*routes: str | RouteEntry[str]) -> RouteTable[str]:
        built, mistakes = build_table([make_entry(route) if isinstance(route, str) else route for route in routes])

        assert [] == mistakes
        return built

    return table
