"""A worker as its supervisor sees it: a process, a line to it, and what is known of its health."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from costrel.server.worker import FAILED, LEAVING, READY, REPLACE

__all__ = ["Launch", "Stage", "WorkerProcess"]

Launch = Callable[[int, list[int]], subprocess.Popen[bytes]]
"""Starts a process that inherits its end of the line and the listening sockets, given by their numbers.

It is a new interpreter, in a process group of its own: the Ctrl+C of a terminal is for the supervisor.
"""


class Stage(Enum):
    """Where a worker is in its life."""

    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"
    """It was told to leave or to stop."""
    HANGING = "hanging"
    """It has said nothing for too long, and is being ended."""


class WorkerProcess:
    """One worker.

    Args:
        launch: what starts it.
        sockets: the listening sockets.
        brief: its first line.
        now: `time.monotonic`.

    Attributes:
        stage: where it is in its life.
        pid: of the process.
        started_at: when it was started.
        silent_seconds: how long it has said nothing, as its supervisor counts.
        details: what it said when it was ready.
        kill_at: the time at which it is ended if it is still there.
        wants_replacement: whether it asked to be replaced.
        leaves_by_itself: whether it stops although nobody told it to.
        exit_code: as it said itself when it could not start, else `None`.
        failure: why it could not start, in its own words; empty when it said nothing.
    """

    def __init__(self, launch: Launch, sockets: Sequence[socket.socket], brief: str, now: float) -> None:
        self.stage: Stage = Stage.STARTING
        self.started_at: float = now
        self.silent_seconds: float = 0.0
        self.details: dict[str, Any] = {}  # a JSON object
        self.kill_at: float = float("inf")
        self.wants_replacement: bool = False
        self.leaves_by_itself: bool = False
        self.exit_code: int | None = None
        self.failure: str = ""
        self._rest = b""
        self._line, theirs = socket.socketpair()
        try:
            self._process = launch(theirs.fileno(), [listening.fileno() for listening in sockets])
        except BaseException:
            self._line.close()
            raise
        finally:
            theirs.close()
        self.pid: int = self._process.pid
        self._line.setblocking(False)
        self.tell(brief)

    def fileno(self) -> int:
        """Return the number of the line, for a selector."""
        return self._line.fileno()

    def hear(self) -> bool:
        """Take in all that it has said; false when the line has ended, which it does with the process."""
        while True:
            try:
                received = self._line.recv(65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not received:
                return False
            self.silent_seconds = 0.0
            *lines, self._rest = (self._rest + received).split(b"\n")
            for line in lines:
                self._take(*line.decode().partition(" ")[::2])

    def _take(self, word: str, content: str) -> None:
        """Take in one line."""
        if word == READY and self.stage is Stage.STARTING:
            self.stage = Stage.READY
            self.details = json.loads(content)
        elif word == REPLACE:
            self.wants_replacement = True
        elif word == LEAVING:
            self.leaves_by_itself = self.stage is not Stage.LEAVING
        elif word == FAILED:
            said = json.loads(content)
            self.exit_code, self.failure = said["exit_code"], said["reason"]

    def tell(self, word: str) -> None:
        """Send it a line; one that has gone hears nothing."""
        try:
            self._line.send(word.encode() + b"\n")
        except OSError:
            pass

    def leave(self, word: str, kill_at: float) -> None:
        """Tell it to leave or to stop; what has not come as far as a loop is ended.

        Args:
            word: `LEAVE` or `STOP`.
            kill_at: the time at which it is ended if it is still there.
        """
        is_starting, self.stage = self.stage is Stage.STARTING, Stage.LEAVING
        self.kill_at = min(self.kill_at, kill_at)
        self.tell(word)
        if is_starting:
            self._signal(signal.SIGTERM)

    def abort(self, kill_at: float) -> None:
        """End it so that it shows where it hangs; at `kill_at` without asking."""
        self.stage = Stage.HANGING
        self.kill_at = min(self.kill_at, kill_at)
        self._signal(signal.SIGABRT)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def end(self) -> str:
        """How the process ended, in words: ``exit_code=1`` or ``signal=SIGKILL``."""
        code = self._process.returncode
        if code is not None and code < 0:
            try:
                return f"signal={signal.Signals(-code).name}"
            except ValueError:  # a real-time signal
                return f"signal={-code}"
        return f"exit_code={code}"

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()
