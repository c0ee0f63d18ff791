"""Tests of what connections share: clock, shedding, counters and events."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel.errors import BuildError
from costrel.messages import AppSettings

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def test_clock_stands_still_while_the_loop_is_blocked(kit: Any) -> None:
    """A loop that was blocked for a minute does not take the client for slow."""

    async def main() -> None:
        async with kit.wire(header_timeout_seconds=1) as wire:
            before = wire.core.now
            wire.core.advance(60.0)
            await wire.settle()

            assert wire.core.now - before <= 0.5
            assert not wire.is_closed

    asyncio.run(main())


@pytest.mark.security("I6")
def test_longest_idle_connection_is_shed(kit: Any) -> None:
    """Room is made by the connection that has been idle longest, never by one that is busy."""
    gate = asyncio.Event()

    async def handler(request: Any) -> Any:
        if request.path == "/9":
            await gate.wait()
        return kit.Response(b"ok")

    async def main() -> None:
        application = kit.Application(handler, listens=True)
        async with kit.wire(application=application, max_connections=4) as busy:
            await busy.send(GET % 9)
            idle = []
            for number in range(3):
                idle.append(type(busy)(busy.core))
                await idle[-1].send(GET % number)
                busy.core.advance(0.25)
            await idle[0].send(GET % 3)
            order = []
            for _ in range(4):
                new = type(busy)(busy.core)
                order.append([one.is_closed for one in idle])
                await new.send(b"GET / HT")
                idle_or_new = new

            assert [[False, True, False], [False, True, True], [True, True, True]] == order[:3]
            assert [503] == idle_or_new.statuses
            assert not busy.is_closed

            shed = [fields["reason"] for event, fields in application.events if event == "connection_shed"]

            assert ["idle"] * 3 + ["full"] == shed

            gate.set()
            await busy.settle()

            assert busy.text.endswith(b"ok")
            for connection in list(busy.core.connections):
                connection.abort()
            await busy.settle()

    asyncio.run(main())


def test_end_of_the_last_request_is_noticed(kit: Any) -> None:
    """Whoever waits for the requests in flight, or for the connections, is told at the last one."""

    async def main() -> None:
        async with kit.wire() as wire:
            core = wire.core
            core.drained = asyncio.get_running_loop().create_future()
            core.all_closed = asyncio.get_running_loop().create_future()
            core.active_count = 2
            core.request_ended()

            assert not core.drained.done()

            core.request_ended()

            assert core.drained.done()

            wire.transport.close()
            await wire.settle(3)

            assert core.all_closed.done()

    asyncio.run(main())


def test_a_number_of_requests_is_told_once(kit: Any) -> None:
    """At its start, for a process that is then replaced."""

    async def main() -> None:
        told: list[int] = []
        async with kit.wire() as wire:
            wire.core.call_when_worn_out(3, lambda: told.append(len(wire.application.requests)))
            for number in range(5):
                await wire.send(GET % number)

            assert [2] == told
            assert [200] * 5 == wire.statuses

    asyncio.run(main())


def test_event_of_a_request(kit: Any) -> None:
    """The event of a request names what was asked, what answered, and how long it took."""

    async def main() -> None:
        application = kit.Application(listens=True)
        async with kit.wire(application=application) as wire:
            await wire.send(GET % 1)
            fields = dict(application.events)["request_finished"]

            assert 0 < fields.pop("duration_seconds") < 5
            assert fields.pop("bytes_sent") == len(b"GET /1 ")
            assert {
                "method": "GET",
                "path": "/1",
                "route": "-",
                "handler": "-",
                "mount": "",
                "status_code": 200,
                "http_version": "1.1",
                "client": "192.0.2.1",
                "request_id": None,
            } == {name: fields[name] for name in fields if name != "request"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("trusted", "client"), [(("192.0.2.0/24",), "203.0.113.9"), (("10.0.0.0/8",), "192.0.2.1"), ((), "192.0.2.1")]
)
@pytest.mark.security("F4")
def test_trusted_proxies(kit: Any, trusted: tuple[str, ...], client: str) -> None:
    """A proxy is believed only when the application trusts it, and without any nothing is looked at."""

    async def handler(request: Any) -> Any:
        return kit.Response(request.client[0].encode())

    async def main() -> None:
        application = kit.Application(handler)
        application.settings = AppSettings(trusted_proxies=trusted)
        async with kit.wire(application=application) as wire:
            await wire.send((GET % 1)[:-2] + b"X-Forwarded-For: 203.0.113.9\r\n\r\n")

            assert wire.text.endswith(b"\r\n\r\n" + client.encode())
            assert bool(trusted) == wire.core.prepares_requests

    asyncio.run(main())


def test_wrong_proxies_are_found_at_start() -> None:
    """A network that is none is an error of the settings, not of the first request."""
    with pytest.raises(BuildError, match="trusted_proxies"):
        AppSettings(trusted_proxies=("10.0.0.0/99",))
