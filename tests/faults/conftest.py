"""Faults on purpose: the drivers, and one line for each row of the list: PASS, FAIL, or SKIP with what is missing.

``FAULTS=short`` takes a tenth of everything, so that all of it ends within five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

T = TypeVar("T")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IS_SHORT = os.environ.get("FAULTS") == "short"
PATIENCE_SECONDS = 20
KEY = "a secret key for the faults alone"

_outcomes: dict[str, list[tuple[str, str]]] = {}
_rows: dict[str, list[str]] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            _rows[item.nodeid] = [str(row) for mark in item.iter_markers("security") for row in mark.args]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        for row in _rows.get(report.nodeid, ()):
            _outcomes.setdefault(row, []).append((report.outcome, reason.removeprefix("Skipped: ")))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _outcomes:
        return
    terminalreporter.section("faults")
    for row in sorted(_outcomes, key=lambda name: (name[0], int(name[1:]))):
        outcomes = _outcomes[row]
        skipped = [reason for outcome, reason in outcomes if outcome == "skipped"]
        failed = [outcome for outcome, _ in outcomes if outcome == "failed"]
        word = "FAIL" if failed else f"SKIP  {'; '.join(sorted(set(skipped)))}" if skipped else "PASS"
        terminalreporter.write_line(f"{row:4} {word}")


class Service:
    """`costrel run shop.py` in a folder of its own, with flags.

    Args:
        folder: its working directory.
        flags: of the command line.
        environment: more variables.
        python: flags of the interpreter.
        code: what it runs before anything else.
    """

    def __init__(
        self, folder: Path, flags: tuple[str, ...], environment: Mapping[str, str], python: tuple[str, ...], code: str
    ) -> None:
        self.folder = folder
        self._log = folder / "output.log"
        self._log.write_bytes(b"")
        shutil.copy(HERE / "shop.py", folder)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")}
        start = f"import sys; sys.argv[0] = 'costrel'; {code}\nfrom costrel.cli import main; main()"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *python, "-c", start, "run", "shop.py", "--port", "0", *flags],
                cwd=folder,
                env={**environ, "COSTREL_SECRET_KEY": KEY, "PYTHONPATH": str(ROOT / "src"), **environment},
                stdout=log,
                stderr=log,
            )

    @property
    def output(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    @property
    def address(self) -> tuple[str, int]:
        found = self.wait_for(lambda: re.search(r"https?://([\d.]+):(\d+)", self.output), "an address")
        return found[1], int(found[2])

    @property
    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, PATIENCE_SECONDS)

    def talk(self, data: bytes) -> bytes:
        """Send bytes and return all that comes until the server closes, or resets."""
        with self.connect() as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
            return read_all(client)

    def get(self, path: str, *fields: str) -> tuple[int, dict[str, str], bytes]:
        """Ask for a path; return status, fields and what stands behind the head."""
        lines = "".join(f"{field}\r\n" for field in fields)
        answer = self.talk(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        return int(first.split(" ")[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in rest)}, body

    def inside(self) -> dict[str, int]:
        """Return what the application holds."""
        found: dict[str, int] = json.loads(self.get("/inside")[2])
        return found

    def settles(self, before: Mapping[str, int]) -> bool:
        """Whether the application comes to hold no more than before, in a moment."""

        def has_settled() -> bool:
            now = self.inside()
            return all(now[name] <= before[name] for name in ("tasks", "files", "temporary"))

        self.wait_for(has_settled, f"what was left behind: {before} became {self.inside()}")
        return True

    def wait_for(self, look: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}:\n{self.output[-4000:]}")
            time.sleep(0.02)
        return found

    def wait_for_output(self, text: str, seconds: float = PATIENCE_SECONDS) -> None:
        self.wait_for(lambda: text in self.output, repr(text), seconds)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        return self.process.wait(seconds)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.send(number)
        return self.wait()

    def pids(self, event: str) -> list[int]:
        return [int(pid) for pid in re.findall(rf"{event} (?:by |pid=)(\d+)", self.output)]


class Proxy:
    """A TCP proxy that can stop to pass anything on, in both directions, without a word to either side.

    Args:
        target: where it connects to.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.address = ("127.0.0.1", 0)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = self._server.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def pause(self) -> None:
        """Swallow what comes from now on, as a network does that is gone."""
        self._flows.clear()

    def resume(self) -> None:
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await source.read(65536):
                await self._flows.wait()
                sink.write(piece)
                await sink.drain()
        if self._flows.is_set():
            sink.close()


def read_all(client: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(1 << 18):
            received += piece
    return bytes(received)


class Kit:
    """What the tests need, in one place."""

    is_short = IS_SHORT
    root = ROOT
    Proxy = Proxy
    read_all = staticmethod(read_all)

    @staticmethod
    def scaled(count: int) -> int:
        """Return a tenth in the short form."""
        return count // 10 if IS_SHORT else count

    @staticmethod
    def percentile(values: list[float], share: float) -> float:
        return sorted(values)[min(int(len(values) * share), len(values) - 1)]

    @staticmethod
    async def latencies(address: tuple[str, int], count: int, path: str = "/") -> list[float]:
        """Ask one after the other on one connection; return the seconds of each answer."""
        reader, writer = await asyncio.open_connection(*address)
        times = []
        try:
            for _ in range(count):
                began = time.perf_counter()
                writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
                size = re.search(rb"content-length: (\d+)", head)
                assert size is not None
                assert head.startswith(b"HTTP/1.1 200 ")
                await reader.readexactly(int(size[1]))
                times.append(time.perf_counter() - began)
        finally:
            writer.close()
        return times

    @staticmethod
    @asynccontextmanager
    async def connections(address: tuple[str, int], count: int) -> AsyncIterator[list[Any]]:
        """Open many connections, a hundred at a time."""
        opened: list[Any] = []
        try:
            for _ in range(0, count, 100):
                opened += await asyncio.gather(
                    *(asyncio.open_connection(*address) for _ in range(min(100, count - len(opened))))
                )
            yield opened
        finally:
            for _, writer in opened:
                writer.transport.abort()
            await asyncio.sleep(0)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start the shop with flags; whatever still runs at the end is killed."""
    started: list[Service] = []

    def start(
        *flags: str, environment: Mapping[str, str] | None = None, python: tuple[str, ...] = (), code: str = ""
    ) -> Service:
        folder = tmp_path / f"service{len(started)}"
        folder.mkdir()
        log_flag = () if "--access-log" in flags else ("--no-access-log",)
        service = Service(folder, (*flags, *log_flag), environment or {}, python, code)
        started.append(service)
        return service

    yield start
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()
        for pid in service.pids("worker_ready"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def load() -> Any:
    """The clients with a ledger of every request."""
    path = ROOT / "tests" / "integration" / "ledger" / "ledger.py"
    spec = importlib.util.spec_from_file_location("request_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
