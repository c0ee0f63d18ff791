"""What an application under test tells: its events and what its handlers have seen, from a thread or a process.

Everything goes through JSON, so that a fact looks the same wherever it comes from.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from costrel import App

LIMIT_SECONDS = 10.0
EVENTS = ("request_started", "request_matched", "response_ready", "request_failed", "early_response")
FINISHED = "request_finished"
FINISHED_FIELDS = ("method", "path", "route", "handler", "mount", "status_code", "bytes_sent", "http_version")

Tell = Callable[[object], None]


class Ears:
    """What was told since the last time; whoever tells is in another thread."""

    def __init__(self) -> None:
        self._facts: list[Any] = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: str = "{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def tell(self, fact: object) -> None:
        """Take a fact."""
        with self._changed:
            self._facts.append(json.loads(json.dumps(fact)))
            self._changed.notify_all()

    def wait(self, is_enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until enough was told, or for ten seconds, and take it all."""
        with self._changed:
            self._changed.wait_for(lambda: is_enough(self._facts), LIMIT_SECONDS)
            facts, self._facts = self._facts, []
            return facts

    def close(self) -> None:
        """Listen to no process any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, connection.makefile() as lines:
            for line in lines:
                self.tell(json.loads(line))


def tell_over(address: str) -> Tell:
    """Return what tells the test's ears from another process; it connects with the first fact."""
    host, _, port = address.rpartition(":")
    lock = threading.Lock()
    connections: list[socket.socket] = []

    def tell(fact: object) -> None:
        with lock:
            if not connections:
                connections.append(socket.create_connection((host, int(port))))
            connections[0].sendall(json.dumps(fact).encode() + b"\n")

    return tell


def tell_events(app: App, tell: Tell) -> App:
    """Have an application tell what its listeners hear of each request."""

    def listener(event: str) -> Callable[[Mapping[str, Any]], None]:
        return lambda fields: tell((event, sorted(fields), fields["request"].path))

    for event in EVENTS:
        app.on(event, listener(event))
    app.on(FINISHED, lambda fields: tell((FINISHED, *(fields[name] for name in FINISHED_FIELDS))))
    return app


def has_finished(facts: list[Any]) -> bool:
    """Whether a request has ended."""
    return any(fact[0] == FINISHED for fact in facts)
