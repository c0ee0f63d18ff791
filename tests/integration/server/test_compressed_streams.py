"""Encoded streams on real sockets: a failure shows, a client that leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from costrel import App, FileResponse, Response, StreamResponse
from costrel.layers import Compress

pytestmark = pytest.mark.integration

DECODERS = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


def get(coding: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n".encode()


def own_tasks() -> int:
    return sum(not task.done() for task in asyncio.all_tasks())


@pytest.mark.parametrize("coding", sorted(DECODERS))
def test_a_stream_that_fails_is_cut(run: Any, net: Any, coding: str) -> None:
    """Neither the chunks nor the coding have an end."""
    ended: list[str] = []
    app = App(use=[Compress(encodings=[coding])])

    @app.get("/")
    async def index() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"a" * 1000
                await asyncio.sleep(0.01)
                raise ValueError("broken")
            finally:
                ended.append("finally")

        return StreamResponse(pieces(), media_type="text/plain")

    async def main() -> None:
        async with net.running(app) as server:
            answer = await net.talk(server, get(coding))
            head, _, chunks = answer.partition(b"\r\n\r\n")
            size, _, rest = chunks.partition(b"\r\n")

            assert f"content-encoding: {coding}".encode() in head.lower()
            assert b"a" * 1000 == DECODERS[coding]()(rest[: int(size, 16)])
            assert not answer.endswith(b"0\r\n\r\n")
            assert ["finally"] == ended

    run(main)


@pytest.mark.parametrize("coding", sorted(DECODERS))
def test_a_piece_arrives_before_the_next_is_made(run: Any, net: Any, coding: str) -> None:
    """The client reads the first, and only then the second is made."""
    app = App(use=[Compress(encodings=[coding])])

    async def main() -> None:
        may_go_on = asyncio.Event()

        @app.get("/")
        async def index() -> Response:
            async def pieces() -> AsyncIterator[str]:
                yield "one"
                await may_go_on.wait()
                yield "two"

            return StreamResponse(pieces(), media_type="text/plain")

        decode = DECODERS[coding]()
        async with net.running(app) as server, net.client(server) as client:
            await client.send(get(coding))
            await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
            texts = []
            for _ in range(2):
                size = int(await asyncio.wait_for(client.reader.readline(), 5), 16)
                texts.append(decode((await client.reader.readexactly(size + 2))[:-2]))
                may_go_on.set()
            assert [b"one", b"two"] == texts

    run(main)


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_a_client_that_leaves_leaves_nothing_behind(run: Any, net: Any, tmp_path: Path, kind: str) -> None:
    """The generator has ended, the file is closed, and no task is left."""
    path = tmp_path / "large.txt"
    path.write_bytes(os.urandom(8_000_000).hex().encode())
    ended: list[str] = []
    app = App(use=[Compress(encodings=["gzip"])])

    def is_open() -> bool:
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) == str(path):
                    return True
        return False

    @app.get("/")
    async def index() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield os.urandom(100_000)
            finally:
                ended.append("finally")

        return FileResponse(path) if kind == "file" else StreamResponse(pieces(), media_type="text/plain")

    async def main() -> None:
        async with net.running(app) as server:
            before = own_tasks()
            async with net.client(server) as client:
                await client.send(get("gzip"))
                await client.reader.readexactly(50_000)
                assert kind == "stream" or is_open()
            async with asyncio.timeout(5):
                while is_open() or own_tasks() > before or (kind == "stream" and not ended):
                    await asyncio.sleep(0.005)

    run(main)
