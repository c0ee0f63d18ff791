"""An accepted socket of an RSGI server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from costrel.errors import Disconnect
from costrel.gateways.rsgi_socket import RSGIChannel


def make(socket: object, told: list[str] | None = None) -> RSGIChannel:
    """Make a channel whose peer's end is told."""
    return RSGIChannel(socket, socket, lambda: (told if told is not None else []).append("closed"))


def test_messages_go_both_ways(rsgi: SimpleNamespace) -> None:
    """Text is text and bytes are bytes."""

    async def main() -> tuple[list[str | bytes], list[str | bytes]]:
        socket = rsgi.Socket("text", b"bytes")
        channel = make(socket)
        received = [await channel.receive(), await channel.receive()]
        await channel.send("text")
        await channel.send(b"bytes")
        return received, socket.sent

    assert (["text", b"bytes"], ["text", b"bytes"]) == asyncio.run(main())


@pytest.mark.parametrize(
    ("messages", "code"),
    [pytest.param((None,), 1005, id="the-peer-closes"), pytest.param((), 1006, id="the-connection-is-lost")],
)
def test_the_end_is_an_end_for_ever(rsgi: SimpleNamespace, messages: tuple[None, ...], code: int) -> None:
    """The code that the peer has sent is not handed over; whoever asks is told once, and every call raises."""
    told: list[str] = []

    async def main() -> list[int]:
        channel = make(rsgi.Socket(*messages), told)
        codes = []
        for call in (channel.receive, channel.receive, lambda: channel.send("late")):
            with pytest.raises(Disconnect) as ended:
                await call()
            codes.append(ended.value.code)
        await channel.close(1000, "")
        return codes

    assert [code] * 3 == asyncio.run(main())
    assert ["closed"] == told


def test_a_send_that_fails_is_a_lost_connection(rsgi: SimpleNamespace) -> None:
    """The handler is told, and so is who watches the client."""
    told: list[str] = []

    async def main() -> int:
        socket = rsgi.Socket("text")
        channel = make(socket, told)
        socket.is_lost = True
        with pytest.raises(Disconnect) as ended:
            await channel.send("text")
        return ended.value.code

    assert asyncio.run(main()) == 1006
    assert ["closed"] == told


def test_many_may_send_at_the_same_time(rsgi: SimpleNamespace) -> None:
    """The server takes one message after the other."""

    async def main() -> list[str]:
        socket = rsgi.Socket()
        channel = make(socket)
        await asyncio.gather(*(channel.send(str(number)) for number in range(5)))
        return sorted(socket.sent)

    assert ["0", "1", "2", "3", "4"] == asyncio.run(main())


def test_a_receive_that_was_given_up_loses_no_message(rsgi: SimpleNamespace) -> None:
    """The next one gets it."""

    async def main() -> str | bytes:
        socket = rsgi.Socket("text")
        socket.waits = asyncio.Event()
        channel = make(socket)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.receive(), 0.001)
        socket.waits.set()
        return await channel.receive()

    assert asyncio.run(main()) == "text"


def test_a_close_of_ours_reaches_the_server_once(rsgi: SimpleNamespace) -> None:
    """Later calls see our code."""

    async def main() -> tuple[list[int | None], int]:
        socket = rsgi.Socket("text")
        channel = make(socket)
        await channel.close(3333, "own")
        await channel.close(1000, "")
        with pytest.raises(Disconnect) as ended:
            await channel.receive()
        return socket.closed_with, ended.value.code

    assert ([3333], 3333) == asyncio.run(main())


def test_a_channel_that_has_ended_holds_no_socket(rsgi: SimpleNamespace) -> None:
    """The server keeps a connection as long as somebody holds its socket."""

    async def main() -> int:
        channel = make(rsgi.Socket("text"))
        channel.end()
        with pytest.raises(Disconnect) as ended:
            await channel.send("late")
        return ended.value.code

    assert asyncio.run(main()) == 1006
