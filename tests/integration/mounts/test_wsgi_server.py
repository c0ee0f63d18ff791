"""WSGI applications on real sockets: bodies without end, clients that leave, and files."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from costrel import App
from costrel.server import Server, ServerSettings
from costrel.testing import capture_events

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
GIBIBYTE = 1 << 30
FLAT_BYTES = 16 << 20

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


def serve(application: Any, talk: Talk, events: str = "app_started") -> tuple[Any, list[Any]]:
    """Serve an application under ``/old``, let a client talk to it, and return what it says and what has happened."""
    app = App(extensions=())
    app.mount("/old", application)

    async def main() -> tuple[Any, list[Any]]:
        with capture_events(app, events) as captured:
            server = Server(app, ServerSettings(port=0, graceful_timeout_seconds=2))
            await server.start()
            try:
                host, _, port = server.addresses[0].rpartition(":")
                reader, writer = await asyncio.open_connection(host, int(port))
                try:
                    async with asyncio.timeout(10):
                        answer = await talk(reader, writer)
                finally:
                    writer.close()
            finally:
                await server.stop()
        return answer, list(captured)

    return asyncio.run(main())


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0]


def counting(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % size]


def test_chunked_body_and_the_next_request() -> None:
    """A body in chunks is read to its end, and the connection goes on."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST /old/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"5\r\nhello\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\nPOST /old/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
        return await reader.read()

    answer, _ = serve(counting, talk)

    assert (2, True, True) == (answer.count(b" 200 OK"), b"\r\n\r\n15HTTP" in answer, answer.endswith(b"\r\n\r\n2"))


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "does-not-read"])
def test_expectation_is_answered_by_the_first_read(reads: bool) -> None:
    """``100 Continue`` is sent when the application begins to read, and never when it does not."""

    def refusing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("403 Forbidden", [])
        return []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        writer.write(b"POST /old/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        heads = [await read_head(reader)]
        if reads:
            writer.write(b"hello")
            heads.append(await read_head(reader))
        return heads

    heads, _ = serve(counting if reads else refusing, talk)

    assert ([b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK"] if reads else [b"HTTP/1.1 403 Forbidden"]) == heads


def test_client_that_leaves_while_it_sends_is_499() -> None:
    """The application's read fails with an `OSError`, and the request is logged as disconnected."""
    errors: list[BaseException] = []
    has_ended = threading.Event()

    def reading(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            errors.append(error)
        finally:
            has_ended.set()
        start_response("400 Bad Request", [])
        return []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"POST /old/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegun")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        return await asyncio.to_thread(has_ended.wait, 5)

    was_woken, events = serve(reading, talk, "request_finished")

    assert (True, 1, [499]) == (was_woken, len(errors), [event.fields["status_code"] for event in events])


def test_client_that_leaves_while_it_reads_ends_the_content() -> None:
    """A stream that nobody reads any more is closed, once, in a thread."""
    closed: list[str] = []
    is_closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            return b"x" * 65536

        def close(self) -> None:
            closed.append(threading.current_thread().name)
            is_closed.set()

    def endless(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return Endless()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"GET /old/ HTTP/1.1\r\nHost: a\r\n\r\n")
        await read_head(reader)
        writer.transport.abort()
        return await asyncio.to_thread(is_closed.wait, 5)

    was_closed, _ = serve(endless, talk)

    assert (True, 1, True) == (was_closed, len(closed), closed[0].startswith("costrel-"))


def test_file_is_sent_as_a_whole(tmp_path: Path) -> None:
    """A file in the file wrapper comes out unchanged from where it was positioned, and is closed."""
    content = os.urandom(300_000)
    path = tmp_path / "file"
    path.write_bytes(content)
    files: list[Any] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Length", "299900")])
        file = path.open("rb")
        file.seek(100)
        files.append(file)
        return environ["wsgi.file_wrapper"](file)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /old/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return await reader.read()

    answer, _ = serve(application, talk)

    assert content[100:] == answer.partition(b"\r\n\r\n")[2]
    assert files[0].closed


class Process:
    """The server of `wsgi_served` in a process of its own."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, str(HERE / "wsgi_served.py")],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
        )
        assert self._popen.stdout is not None
        host, _, port = self._popen.stdout.readline().decode().strip().rpartition(":")
        self._address = host, int(port)

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()
        assert self._popen.stdout is not None
        self._popen.stdout.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=20)

    def peak_bytes(self) -> int:
        """Return the most memory that was used since the last call."""
        status = Path(f"/proc/{self._popen.pid}/status").read_text()
        Path(f"/proc/{self._popen.pid}/clear_refs").write_text("5")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.close()


@pytest.mark.pain("P29")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_stays_flat_both_ways(process: Process) -> None:
    """1 GiB up and 1 GiB down pass through a few MiB; it takes some seconds because that is what it proves."""
    with process.connect() as client:
        client.sendall(b"GET /old/down?1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while client.recv(1 << 20):
            pass
    before_bytes = process.peak_bytes()
    piece = memoryview(b"x" * (1 << 20))
    with process.connect() as client:
        client.sendall(b"POST /old/up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIBIBYTE)
        for _ in range(GIBIBYTE // len(piece)):
            client.sendall(piece)
        answer = client.recv(65536)
    up_bytes = process.peak_bytes() - before_bytes
    received_bytes = 0
    buffer = bytearray(1 << 20)
    with process.connect() as client:
        client.sendall(b"GET /old/down?1024 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while count := client.recv_into(buffer):
            received_bytes += count
    down_bytes = process.peak_bytes() - before_bytes

    assert answer.endswith(b"\r\n\r\n%d" % GIBIBYTE)
    assert received_bytes > GIBIBYTE
    assert (True, True) == (up_bytes < FLAT_BYTES, down_bytes < FLAT_BYTES), (up_bytes, down_bytes)
