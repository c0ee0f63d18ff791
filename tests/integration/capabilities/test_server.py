"""What an application may rely on when our own server serves it."""

from __future__ import annotations

import asyncio

import pytest

from costrel import App
from costrel.server import Server, ServerSettings

pytestmark = pytest.mark.integration
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.capability("C174")
def test_the_server_keeps_connections_open_and_clients_in_bounds() -> None:
    """One connection carries many requests; a head that is too long, or comes too slowly, ends its own alone."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        return "x"

    async def status_codes(port: int, *pieces: bytes) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        received = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]

    async def main() -> list[list[bytes]]:
        server = Server(
            app, ServerSettings(port=0, header_timeout_seconds=0.3, max_header_bytes=1024, max_header_field_bytes=1024)
        )
        await server.start()
        try:
            port = int(server.addresses[0].rpartition(":")[2])
            return await asyncio.gather(
                status_codes(port, GET + b"\r\n", GET + b"\r\n", GET + b"Connection: close\r\n\r\n"),
                status_codes(port, GET + b"X: " + b"y" * 2000 + b"\r\n\r\n"),
                status_codes(port, GET, b"X-A: 1\r\n", b"X-B: 2\r\n"),
            )
        finally:
            await server.stop()

    assert [[b"200"] * 3, [b"431"], [b"408"]] == asyncio.run(main())
