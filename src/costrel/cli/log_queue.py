"""A log handler that never waits: lines go into a bounded queue, and a thread of its own writes them.

Whoever collects the log may stop reading it. Then a pipe is full after 64 KiB, and a handler that writes where it is
called would hold up the event loop, and every request with it. Here lines are dropped and counted instead, and when the
log is read again a line says how many. The thread writes to the descriptor itself: it holds no lock that the end of the
process would have to wait for.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque

__all__ = ["QueuedLog"]

MAX_WAITING_LINES = 10_000
MAX_BATCH_LINES = 100
FLUSH_SECONDS = 1.0


class QueuedLog(logging.Handler):
    """Writes records to a descriptor, from a thread that starts with the first of them.

    Args:
        descriptor: open for as long as the process runs.
        max_waiting: how many lines may wait for it.

    Attributes:
        dropped_count: lines that were dropped because too many waited.
    """

    def __init__(self, descriptor: int, *, max_waiting: int = MAX_WAITING_LINES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._max_waiting = max_waiting
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self.dropped_count: int = 0
        self._told_count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; never waits for whoever reads the log."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= self._max_waiting:
                self.dropped_count += 1
                return
            self._lines.append(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="costrel-log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, one second at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._is_writing, FLUSH_SECONDS)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                self._is_writing = True
                batch = [self._lines.popleft() for _ in range(min(len(self._lines), MAX_BATCH_LINES))]
                if self.dropped_count != self._told_count:
                    batch.append(f"log_lines_dropped count={self.dropped_count - self._told_count}")
                    self._told_count = self.dropped_count
            self._write_all("".join(f"{line}\n" for line in batch).encode(errors="backslashreplace"))

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError:  # nobody will ever read it
                return
