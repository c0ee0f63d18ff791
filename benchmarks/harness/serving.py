"""Starts a server on its own core, waits until it answers, and ends it with all its children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from harness.processor import server_core

__all__ = ["DidNotStart", "Server", "free_port", "serving"]

START_SECONDS = 30
STOP_SECONDS = 5


class DidNotStart(Exception):
    """A server ended or was silent instead of listening; the message is the last it wrote."""


class Server:
    """A running server.

    Attributes:
        pid: of its first process.
        port: on the loopback.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self.port = port
        self._process = process

    @property
    def is_running(self) -> bool:
        """Whether its first process has not ended."""
        return self._process.poll() is None


def free_port() -> int:
    """Ask the kernel for a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process group, kindly first."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            process.wait(STOP_SECONDS)
        return


@contextmanager
def serving(
    command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server on the servers' core until the block ends.

    Args:
        command: what to start; it must listen on the port.
        port: where it will listen.
        folder: its working directory.
        environment: variables besides those of this process.

    Raises:
        DidNotStart: it ended, or listened to nothing for thirty seconds.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(os.sched_setaffinity, 0, {server_core()}),
            )
        except OSError as error:
            raise DidNotStart(f"{command[0]}: {error.strerror}") from error
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _is_listening(port):
                exit_code = process.poll()
                if exit_code is not None or time.monotonic() > deadline:
                    output.seek(0)
                    lines = output.read().decode(errors="replace").strip().splitlines()
                    silence = f"silent for {START_SECONDS} s" if exit_code is None else f"ended with {exit_code}"
                    raise DidNotStart(lines[-1] if lines else silence)
                time.sleep(0.05)
            yield Server(process, port)
        finally:
            _stop(process)
