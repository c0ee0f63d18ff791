"""The parent of `costrel dev`: it holds the listening socket, watches the files, and never imports the application.

A changed source starts the application anew. A changed template or static file does not; the application is told, and
tells the pages that are open.

Because the socket is the parent's, the port stays taken and no browser is refused while the application starts anew:
its connection waits in the kernel. The next process imports the framework while the one before it still ends, which
is bounded: streams are told to stop, then there is half a second, then it is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from costrel.cli.child import GO, PAGES_CHANGED
from costrel.cli.plan import ServePlan
from costrel.cli.terminal import Paint
from costrel.cli.watching import has_notifications, is_source, iter_changes
from costrel.server import ServerSettings

__all__ = ["Reloader", "open_listening_socket"]

_PATIENCE_SECONDS = 2.0
_WITHOUT_NOTIFICATIONS = "  Looking for changes twice a second; pip install watchfiles to be told of them at once."


class Reloader:
    """Serves an application and starts it anew after each change of its source.

    Args:
        plan: what is served.
        listening: the socket; it stays open until the reloader ends.
        folders: watched with everything below them.
    """

    def __init__(self, plan: ServePlan, listening: socket.socket, folders: Iterable[Path]) -> None:
        self._plan = replace(plan, settings=replace(plan.settings, fd=listening.fileno(), uds=None))
        self._listening = listening
        self._folders = [folder.resolve() for folder in folders]
        self._stop = threading.Event()
        self._paint = Paint(sys.stderr)
        self._child: _Child | None = None

    def run(self) -> int:
        """Serve until a signal comes; return the exit code."""
        if not has_notifications():
            print(self._paint(_WITHOUT_NOTIFICATIONS, "dim"), file=sys.stderr)
        with self._signals():
            self._child = self._start(self._plan)
            self._child.tell(GO)
            for changed in iter_changes(self._folders, self._stop):
                sources = {path for path in changed if self._is_source(path)}
                if sources:
                    self._restart(_name_of(sources))
                elif changed and self._child is not None:
                    self._child.tell(PAGES_CHANGED)
                elif self._child is not None and self._child.exit_code is not None:
                    self._tell_end(self._child.exit_code)
                    self._child.stop(self._patience_seconds)
                    self._child = None
            if self._child is not None:
                self._child.stop(self._patience_seconds)
        return 0

    def _is_source(self, path: Path) -> bool:
        return any(is_source(path, folder) for folder in self._folders)

    @property
    def _patience_seconds(self) -> float:
        return self._plan.settings.graceful_timeout_seconds + _PATIENCE_SECONDS

    def _start(self, plan: ServePlan) -> _Child:
        return _Child(plan, self._listening.fileno())

    def _restart(self, reason: str) -> None:
        """Start the next process, end the one before, and only then let the next one import the application."""
        following = self._start(replace(self._plan, reason=reason, since=time.monotonic()))
        if self._child is not None and self._child.stop(self._patience_seconds):
            print(self._paint("  The application did not stop in time and was killed.", "yellow"), file=sys.stderr)
        self._child = following
        following.tell(GO)

    def _tell_end(self, exit_code: int) -> None:
        """Say that the application ended by itself; after Ctrl+C nothing needs to be said."""
        if exit_code in (-signal.SIGINT, 128 + signal.SIGINT) or self._stop.wait(0.2):
            return
        how = f"by signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"with exit code {exit_code}"
        text = f"  The application ended {how}. It starts again after a change."
        print(self._paint(text, "yellow"), file=sys.stderr)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop at the first SIGINT or SIGTERM, kill at the second."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            if self._stop.is_set() and self._child is not None:
                self._child.kill()
            self._stop.set()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Child:
    """A serving process, and the writing end of its lifeline."""

    def __init__(self, plan: ServePlan, listening: int) -> None:
        reading, self._lifeline = os.pipe()
        command = [sys.executable, "-m", "costrel.cli.child", plan.to_json(), str(reading)]
        try:
            self._process = subprocess.Popen(command, pass_fds=(reading, listening))
        finally:
            os.close(reading)

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; `None` while it runs."""
        return self._process.poll()

    def tell(self, word: bytes) -> None:
        """Send it one of the words of `costrel.cli.child`."""
        try:
            os.write(self._lifeline, word)
        except BrokenPipeError:  # it has died; its exit code tells
            pass

    def stop(self, timeout_seconds: float) -> bool:
        """End it; return whether it had to be killed."""
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
            was_killed = False
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            was_killed = True
        os.close(self._lifeline)
        return was_killed

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def open_listening_socket(settings: ServerSettings) -> socket.socket:
    """Open the socket that the settings name; for a name with several addresses, its first, IPv4 before IPv6.

    Raises:
        OSError: the address cannot be bound or does not resolve.
    """
    if settings.fd is not None:
        return socket.socket(fileno=os.dup(settings.fd))
    if settings.uds is not None:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = Path(settings.uds)
        if path.is_socket():
            path.unlink()
        return _listen(listening, settings.uds, settings.backlog)
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listen(listening, address, settings.backlog)


def _listen(
    listening: socket.socket, address: str | tuple[Any, ...], backlog: int
) -> socket.socket:  # an address of any family
    try:
        listening.bind(address)
        listening.listen(backlog)
    except BaseException:
        listening.close()
        raise
    return listening


def _name_of(changed: Iterable[Path]) -> str:
    """Name the changed files in a few words."""
    names = []
    for path in sorted(changed):
        try:
            names.append(str(path.relative_to(Path.cwd())))
        except ValueError:
            names.append(str(path))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
