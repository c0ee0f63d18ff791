"""A worker: one process of several that listen on the same sockets, and its line to the supervisor.

The line is a pair of sockets that carries text. The worker gets its brief first, and then words that tell it to leave
or to stop; it says that it is ready, that it is alive, that it wants to be replaced, that it leaves, or why it could
not start. When the line ends, the supervisor has gone, and the worker stops in order.

A worker does nothing by itself when a signal comes: Ctrl+C and systemd signal the whole group, and the supervisor has
been told already. SIGTERM to a worker alone is a wish to be replaced.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Callable, Mapping, Sequence

from costrel.server.serve import Server
from costrel.server.settings import ServerSettings

__all__ = [
    "BEAT",
    "FAILED",
    "HURRY",
    "LEAVE",
    "LEAVING",
    "READY",
    "REPLACE",
    "STOP",
    "WorkerLine",
    "WorkerSeat",
    "beat_seconds",
]

READY, BEAT, REPLACE, LEAVING, FAILED = "ready", "beat", "replace", "leaving", "failed"
"""What a worker says."""

LEAVE, STOP, HURRY = "leave", "stop", "hurry"
"""What a worker is told: leave the sockets to the others, stop with all of them, or stop at once."""

_MAX_BEAT_SECONDS = 1.0
_SEND_SECONDS = 1.0


def beat_seconds(settings: ServerSettings) -> float:
    """Return how often a worker says that it is alive."""
    return min(_MAX_BEAT_SECONDS, settings.worker_timeout_seconds / 4)


class WorkerLine:
    """The worker's end of the line.

    Args:
        end: a connected stream socket.
    """

    def __init__(self, end: socket.socket) -> None:
        end.set_inheritable(False)
        # What is said seldom may wait a moment for a supervisor that is busy.
        end.settimeout(_SEND_SECONDS)
        self._end = end
        self._rest = b""
        self._unread: list[str] = []

    def fileno(self) -> int:
        """Return its number, for a loop to watch."""
        return self._end.fileno()

    def read_brief(self) -> str:
        """Wait for the first line, which says what this worker is for.

        Raises:
            EOFError: the supervisor has gone.
        """
        self._end.settimeout(None)
        words: list[str] | None = []
        while words is not None and not words:
            words = self.read_words()
        self._end.settimeout(_SEND_SECONDS)
        if words is None:
            raise EOFError
        brief, *self._unread = words
        return brief

    def take_unread(self) -> list[str]:
        """Return what came together with the brief."""
        words, self._unread = self._unread, []
        return words

    def read_words(self) -> list[str] | None:
        """Read what is there; `None` when the supervisor has gone."""
        try:
            received = self._end.recv(65536)
        except OSError:
            received = b""
        if not received:
            return None
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [line.decode() for line in lines]

    def say(self, word: str, content: Mapping[str, object] | None = None) -> None:
        """Say something that must arrive; when the supervisor has gone nobody hears it."""
        line = word if content is None else f"{word} {json.dumps(content)}"
        try:
            self._end.sendall(line.encode() + b"\n")
        except OSError:
            pass

    def beat(self) -> None:
        """Say that this worker is alive, without ever waiting."""
        try:
            self._end.send(BEAT.encode() + b"\n", socket.MSG_DONTWAIT)
        except OSError:
            pass


class WorkerSeat:
    """The attendant of a worker's server: it does what the supervisor says.

    Args:
        line: the number of the line to the supervisor.
        sockets: the numbers of the listening sockets.

    Attributes:
        brief: what the supervisor says about what is served.
        details: what the supervisor is told when the server listens, to be set before.

    Raises:
        EOFError: the supervisor has gone.
    """

    has_siblings = True

    def __init__(self, line: int, sockets: Sequence[int]) -> None:
        self._line = WorkerLine(socket.socket(fileno=line))
        self.sockets: list[socket.socket] = [socket.socket(fileno=number) for number in sockets]
        for listening in self.sockets:
            listening.set_inheritable(False)
            listening.setblocking(False)
        said = json.loads(self._line.read_brief())
        self.brief: str = said["brief"]
        self.owns_sockets: bool = said["owns_sockets"]
        self.details: Mapping[str, object] = {}

    def tell_failure(self, exit_code: int, reason: str) -> None:
        """Say why this worker cannot start."""
        self._line.say(FAILED, {"exit_code": exit_code, "reason": reason})

    def attend(self, server: Server, cancel_start: Callable[[], None]) -> None:
        """Listen to the supervisor, and tell it regularly that the loop turns."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_signal_handler(signal.SIGTERM, self._ask_for_replacement)

        def obey(words: list[str]) -> None:
            for word in words:
                _obey(word, server, cancel_start)

        def hear() -> None:
            words = self._line.read_words()
            if words is None:
                loop.remove_reader(self._line.fileno())
            obey([STOP] if words is None else words)

        def beat() -> None:
            self._line.beat()
            loop.call_later(beat_seconds(server.settings), beat)

        loop.add_reader(self._line.fileno(), hear)
        loop.call_soon(obey, self._line.take_unread())
        beat()

    def started(self, server: Server) -> None:
        """Say so, and from now on count requests when their number is limited."""
        settings = server.settings
        if settings.max_requests:
            request_count = settings.max_requests + secrets.randbelow(settings.max_requests_jitter + 1)
            server.call_when_worn_out(request_count, self._ask_for_replacement)
        self._line.say(READY, self.details)

    def stopping(self) -> None:
        """Say so, whoever asked for it."""
        self._line.say(LEAVING)

    def _ask_for_replacement(self) -> None:
        self._line.say(REPLACE)


def _obey(word: str, server: Server, cancel_start: Callable[[], None]) -> None:
    """Do what one word of the supervisor says."""
    if word == HURRY:
        server.hurry()
    elif not server.is_stopping:
        if word == LEAVE:
            server.request_hand_over()
        else:
            server.request_stop()
        cancel_start()
