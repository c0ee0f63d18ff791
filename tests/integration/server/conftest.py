"""A server on real sockets, in this loop or in a process of its own, and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from costrel import App, Request
from costrel.server import Server, ServerSettings

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def loop_factories() -> list[Any]:
    factories = [pytest.param(asyncio.new_event_loop, id="asyncio")]
    with contextlib.suppress(ImportError):
        import uvloop

        factories.append(pytest.param(uvloop.new_event_loop, id="uvloop"))
    return factories


class Client:
    """One connection; everything it waits for is limited in time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), 5)

    async def answer(self, timeout_seconds: float = 5, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Read one response that has a length or comes in chunks."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), timeout_seconds)
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            while size := int(await asyncio.wait_for(self.reader.readline(), timeout_seconds), 16):
                body += await asyncio.wait_for(self.reader.readexactly(size + 2), timeout_seconds)
                body = body[:-2]
            while (line := await self.reader.readline()) != b"\r\n":
                name, _, value = line.decode("latin-1").strip().partition(": ")
                fields[f"trailer {name}"] = value
        elif not is_head and int(fields.get("content-length", 0)):
            body = await asyncio.wait_for(self.reader.readexactly(int(fields["content-length"])), timeout_seconds)
        return int(first.split(" ")[1]), fields, body

    async def rest(self, timeout_seconds: float = 5) -> bytes:
        """Read until the server closes; a reset ends it too."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(self.reader.read(65536), timeout_seconds):
                received += piece
        return received

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


class Net:
    """What the tests need, in one place."""

    root = ROOT
    make_app = staticmethod(lambda: make_app())
    Client = Client

    @staticmethod
    @asynccontextmanager
    async def running(app: App | None = None, **settings: Any) -> AsyncIterator[Server]:
        server = Server(app or make_app(), ServerSettings(**{"port": 0, "graceful_timeout_seconds": 0.05, **settings}))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    @staticmethod
    @asynccontextmanager
    async def client(server: Server) -> AsyncIterator[Client]:
        host, _, port = server.addresses[0].rpartition(":")
        client = Client(*await asyncio.open_connection(host, int(port)))
        try:
            yield client
        finally:
            client.close()

    @classmethod
    async def talk(cls, server: Server, data: bytes, timeout_seconds: float = 5) -> bytes:
        """Send and return all that comes until the server closes."""
        async with cls.client(server) as client:
            with contextlib.suppress(ConnectionError):
                await client.send(data)
            return await client.rest(timeout_seconds)

    @staticmethod
    async def until(condition: Callable[[], bool], timeout_seconds: float = 3) -> bool:
        """Wait until something is true; false when it did not come true in time."""
        end = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.005)
        return True

    @staticmethod
    def statuses(data: bytes) -> list[int]:
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


@functools.cache
def make_app() -> App:
    """The application that reads the body and answers with the path; it is bound to no loop, so one is enough."""
    app = App()

    @app.route("/", methods=["GET", "POST", "QUERY", "OPTIONS"])
    @app.route("/{path:path}", methods=["GET", "POST", "QUERY", "OPTIONS"])
    async def echo(request: Request, path: str = "") -> str:
        await request.read()
        return path

    return app


class Process:
    """A server in a process of its own; see `served.py` for what it serves."""

    def __init__(self, log: Path, loop: str, pass_fds: tuple[int, ...], settings: dict[str, Any]) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.popen = subprocess.Popen(
                [sys.executable, str(HERE / "served.py"), json.dumps({"port": 0, **settings})],
                env={**os.environ, "COSTREL_LOOP": loop, "PYTHONPATH": str(ROOT / "src")},
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=pass_fds,
            )
        assert self.popen.stdout is not None
        self.address = self.popen.stdout.readline().decode().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdout is not None
        self.popen.stdout.close()

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def rss_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.popen.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self) -> None:
        self.popen.send_signal(signal.SIGTERM)

    def wait(self, timeout_seconds: float = 5) -> int:
        return self.popen.wait(timeout_seconds)

    def connect(self, receive_buffer_bytes: int = 0) -> socket.socket:
        host, _, port = self.address.rpartition(":")
        client = socket.socket()
        if receive_buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client.settimeout(10)
        client.connect((host, int(port)))
        return client

    def ask(self, path: str) -> bytes:
        """Return the body of a short answer."""
        with self.connect() as client:
            client.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
            return read_all(client).partition(b"\r\n\r\n")[2]


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(1 << 20):
            received += piece
    return bytes(received)


@pytest.fixture
def net() -> type[Net]:
    return Net


@pytest.fixture(params=loop_factories())
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run an async function on each kind of loop."""

    def run_main(main: Any) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main())

    return run_main


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start servers in processes of their own; they are killed at the end."""
    with contextlib.ExitStack() as stack:

        def start(loop: str = "uvloop", pass_fds: tuple[int, ...] = (), **settings: Any) -> Process:
            return stack.enter_context(Process(tmp_path / "log", loop, pass_fds, settings))

        yield start


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Make certificates that sign themselves, each with its key, in files of their own."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")

    def make(name: str = "shop.example", password: str = "") -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("certificate")
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]
        request += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", str(certificate)]
        request += ["-keyout", str(key), *(["-passout", f"pass:{password}"] if password else ["-nodes"])]
        subprocess.run([openssl, *request], check=True, capture_output=True, timeout=20)
        return certificate, key

    return make


@pytest.fixture(scope="session")
def vectors() -> Any:
    spec = importlib.util.spec_from_file_location("appendix_a", ROOT / "tests" / "conformance" / "appendix_a.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
