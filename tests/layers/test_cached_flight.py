from __future__ import annotations

import asyncio

import pytest

from costrel.layers.cached_flight import Flights


def test_one_leads_and_the_others_follow() -> None:
    """The value is made once, and nothing is left of the flight."""
    flights: Flights[int] = Flights()
    count = 0

    async def lead() -> int:
        nonlocal count
        count += 1
        await asyncio.sleep(0)
        return count

    async def scenario() -> list[tuple[int, str]]:
        return await asyncio.gather(*(flights.share("a", lead, wait_seconds=5) for _ in range(4)))

    assert [(1, "led"), (1, "followed"), (1, "followed"), (1, "followed")] == asyncio.run(scenario())
    assert 0 == len(flights)


@pytest.mark.parametrize("failure", [RuntimeError, asyncio.CancelledError, KeyError], ids=lambda kind: kind.__name__)
def test_one_after_the_other_takes_over_from_a_leader_that_fails(failure: type[BaseException]) -> None:
    """Each gets its own failure, never that of another."""
    flights: Flights[int] = Flights()
    count = 0

    async def lead() -> int:
        nonlocal count
        count += 1
        made = count
        await asyncio.sleep(0)
        if made < 3:
            raise failure
        return made

    async def scenario() -> list[object]:
        calls = (flights.share("a", lead, wait_seconds=5) for _ in range(4))
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(scenario())

    assert [failure, failure] == [type(result) for result in results[:2]]
    assert [(3, "led"), (3, "followed")] == results[2:]


def test_a_follower_that_is_cancelled_leaves_the_others_alone() -> None:
    """The leader goes on."""
    flights: Flights[int] = Flights()

    async def scenario() -> list[object]:
        gate = asyncio.Event()

        async def lead() -> int:
            await gate.wait()
            return 1

        tasks = [asyncio.create_task(flights.share("a", lead, wait_seconds=5)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(scenario())

    assert [(1, "led"), asyncio.CancelledError, (1, "followed")] == [results[0], type(results[1]), results[2]]


def test_whoever_has_waited_long_enough_works_alone() -> None:
    """A leader that hangs holds nobody up for longer."""
    flights: Flights[str] = Flights()

    async def scenario() -> tuple[str, str]:
        gate = asyncio.Event()

        async def hang() -> str:
            await gate.wait()
            return "late"

        async def make() -> str:
            return "soon"

        leader = asyncio.create_task(flights.share("a", hang, wait_seconds=5))
        await asyncio.sleep(0)
        alone = await flights.share("a", make, wait_seconds=0.001)
        gate.set()
        assert ("late", "led") == await leader
        return alone

    assert ("soon", "alone") == asyncio.run(scenario())


def test_two_loops_have_flights_of_their_own() -> None:
    """A task can only wait for what happens on its own loop."""
    flights: Flights[str] = Flights()

    async def outer() -> str:
        return await asyncio.to_thread(lambda: asyncio.run(inner()))

    async def inner() -> str:
        return (await flights.share("a", value, wait_seconds=0))[1]

    async def value() -> str:
        return "value"

    async def scenario() -> tuple[str, str]:
        return await flights.share("a", outer, wait_seconds=0)

    assert ("led", "led") == asyncio.run(scenario())
