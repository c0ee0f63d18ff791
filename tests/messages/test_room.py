"""Tests of rooms: who hears what, and that nobody waits for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from costrel import App, WebSocket
from costrel.errors import Disconnect
from costrel.messages import Room
from costrel.testing import AsyncTestClient

# The channel of the test client holds so many messages that nobody has taken.
CHANNEL_COUNT = 16


def make_app(room: Room, sockets: dict[str, WebSocket]) -> App:
    app = App("room", extensions=())

    @app.websocket("/{name}")
    async def talk(socket: WebSocket, name: str) -> None:
        sockets[name] = socket
        with room.joined(socket):
            await socket.send("welcome")
            async for message in socket:
                room.broadcast(f"{name}: {message}", skip=socket)

    return app


@asynccontextmanager
async def members(room: Room, *names: str) -> AsyncIterator[tuple[dict[str, WebSocket], list[Any]]]:
    """Open sockets and wait until they are members."""
    sockets: dict[str, WebSocket] = {}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncTestClient(make_app(room, sockets)))
        found = [await stack.enter_async_context(client.websocket(f"/{name}")) for name in names]
        for each in found:
            assert "welcome" == await each.receive()
        yield sockets, found


async def read_all(socket: Any, got: list[str | bytes]) -> Exception:
    """Read until there is nothing more, and return why there is not."""
    while True:
        try:
            got.append(await socket.receive(timeout_seconds=0.1))
        except (Disconnect, TimeoutError) as error:
            return error


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.capability("C112")
def test_everybody_but_the_sender_hears_it() -> None:
    """Join, leave, send to all but me."""
    room = Room()

    async def main() -> None:
        async with members(room, "ann", "bo", "cy") as (_, (ann, bo, cy)):
            assert 3 == len(room)

            await ann.send_text("hi")

            assert ["ann: hi", "ann: hi"] == [await bo.receive(), await cy.receive()]

            await bo.close()

            assert 2 == len(room)

            await cy.send_text("who is left?")

            assert "cy: who is left?" == await ann.receive()

        assert 0 == len(room)

    asyncio.run(main())


@pytest.mark.capability("C112")
def test_text_bytes_and_json_come_in_order() -> None:
    """Each member gets everything in the order in which it was sent."""
    room = Room()

    async def main() -> None:
        async with members(room, "ann", "bo") as (_, sockets):
            assert [2, 2, 2] == [room.broadcast("a"), room.broadcast(b"b"), room.broadcast_json({"c": 1})]
            for each in sockets:
                assert ["a", b"b", {"c": 1}] == [await each.receive(), await each.receive(), await each.receive_json()]
            with pytest.raises(TypeError, match="broadcast_json"):
                room.broadcast({"d": 1})

    asyncio.run(main())


@pytest.mark.pain("P21")
@pytest.mark.capability("C111")
@pytest.mark.parametrize(
    ("when_slow", "left", "kept"),
    [
        pytest.param("close", 1, None, id="close"),
        pytest.param("drop_oldest", 2, 99, id="drop-oldest"),
        pytest.param("drop_newest", 2, CHANNEL_COUNT + 5, id="drop-newest"),
    ],
)
def test_a_member_that_reads_nothing_holds_up_nobody(when_slow: Any, left: int, kept: int | None) -> None:
    """Others hear everything; the slow one is closed with 1013, or misses messages and stays."""
    room = Room(max_queue_count=5, when_slow=when_slow)

    async def main() -> None:
        async with members(room, "quick", "slow") as (_, (quick, slow)):
            for number in range(100):
                room.broadcast(str(number))
                assert str(number) == await quick.receive()
            await settle()

            assert left == len(room)

            got: list[str | bytes] = []
            end = await read_all(slow, got)
            if kept is None:
                assert isinstance(end, Disconnect)
                assert (1013, 1) == (end.code, room.dropped_count)
                assert [str(number) for number in range(CHANNEL_COUNT)] == got
            else:
                assert str(kept) == got[-1]
                assert 100 == len(got) + room.dropped_count

    asyncio.run(main())


def test_a_member_that_is_gone_is_forgotten() -> None:
    """Sending to a closed socket removes it, and nothing is logged or raised."""
    room = Room()

    async def main() -> None:
        async with members(room, "ann") as (sockets, _):
            other = sockets["ann"]
            await other.close()

            assert 1 == room.broadcast("a")

            await settle()

            assert other not in room
            assert 0 == room.broadcast("b")

    asyncio.run(main())


def test_joining_twice_is_joining_once() -> None:
    """A member is one however often it joins, and leaving twice does nothing."""
    room = Room()

    async def main() -> None:
        async with members(room, "ann") as (sockets, (ann,)):
            socket = sockets["ann"]
            room.join(socket)

            assert ([socket], "<Room of 1>") == (list(room), repr(room))

            room.broadcast("once")

            assert "once" == await ann.receive()

            room.broadcast("never")
            room.leave(socket)
            room.leave(socket)
            await settle()
            with pytest.raises(TimeoutError):
                await ann.receive(timeout_seconds=0.02)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "name"),
    [({"max_queue_count": 0}, "max_queue_count"), ({"when_slow": "wait"}, "when_slow")],
    ids=["no-queue", "another-policy"],
)
def test_what_a_room_cannot_be(options: dict[str, Any], name: str) -> None:
    """A room without a queue, or one that would wait for somebody, is none."""
    with pytest.raises(ValueError, match=name):
        Room(**options)
