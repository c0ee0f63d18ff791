"""A counter whose server is away: who passes, what is logged, and when it is asked again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from costrel.errors import ServiceUnavailable
from costrel.layers.limit_availability import GuardedCounter, OnStoreFailure
from costrel.layers.limit_counting import Refused, Standings
from costrel.layers.limit_memory import MemoryCounter
from costrel.layers.limit_rates import parse_rates


class Away(Exception):
    """What the server's package raises."""


class Server:
    """A counter on a server that answers, fails or never answers, as the test says."""

    def __init__(self) -> None:
        self.state = "up"
        self.asked_count = 0
        self.is_closed = False

    async def take(self, key: str, cost: int) -> Standings | Refused:
        self.asked_count += 1
        if self.state == "silent":
            await asyncio.Event().wait()
        if self.state == "away":
            raise Away("gone")
        if self.state == "refused":
            raise ConnectionRefusedError
        return (9, 60)

    async def aclose(self) -> None:
        if self.state == "away":
            raise Away
        self.is_closed = True


def messages_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the limit has logged; asyncio in development mode has things to say too."""
    return [record.getMessage() for record in caplog.records if record.name == "costrel.limit"]


class Guarded:
    """A guarded counter with its parts."""

    def __init__(self, policy: OnStoreFailure = "open") -> None:
        self.now = 0.0
        self.server = Server()
        self.spare = MemoryCounter(parse_rates("2/minute"), clock_ns=lambda: 0)
        self.counter = GuardedCounter(
            self.server,
            name="redis://here/0",
            policy=policy,
            spare=self.spare,
            timeout_seconds=0.01,
            failures=(Away,),
            clock=lambda: self.now,
        )

    async def take(self) -> Standings | Refused | None:
        return await self.counter.take("a", 1)


@pytest.mark.parametrize("state", ["away", "refused", "silent"])
def test_open_lets_everybody_pass(state: str) -> None:
    """Whatever it is that the server does not do."""
    guarded = Guarded("open")
    guarded.server.state = state

    assert [None, None] == [asyncio.run(guarded.take()) for _ in range(2)]


def test_closed_answers_503() -> None:
    """With a time to come back."""
    guarded = Guarded("closed")
    guarded.server.state = "away"
    with pytest.raises(ServiceUnavailable) as caught:
        asyncio.run(guarded.take())

    assert {"Retry-After": "1"} == caught.value.headers


def test_local_counts_in_this_process() -> None:
    """Who knocks out the server has no more than the number in each process."""
    guarded = Guarded("local")
    guarded.server.state = "away"
    taken = [asyncio.run(guarded.take()) for _ in range(3)]

    assert [(1, 60), (0, 60), Refused((0, 60), (0,), 60)] == taken


def test_a_server_that_fails_is_left_alone_for_a_while() -> None:
    """Three failures in a row are enough; half a second later one request asks again."""
    guarded = Guarded()
    guarded.server.state = "away"

    async def scenario() -> list[int]:
        counts = []
        for step in (0, 0, 0, 0, 0.49, 0.02, 0):
            guarded.now += step
            await guarded.take()
            counts.append(guarded.server.asked_count)
        return counts

    assert [1, 2, 3, 3, 3, 4, 4] == asyncio.run(scenario())


def test_there_is_one_line_a_minute_and_one_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand requests a second do not fill the log."""
    guarded = Guarded()

    async def scenario() -> None:
        await guarded.take()
        guarded.server.state = "away"
        for _ in range(130):
            await guarded.take()
            guarded.now += 1
        guarded.server.state = "up"
        assert await guarded.take() == (9, 60)
        await guarded.take()

    with caplog.at_level(logging.INFO, "costrel.limit"):
        asyncio.run(scenario())

    away = "limit_unavailable store=redis://here/0 policy=open error=Away detail='gone'"
    back = "limit_available store=redis://here/0 failures=130 away_seconds=130.0"
    assert [away, away, away, back] == messages_in(caplog)


def test_a_short_silence_within_the_minute_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A line that it is back follows only one that it was away."""
    guarded = Guarded()

    async def scenario() -> None:
        for state in ("silent", "up", "silent", "up"):
            guarded.server.state = state
            await guarded.take()

    with caplog.at_level(logging.INFO, "costrel.limit"):
        asyncio.run(scenario())

    assert ["limit_unavailable", "limit_available"] == [message.split()[0] for message in messages_in(caplog)]
    assert "no answer in 0.01 s" in caplog.text


def test_it_is_closed_although_the_server_is_away() -> None:
    """Stopping an application never fails for it."""
    guarded = Guarded()
    asyncio.run(guarded.counter.aclose())
    assert guarded.server.is_closed

    guarded.server.state = "away"
    asyncio.run(guarded.counter.aclose())
    assert "<GuardedCounter redis://here/0>" == repr(guarded.counter)
