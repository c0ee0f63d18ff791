"""The floor: uvloop and httptools answering fixed bytes, with nothing in between.

No Python server on the two can be faster, so the cost of ours is given as a ratio to this, both measured in one run.
Run it like `bare_application.py`, with its own port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"date: Sun, 22 Nov 2026 00:00:00 GMT\r\ncontent-length: 5\r\n\r\nHello"
)


class Floor(asyncio.Protocol):
    """Parses each request and writes the same answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_url(self, target: bytes) -> None:
        """Keep the target."""
        self.target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at no field."""

    def on_message_complete(self) -> None:
        """Answer."""
        self.transport.write(ANSWER)


async def main(port: int) -> None:
    """Listen for ever."""
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8123))
