"""An accepted WebSocket of an ASGI server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.errors import Disconnect
from costrel.gateways.asgi_channel import ASGIChannel


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param({"text": "a"}, "a", id="text"),
        pytest.param({"text": "", "bytes": None}, "", id="empty-text"),
        pytest.param({"text": None, "bytes": b"a"}, b"a", id="bytes"),
        pytest.param({"bytes": b""}, b"", id="no-bytes"),
    ],
)
def test_a_message_is_text_or_bytes(asgi: SimpleNamespace, message: dict[str, Any], expected: object) -> None:
    """The server gives one of two keys, the other may be `None` or missing."""
    server = asgi.Server({"type": "websocket.receive", **message})

    async def main() -> object:
        return await ASGIChannel(server.receive, server.send, lambda: None).receive()

    assert expected == asyncio.run(main())


def test_a_peer_that_closes_is_an_end_for_ever(asgi: SimpleNamespace) -> None:
    """Code and reason come with every later call; nothing is sent any more, and the end is told once."""
    server = asgi.Server({"type": "websocket.disconnect", "code": 4001, "reason": "bye"})
    told: list[bool] = []

    async def main() -> list[tuple[int, str]]:
        channel = ASGIChannel(server.receive, server.send, lambda: told.append(True))
        seen = []
        for call in (channel.receive, channel.receive, lambda: channel.send("a")):
            with pytest.raises(Disconnect) as error:
                await call()
            seen.append((error.value.code, error.value.reason))
        await channel.close(1000, "")
        return seen

    assert [(4001, "bye")] * 3 == asyncio.run(main())
    assert ([], [True]) == (server.sent, told)


def test_a_peer_that_gives_no_code(asgi: SimpleNamespace) -> None:
    """A close frame without a code is 1005 (RFC 6455 §7.1.5)."""
    server = asgi.Server({"type": "websocket.disconnect"})

    async def main() -> int:
        with pytest.raises(Disconnect) as error:
            await ASGIChannel(server.receive, server.send, lambda: None).receive()
        return error.value.code

    assert 1005 == asyncio.run(main())


def test_what_is_sent(asgi: SimpleNamespace) -> None:
    """Text, bytes and one close, with which our own side is closed too."""
    server = asgi.Server()

    async def main() -> int:
        channel = ASGIChannel(server.receive, server.send, lambda: None)
        await channel.send("a")
        await channel.send(b"b")
        await channel.close(1001, "later")
        await channel.close(1000, "")
        with pytest.raises(Disconnect) as error:
            await channel.receive()
        return error.value.code

    assert 1001 == asyncio.run(main())
    assert [
        {"type": "websocket.send", "text": "a"},
        {"type": "websocket.send", "bytes": b"b"},
        {"type": "websocket.close", "code": 1001, "reason": "later"},
    ] == server.sent


def test_a_send_that_fails_is_a_lost_connection(asgi: SimpleNamespace) -> None:
    """1006, for sending and for closing alike."""
    server = asgi.Server()
    server.send_error = ConnectionResetError()
    told: list[str] = []

    async def main() -> int:
        channel = ASGIChannel(server.receive, server.send, lambda: told.append("lost"))
        with pytest.raises(Disconnect) as error:
            await channel.send("a")
        await ASGIChannel(server.receive, server.send, lambda: told.append("closed")).close(1000, "")
        return error.value.code

    assert 1006 == asyncio.run(main())
    assert ["lost", "closed"] == told
