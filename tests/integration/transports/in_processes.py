"""Servers that run in processes of their own: granian, which forks, and gunicorn, which wants the main thread."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from transports.served import EARS_VARIABLE, FOLDER_VARIABLE, KIND_VARIABLE

START_LIMIT_SECONDS = 20.0
STOP_LIMIT_SECONDS = 5.0
TARGET = "transports.served:served_app"


@contextlib.contextmanager
def in_process(arguments: Sequence[str], port: int, kind: str, folder: Path, ears: str) -> Iterator[int]:
    """Run a module of Python with arguments until the block ends, as soon as its port is open."""
    root = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        KIND_VARIABLE: kind,
        FOLDER_VARIABLE: str(folder),
        EARS_VARIABLE: ears,
    }
    log = folder / f"{arguments[0]}-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=root,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            wait_until_open(process, port, log)
            yield port
        finally:
            stop(process)


def wait_until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody listens."""
    limit = time.monotonic() + START_LIMIT_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"The server did not start:\n{log.read_text()}") from None
            time.sleep(0.02)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, then kill whatever is left of it."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_LIMIT_SECONDS)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def under_granian(interface: str, kind: str, folder: Path, ears: str) -> Iterator[int]:
    """Serve with granian in one of its interfaces."""
    port = free_port()
    arguments = ["granian", "--interface", interface, "--port", str(port), "--factory", TARGET]
    with in_process(arguments, port, kind, folder, ears):
        yield port


@contextlib.contextmanager
def under_gunicorn(kind: str, folder: Path, ears: str) -> Iterator[int]:
    """Serve with gunicorn's threads."""
    port = free_port()
    arguments = ["gunicorn", "-k", "gthread", "--threads", "4", "-b", f"127.0.0.1:{port}", f"{TARGET}()"]
    with in_process(arguments, port, kind, folder, ears):
        yield port
