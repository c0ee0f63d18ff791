"""A socket in memory."""

from __future__ import annotations

import asyncio

import pytest

from costrel.errors import Disconnect
from costrel.testing.channel import MAX_QUEUE_COUNT, MemoryChannel


def test_messages_before_the_end_are_delivered_after_it() -> None:
    """A peer that sends and closes has sent."""

    async def main() -> list[object]:
        channel = MemoryChannel(asyncio.get_running_loop())
        channel.put("a")
        channel.put(b"b")
        channel.leave(4000, "enough")
        seen: list[object] = [await channel.receive(), await channel.receive()]
        for _ in range(2):
            with pytest.raises(Disconnect) as error:
                await channel.receive()
            seen.append((error.value.code, error.value.reason))
        return seen

    assert ["a", b"b", (4000, "enough"), (4000, "enough")] == asyncio.run(main())


def test_the_first_to_close_says_how() -> None:
    """A later close, of either side, changes nothing."""

    async def main() -> tuple[int, str]:
        channel = MemoryChannel(asyncio.get_running_loop())
        await channel.close(1000, "done")
        channel.leave(1001)
        channel.lose()
        with pytest.raises(Disconnect):
            channel.put("late")
        with pytest.raises(Disconnect):
            await channel.send("late")
        assert channel.closed is not None
        return channel.closed.code, channel.closed.reason

    assert (1000, "done") == asyncio.run(main())


@pytest.mark.parametrize("count", [MAX_QUEUE_COUNT - 1, MAX_QUEUE_COUNT, MAX_QUEUE_COUNT + 1])
def test_the_application_waits_when_nobody_takes(count: int) -> None:
    """16 messages wait at most; the next is sent when one was taken."""

    async def main() -> tuple[int, int]:
        channel = MemoryChannel(asyncio.get_running_loop())
        sent = 0

        async def send() -> None:
            nonlocal sent
            for number in range(count):
                await channel.send(str(number))
                sent += 1

        task = asyncio.create_task(send())
        await asyncio.sleep(0)
        waiting = sent
        assert "0" == channel.take()
        await task
        return waiting, sent

    assert (min(count, MAX_QUEUE_COUNT), count) == asyncio.run(main())


def test_a_waiting_end_is_woken() -> None:
    """A lost connection ends a receive that waits."""

    async def main() -> int:
        channel = MemoryChannel(asyncio.get_running_loop())
        waiting = asyncio.create_task(channel.receive())
        change = channel.next_change()
        await asyncio.sleep(0)
        channel.lose()
        await change
        with pytest.raises(Disconnect) as error:
            await waiting
        return error.value.code

    assert 1006 == asyncio.run(main())
