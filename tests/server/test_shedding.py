"""Tests of load shedding: when it begins, when it ends, and what it says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from costrel.server.framing import BUSY, OVERLOADED
from costrel.server.settings import ServerSettings
from costrel.server.shedding import Shedding

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(("active_count", "refusal"), [(2, None), (3, OVERLOADED), (4, OVERLOADED)])
def test_requests_in_flight(active_count: int, refusal: object) -> None:
    """With three in flight a fourth is refused."""
    assert refusal is Shedding(ServerSettings(max_concurrent_requests=3)).judge(active_count)


@pytest.mark.parametrize(("delay_seconds", "is_late"), [(0.0, False), (0.099, False), (0.1, False), (0.101, True)])
def test_delay_of_the_loop(delay_seconds: float, is_late: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A delay above the limit sheds everything until the loop comes in time again, and the log has both ends."""
    shedding = Shedding(ServerSettings(max_event_loop_delay_seconds=0.1))
    shedding.note_delay(delay_seconds)

    assert is_late == shedding.is_late
    assert (0 if is_late else 1000) == shedding.free_count
    assert (BUSY if is_late else None) is shedding.judge(0)

    shedding.note_delay(delay_seconds)
    shedding.note_delay(0.0)

    assert shedding.judge(0) is None
    assert (["load_shedding_began", "load_shedding_ended"] if is_late else []) == [
        record.getMessage().split(" ")[0] for record in caplog.records
    ]


def test_off_by_default() -> None:
    """Without the setting no delay is too long."""
    shedding = Shedding(ServerSettings())
    shedding.note_delay(60.0)

    assert 1000 == shedding.free_count


@pytest.mark.capability("C147")
def test_loop_that_was_blocked_refuses_until_it_has_caught_up(kit: Any) -> None:
    """The sweep that comes late refuses with 503 and when to try again; the next that comes in time ends it."""

    async def main() -> None:
        async with kit.wire(max_event_loop_delay_seconds=0.05) as wire:
            core = wire.core
            core.start_clock()
            await wire.send(GET % 1)
            time.sleep(0.4)
            await asyncio.sleep(0.01)
            await wire.send(GET % 2)

            assert [200, 503] == wire.statuses
            assert b"retry-after: 1\r\n" in wire.text
            assert b"connection: close\r\n" in wire.text

            other = type(wire)(core)
            await asyncio.sleep(0.3)
            await other.send(GET % 3)

            assert [200] == other.statuses

            core.stop_clock()
            other.transport.close()

    asyncio.run(main())
