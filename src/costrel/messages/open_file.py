"""A file that threads of the file lane read and write, and that can be closed while one of them does.

A thread cannot be interrupted: when a request is cancelled while its piece is written, the thread goes on for a moment.
If the loop closed the file then, its descriptor could be given to somebody else between two system calls. So every
step holds the file's lock, and `close` leaves the closing to the step that is running.

Spooled content writes with it, file responses read with it. What is in the files is not known here.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable
from typing import BinaryIO

__all__ = ["OpenFile"]


class OpenFile:
    """A file with steps that may run in any thread, one at a time.

    Args:
        open_file: opens the file at the first step, in the thread of that step; it must be seekable.
    """

    __slots__ = ("_file", "_is_closed", "_lock", "_open_file")

    def __init__(self, open_file: Callable[[], BinaryIO]) -> None:
        self._open_file = open_file
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    @classmethod
    def temporary(cls) -> OpenFile:
        """Return a new temporary file without a name; it is on disk from its first step until it is closed."""
        return cls(_open_temporary)

    @classmethod
    def owning(cls, file: BinaryIO) -> OpenFile:
        """Return one that has taken over a file that is open already, and closes it in any case."""
        owner = cls(lambda: file)
        owner._file = file
        return owner

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def append(self, pieces: Iterable[bytes]) -> None:
        """Write all pieces at the end.

        Raises:
            ValueError: the file was closed.
            OSError: what the system says, for example that the disk is full.
        """
        with self._lock:
            file = self._opened()
            file.seek(0, 2)
            for piece in pieces:
                _write_all(file, piece)
        self._close_if_asked()

    def read_at(self, offset: int, max_bytes: int) -> bytes:
        """Read up to `max_bytes` from `offset` on; fewer only at the end of the file.

        Raises:
            ValueError: the file was closed.
            OSError: what the system says.
        """
        with self._lock:
            file = self._opened()
            file.seek(offset)
            pieces = []
            while max_bytes > 0:
                piece = file.read(max_bytes)
                if not piece:
                    break
                pieces.append(piece)
                max_bytes -= len(piece)
        self._close_if_asked()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def call(self, step: Callable[[BinaryIO], None]) -> None:
        """Run `step` with the file while nobody else uses it.

        Raises:
            ValueError: the file was closed.
        """
        with self._lock:
            step(self._opened())
        self._close_if_asked()

    def fileno(self) -> int:
        """Return the descriptor, open until `close`.

        Raises:
            ValueError: the file was closed.
            OSError: it has none.
        """
        with self._lock:
            return self._opened().fileno()

    def close(self) -> None:
        """Close the file: now, or when the step that is running ends. Never waits; more calls do nothing."""
        self._is_closed = True
        self._close_if_asked()

    def _opened(self) -> BinaryIO:
        if self._is_closed:
            raise ValueError("The file was closed, because its request has ended.")
        if self._file is None:
            self._file = self._open_file()
        return self._file

    def _close_if_asked(self) -> None:
        """Close the file unless a step runs; that step asks again after it has given back the lock."""
        if self._is_closed and self._lock.acquire(blocking=False):
            try:
                if self._file is not None:
                    self._file.close()
                    self._file = None
            finally:
                self._lock.release()


def _open_temporary() -> BinaryIO:
    return tempfile.TemporaryFile(buffering=0)


def _write_all(file: BinaryIO, piece: bytes) -> None:
    """Write a piece, as often as the system takes only a part of it."""
    written = file.write(piece)
    if written < len(piece):
        rest = memoryview(piece)
        while written < len(piece):
            written += file.write(rest[written:])
