"""A service of several processes, as somebody would run it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
HERE = Path(__file__).parent
PATIENCE_SECONDS = 20
START = "import sys; sys.argv[0] = 'costrel'; from costrel.cli import main; main()"


class Service:
    """`costrel run served.py` in a folder of its own.

    Args:
        folder: its working directory.
        arguments: more of the command line.
        pass_fds: what it inherits.
        start: what Python runs.
    """

    def __init__(self, folder: Path, arguments: tuple[str, ...], pass_fds: tuple[int, ...], start: str) -> None:
        self.folder = folder
        self._log = folder / "output.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")}
        if "COSTREL_LOOP" in os.environ:
            environ["COSTREL_LOOP"] = os.environ["COSTREL_LOOP"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", start, "run", "served.py", "--no-access-log", *arguments],
                cwd=folder,
                env=environ,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
            )

    @property
    def output(self) -> str:
        return self._log.read_text("utf-8")

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, waiting until it says so."""
        found = self.wait_for(lambda: re.search(r"http://([\d.]+):(\d+)", self.output), "an address")
        return found[1], int(found[2])

    def pids(self, event: str) -> list[int]:
        """Return the processes of which the log says that something has happened to them."""
        return [int(pid) for pid in re.findall(rf"{event} (?:by |pid=)(\d+)", self.output)]

    def workers(self, count: int) -> list[int]:
        """Wait until so many workers have been ready in all, and return them."""
        return self.wait_for(
            lambda: pids if len(pids := self.pids("worker_ready")) >= count else [], f"{count} workers"
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE_SECONDS)

    def ask(self, path: str, client: socket.socket | None = None) -> tuple[int, dict[str, str], str]:
        """Ask for a path and return status, fields and text; on a connection that is kept, if one is given."""
        with contextlib.ExitStack() as stack:
            used = client or stack.enter_context(self.connect())
            used.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            return read_answer(used)

    def wait_for(self, look: Callable[[], T], what: str, patience_seconds: float = PATIENCE_SECONDS) -> T:
        """Look until something is true, and return it."""
        deadline = time.monotonic() + patience_seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}:\n{self.output}")
            time.sleep(0.01)
        return found

    def wait_for_output(self, text: str) -> None:
        self.wait_for(lambda: text in self.output, repr(text))

    def wait_until_refused(self) -> None:
        """Wait until nobody listens any more."""
        address = self.address

        def is_refused() -> bool:
            try:
                socket.create_connection(address, timeout=2).close()
            except ConnectionRefusedError:
                return True
            return False

        self.wait_for(is_refused, "a refused connection")

    def freeze(self, pids: list[int]) -> None:
        """Stop processes with SIGSTOP and wait until they stand still, which is a moment later."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.wait_for(lambda: all(state_of(pid) == "T" for pid in pids), "processes that stand still")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.send(number)
        return self.wait()

    def wait(self, patience_seconds: float = PATIENCE_SECONDS) -> int:
        return self.process.wait(patience_seconds)

    def kill_everything(self) -> None:
        """End what is left; the workers notice."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        deadline = time.monotonic() + 2
        while (left := [pid for pid in self.pids("imported") if is_alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def state_of(pid: int) -> str:
    """Return the letter that the kernel has for the state of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return state_of(pid) not in "ZX"
    except FileNotFoundError:
        return False


def read_answer(client: socket.socket) -> tuple[int, dict[str, str], str]:
    """Read one response with a length."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65536)
        if not piece:
            raise EOFError(received)
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(fields["content-length"]):
        body += client.recv(65536)
    return int(first.split(" ")[1]), fields, body.decode()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services in the test's folder, of two workers unless the arguments say otherwise."""
    services: list[Service] = []
    shutil.copy(HERE / "served.py", tmp_path)

    def start(*arguments: str, workers: int = 2, pass_fds: tuple[int, ...] = (), code: str = START) -> Service:
        listening = () if {"--uds", "--fd"} & set(arguments) else ("--port", "0")
        service = Service(tmp_path, ("--workers", str(workers), *listening, *arguments), pass_fds, code)
        services.append(service)
        return service

    yield start
    for service in services:
        service.kill_everything()


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process is there."""
    return is_alive
