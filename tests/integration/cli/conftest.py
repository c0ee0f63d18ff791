"""Running the command line in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
PATIENCE_SECONDS = 20


class Running:
    """A `costrel` that runs in a folder of its own.

    Args:
        folder: its working directory.
        arguments: of the command line.
        code: what Python runs first, in the same process.
    """

    def __init__(self, folder: Path, arguments: list[str], code: str = "") -> None:
        self.folder = folder
        self._log = folder / "output.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")}
        start = f"import sys; sys.argv[0] = 'costrel'; {code}\nfrom costrel.cli import main\nmain()"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", start, *arguments], cwd=folder, env=environ, stdout=log, stderr=log
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text("utf-8")

    def url(self, path: str = "/") -> str:
        """Where it serves, waiting until it says so."""
        found = self.wait_for(lambda: re.search(r"http://[\d.:]+\d", self.output), "an address")
        return f"{found[0]}{path}"

    def get(self, path: str = "/", **headers: str) -> tuple[int, str]:
        """Ask for a path on a new connection; return the status and the text."""
        request = urllib.request.Request(self.url(path), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_for(self, look: Callable[[], T], what: str) -> T:
        """Look until something is true, and return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}:\n{self.output}")
            time.sleep(0.01)
        return found

    def wait_for_output(self, text: str) -> None:
        """Wait until it has printed a text."""
        self.wait_for(lambda: text in self.output, repr(text))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start `costrel` with arguments in the test's folder; whatever still runs at the end is killed."""
    started: list[Running] = []

    def run(*arguments: str, code: str = "") -> Running:
        running = Running(tmp_path, list(arguments), code)
        started.append(running)
        return running

    yield run
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
