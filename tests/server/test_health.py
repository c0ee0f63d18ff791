"""Tests of the paths that the server answers by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel.server.health import HealthPaths
from costrel.server.settings import ServerSettings

PATHS: dict[str, Any] = {"liveness_path": "/healthz", "readiness_path": "/readyz"}


@pytest.mark.parametrize("is_ready", [True, False])
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/healthz", (200, 200)),
        ("HEAD", "/healthz", (200, 200)),
        ("GET", "/readyz", (200, 503)),
        ("HEAD", "/readyz", (200, 503)),
        ("POST", "/readyz", None),
        ("GET", "/readyz/", None),
        ("GET", "/READYZ", None),
        ("GET", "/", None),
    ],
)
def test_what_is_answered(method: str, path: str, expected: tuple[int, int] | None, is_ready: bool) -> None:
    """GET and HEAD of these very paths; liveness does not know of a stop."""
    answer = HealthPaths("/healthz", "/readyz").answer(method, path, is_ready=is_ready)

    assert (None if expected is None else expected[not is_ready]) == (None if answer is None else answer.status_code)


def test_off_by_default() -> None:
    """No path is taken from the application unless a setting names it."""
    assert HealthPaths.of(ServerSettings()) is None


@pytest.mark.capability("C147")
def test_health_over_the_wire(kit: Any) -> None:
    """The answer needs no application, is in no log, and leaves the connection as it was."""

    async def main() -> None:
        application = kit.Application(listens=True)
        async with kit.wire(application=application, **PATHS) as wire:
            await wire.send(
                b"GET /healthz?verbose HTTP/1.1\r\nHost: a\r\n\r\nHEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /app HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            live, ready, app = wire.text.split(b"HTTP/1.1 ")[1:]

            assert live.startswith(b"200 ")
            assert live.endswith(b"\r\n\r\nok")
            assert b"cache-control: no-store\r\n" in live
            assert ready.startswith(b"200 ")
            assert b"content-length: 2\r\n" in ready
            assert ready.endswith(b"\r\n\r\n")
            assert app.endswith(b"GET /app ")
            assert ["/app"] == application.requests
            assert ["/app"] == [fields["path"] for event, fields in application.events if event == "request_finished"]

            wire.core.is_ready = False
            await wire.send(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
            await wire.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [200, 200, 200, 503, 200] == wire.statuses
            assert not wire.is_closed

    asyncio.run(main())


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET /healthz HTTP/1.0\r\n\r\n", id="old-version"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", id="close"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", id="body"),
    ],
)
def test_connection_that_ends(kit: Any, request_bytes: bytes) -> None:
    """The answer says that the connection ends, and then it does."""

    async def main() -> None:
        async with kit.wire(**PATHS) as wire:
            await wire.send(request_bytes + b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [200] == wire.statuses
            assert b"connection: close\r\n" in wire.text
            assert wire.is_closed

    asyncio.run(main())


def test_health_is_answered_when_nothing_else_is(kit: Any) -> None:
    """With as many requests in flight as there may be, the process still says that it lives."""
    gate = asyncio.Event()

    async def handler(request: Any) -> Any:
        await gate.wait()
        return kit.Response(b"ok")

    async def main() -> None:
        async with kit.wire(handler, max_concurrent_requests=1, **PATHS) as wire:
            await wire.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            full, health = type(wire)(wire.core), type(wire)(wire.core)
            await full.send(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            await health.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [503] == full.statuses
            assert [200] == health.statuses

            gate.set()
            await wire.settle()

            assert [200] == wire.statuses

            full.transport.close()
            health.transport.close()

    asyncio.run(main())
