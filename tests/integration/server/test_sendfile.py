"""Large files on real sockets, which the server sends without reading them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from costrel import App, FileResponse
from costrel.server.sendfile import MIN_FILE_BYTES

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of a little over 8 MiB without repetitions that a mistake could hide in."""
    path = tmp_path / "large"
    path.write_bytes(b"".join(b"%08d" % number for number in range(MIB + 5)))
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What went through `os.sendfile`, piece by piece."""
    counts: list[int] = []
    sendfile = os.sendfile

    def counted(*arguments: int) -> int:
        counts.append(sendfile(*arguments))
        return counts[-1]

    monkeypatch.setattr(os, "sendfile", counted)
    return counts


def app_of(path: Path) -> App:
    app = App()

    @app.get("/")
    async def file() -> FileResponse:
        return FileResponse(path)

    return app


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.capability("C042")
def test_head_and_file_come_in_order(run: Any, net: Any, large: Path, sent: list[int]) -> None:
    """Files that are asked for one behind the other arrive each behind its own head, whole, and nothing stays open."""

    async def main() -> None:
        async with net.running(app_of(large)) as server:
            async with net.client(server) as client:
                before = open_files()
                for _ in range(3):
                    await client.send((GET % b"") * 2)
                    for _ in range(2):
                        status_code, _, body = await client.answer()

                        assert (200, True) == (status_code, body == large.read_bytes())
            assert await net.until(lambda: open_files() < before)
            assert 6 * large.stat().st_size - 6 * 8192 <= sum(sent) < 6 * large.stat().st_size

    run(main)


@pytest.mark.parametrize(
    ("fields", "start", "stop", "is_lent"),
    [
        pytest.param(b"Range: bytes=1000-3145727\r\n", 1000, 3145728, True, id="a-large-range"),
        pytest.param(b"Range: bytes=-2000000\r\n", MIB * 8 + 40 - 2_000_000, MIB * 8 + 40, True, id="the-end"),
        pytest.param(
            b"Range: bytes=7-%d\r\n" % (MIN_FILE_BYTES + 5), 7, MIN_FILE_BYTES + 6, False, id="a-byte-too-short"
        ),
        pytest.param(b"Range: bytes=7-%d\r\n" % (MIN_FILE_BYTES + 6), 7, MIN_FILE_BYTES + 7, True, id="just-enough"),
    ],
)
def test_ranges(
    run: Any, net: Any, large: Path, sent: list[int], fields: bytes, start: int, stop: int, is_lent: bool
) -> None:
    """A range is sent from its first byte to its last; a short one is read."""

    async def main() -> None:
        async with net.running(app_of(large)) as server, net.client(server) as client:
            await client.send(GET % fields)
            status_code, _, body = await client.answer()

            assert 206 == status_code
            assert large.read_bytes()[start:stop] == body
            assert is_lent == bool(sent)

    run(main)


def test_no_body_no_file(run: Any, net: Any, large: Path, sent: list[int]) -> None:
    """HEAD and 304 say how long the file is or that it is still the same, and send nothing of it."""

    async def main() -> None:
        async with net.running(app_of(large)) as server, net.client(server) as client:
            await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            _, fields, _ = await client.answer(is_head=True)

            assert str(large.stat().st_size) == fields["content-length"]

            await client.send(GET % b"If-None-Match: %b\r\n" % fields["etag"].encode())

            assert 304 == (await client.answer())[0]
            assert [] == sent

    run(main)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_takes_its_file_along(run: Any, net: Any, large: Path, sent: list[int], how: str) -> None:
    """When the client leaves in the middle, the file and the copy of the socket are closed, and nothing is logged."""

    async def main() -> None:
        async with net.running(app_of(large)) as server:
            before = open_files()
            async with net.client(server) as client:
                await client.send(GET % b"")
                await client.reader.readexactly(1000)
                getattr(client, how)()
            assert await net.until(lambda: server._core.active_count == 0 and open_files() == before)
            assert sent

    run(main)


@pytest.mark.security("I8")
def test_a_client_that_reads_nothing_is_cut_off(run: Any, net: Any, large: Path, sent: list[int]) -> None:
    """Who takes nothing of its file for `write_timeout_seconds` loses the connection, with nothing left open."""

    async def main() -> None:
        async with net.running(app_of(large), write_timeout_seconds=0.5) as server:
            before = open_files()
            host, _, port = server.addresses[0].rpartition(":")
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect((host, int(port)))
                client.sendall(GET % b"")
                began = time.monotonic()

                assert await net.until(lambda: server._core.active_count == 1)
                assert await net.until(lambda: server._core.active_count == 0)
                assert 0.4 < time.monotonic() - began < 2
            assert await net.until(lambda: open_files() == before)
            assert sum(sent) < large.stat().st_size

    run(main)


@pytest.mark.security("B21")
@pytest.mark.parametrize("change", ["rewritten", "shorter"])
def test_a_file_that_changes_is_never_complete(run: Any, net: Any, large: Path, sent: list[int], change: str) -> None:
    """A file that is changed while it is sent ends in a cut connection, never with its last byte."""

    async def main() -> None:
        async with net.running(app_of(large)) as server:
            host, _, port = server.addresses[0].rpartition(":")
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect((host, int(port)))
                client.sendall(GET % b"")
                client.setblocking(False)

                assert await net.until(lambda: bool(sent))
                with large.open("r+b") as file:
                    if change == "shorter":
                        file.truncate(1000)
                    else:
                        file.write(b"changed")
                size = 0
                with contextlib.suppress(ConnectionError):
                    while piece := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, MIB), 5):
                        size += len(piece)

            assert size < 8 * MIB
            assert await net.until(lambda: server._core.active_count == 0)

    run(main)


def test_a_server_that_stops_finishes_a_file(run: Any, net: Any, large: Path) -> None:
    """A download that has begun ends complete, and with it the connection."""

    async def main() -> None:
        async with net.running(app_of(large), graceful_timeout_seconds=10) as server, net.client(server) as client:
            await client.send(GET % b"")
            await client.reader.readexactly(4)
            stopping = asyncio.ensure_future(server.stop())
            rest = await client.rest()
            await stopping

            assert rest.endswith(large.read_bytes())

    run(main)


@pytest.mark.capability("C040")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_large_file_in_flat_memory(process: Any, tmp_path: Path, loop: str) -> None:
    """A file of 64 MiB reaches a client that stops in between, in flat memory."""
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    served = process(loop)
    served.ask(f"/file?path={path}")
    before, peak, size = served.rss_bytes, 0, 0
    with served.connect(65536) as client:
        client.sendall(f"GET /file?path={path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        time.sleep(0.2)
        while piece := client.recv(MIB):
            size += len(piece)
            peak = max(peak, served.rss_bytes)

    assert size > 64 * MIB
    assert peak - before < 8 * MIB
