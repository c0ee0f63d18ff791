"""The floor: uvloop and httptools answering ready bytes, with nothing in between.

No Python server on the two can be faster, so the cost of ours is given as a ratio to this, both measured in one run.
It parses whatever comes and chooses one of three ready answers by the target, or sends a body back as it came. Run it
like `bare_application.py`, with its own port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop

TEXT, JSON = b"text/plain; charset=utf-8", b"application/json"


def answer(status: bytes, media_type: bytes, content: bytes) -> bytes:
    """Make a whole answer."""
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ndate: Sun, 22 Nov 2026 00:00:00 GMT\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        media_type,
        len(content),
        content,
    )


HELLO = answer(b"200 OK", TEXT, b"Hello, World!")
ANSWERS = {
    b"/": HELLO,
    b"/sync": HELLO,
    b"/user/42": answer(b"200 OK", JSON, b'{"id":42}'),
}
NOT_FOUND = answer(b"404 Not Found", TEXT, b"Not Found")


class Floor(asyncio.Protocol):
    """Parses each request and writes an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_url(self, target: bytes) -> None:
        """Keep the target."""
        self.target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at no field."""

    def on_body(self, data: bytes) -> None:
        """Keep the body."""
        self.body += data

    def on_message_complete(self) -> None:
        """Answer."""
        if self.body:
            self.transport.write(answer(b"200 OK", JSON, self.body))
            self.body = b""
        else:
            self.transport.write(ANSWERS.get(self.target, NOT_FOUND))


async def main(port: int) -> None:
    """Listen for ever."""
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8123))
