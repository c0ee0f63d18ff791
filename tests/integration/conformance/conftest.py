"""A server on a real socket, and one exchange of raw bytes with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from costrel import App
from costrel.server import Server, ServerSettings

WAIT_SECONDS = 5


async def exchange(app: App, *requests: bytes, closes_after: bool = False) -> list[bytes]:
    """Serve `app`, send each of `requests` on a connection of its own and return all that came back."""
    server = Server(app, ServerSettings(port=0, access_log=False))
    await server.start()
    try:
        host, _, port = server.addresses[0].rpartition(":")
        answers = []
        for data in requests:
            reader, writer = await asyncio.open_connection(host, int(port))
            received = b""
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
                if closes_after:
                    writer.close()
                while piece := await asyncio.wait_for(reader.read(65536), WAIT_SECONDS):
                    received += piece
            answers.append(received)
            writer.close()
        return answers
    finally:
        await server.stop()


@pytest.fixture
def talk() -> Callable[..., list[bytes]]:
    """Return a function that sends raw bytes to an application and returns what it answers, until it closes."""

    def run(app: App, *requests: bytes, **options: bool) -> list[bytes]:
        return asyncio.run(exchange(app, *requests, **options))

    return run
