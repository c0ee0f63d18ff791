"""The folder of a `FileStore`: how its files are read, replaced and removed, all of it blocking.

Writers of one of 256 subfolders take turns by a lock of the system on a file that is never removed; the system gives it
back when a process dies. Readers do not wait: a file is replaced as a whole.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path

from costrel.stores.locking import next_token
from costrel.stores.records import pack_record, unpack_record

__all__ = ["Folder"]

SUBFOLDER_COUNT = 256
SWEEP_EVERY_SECONDS = 1.0
SWEPT_AT_ONCE = 500
FIRST_PAUSE_SECONDS = 0.0005
LONGEST_PAUSE_SECONDS = 0.01
# The time of a file is its end, so that a sweep need not open it; this one says that it has none.
NO_END = 4_102_444_800.0

_CREATE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """The files of a store.

    Args:
        root: the folder.
        is_synced: whether a write waits until the disk has it.
        wait_seconds: how long a writer waits for its turn.
        clock: seconds since 1970.
    """

    def __init__(self, root: Path, *, is_synced: bool, wait_seconds: float, clock: Callable[[], float]) -> None:
        self._root = root
        self._is_synced = is_synced
        self._wait_seconds = wait_seconds
        self.clock = clock
        self._turns = [threading.Lock() for _ in range(SUBFOLDER_COUNT)]
        self._token_turn = threading.Lock()
        self._sweep_turn = threading.Lock()
        self._sweep_at = 0.0
        self._swept_subfolder = 0
        self._swept_count = 0

    def read(self, kind: str, key: bytes) -> tuple[bytes, float] | None:
        """Return what a file holds and when its time is over; `None` when there is none or it is over.

        Args:
            kind: what is kept: ``v``, ``m`` or ``l``.
            key: the key.
        """
        try:
            data = self._path(kind, key).read_bytes()
        except FileNotFoundError:
            return None
        record = unpack_record(data, key)
        return record if record is not None and record[1] > self.clock() else None

    def write(self, kind: str, key: bytes, content: bytes, expires_at: float) -> None:
        """Replace a file; only in the turn of its key."""
        path = self._path(kind, key)
        # One writer at a time, so one name is enough, and what a crash left is overwritten.
        draft = path.with_name("draft")
        number = os.open(draft, _CREATE | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(pack_record(key, content, expires_at))
                if self._is_synced:
                    file.flush()
                    os.fsync(number)
            end = NO_END if math.isinf(expires_at) else expires_at
            os.utime(draft, (end, end))
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def remove(self, kind: str, key: bytes) -> None:
        """Remove a file if it is there; only in the turn of its key."""
        self._path(kind, key).unlink(missing_ok=True)

    @contextmanager
    def turn(self, key: bytes) -> Iterator[None]:
        """Be the only writer of a key's subfolder in a block, among all processes.

        Raises:
            TimeoutError: it was not our turn in time.
        """
        index = hashlib.sha256(key).digest()[0]
        with self._turn_in(index):
            yield
        self._sweep()

    def take_token(self) -> int:
        """Return the next fencing token of this folder."""
        with self._locked(self._root / "token", self._token_turn) as number:
            data = os.pread(number, 32, 0)
            token = next_token(int(data) if data.isdigit() else 0)
            os.pwrite(number, b"%d" % token, 0)
        return token

    def _path(self, kind: str, key: bytes) -> Path:
        name = hashlib.sha256(key).hexdigest()
        return self._root / name[0] / name[1] / f"{name[2:]}.{kind}"

    def _turn_in(self, index: int) -> AbstractContextManager[int]:
        subfolder = self._root / f"{index >> 4:x}" / f"{index & 15:x}"
        return self._locked(subfolder / "turn", self._turns[index])

    @contextmanager
    def _locked(self, path: Path, turn: threading.Lock) -> Iterator[int]:
        deadline = time.monotonic() + self._wait_seconds
        # Threads of this process queue here, so that they do not poll for one another.
        if not turn.acquire(timeout=self._wait_seconds):
            raise TimeoutError(errno.ETIMEDOUT, "other threads were writing all the time")
        try:
            number = self._open_creating(path)
            try:
                _lock_until(number, deadline)
                try:
                    yield number
                finally:
                    _unlock(number)
            finally:
                os.close(number)
        finally:
            turn.release()

    def _open_creating(self, path: Path) -> int:
        try:
            return os.open(path, _CREATE, 0o600)
        except FileNotFoundError:
            # Also when somebody has removed the whole folder while we run. One by one: `parents` would leave those
            # in between to the mask of the process.
            for folder in (self._root, path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, parents=folder == self._root, exist_ok=True)
            return os.open(path, _CREATE, 0o600)

    def _sweep(self) -> None:
        """Remove a bounded number of files whose time is over, at most once a second."""
        now = self.clock()
        if now < self._sweep_at or not self._sweep_turn.acquire(blocking=False):
            return
        try:
            self._sweep_at = now + SWEEP_EVERY_SECONDS
            with self._turn_in(self._swept_subfolder):
                looked_at, removed = self._sweep_subfolder(now)
            if looked_at < SWEPT_AT_ONCE:
                self._swept_subfolder = (self._swept_subfolder + 1) % SUBFOLDER_COUNT
                self._swept_count = 0
            else:
                self._swept_count += looked_at - removed
        except OSError:
            # What was to be written is written; a later sweep comes here again.
            pass
        finally:
            self._sweep_turn.release()

    def _sweep_subfolder(self, now: float) -> tuple[int, int]:
        index = self._swept_subfolder
        looked_at = removed = 0
        with os.scandir(self._root / f"{index >> 4:x}" / f"{index & 15:x}") as files:
            for file in islice(files, self._swept_count, self._swept_count + SWEPT_AT_ONCE):
                looked_at += 1
                if file.name[-2:] in (".v", ".m", ".l") and file.stat(follow_symlinks=False).st_mtime <= now:
                    Path(file.path).unlink(missing_ok=True)
                    removed += 1
        return looked_at, removed


def _lock_until(number: int, deadline: float) -> None:
    import fcntl  # not on Windows; `FileStore` says so when it is made

    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process was writing all the time") from None
        else:
            return
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)


def _unlock(number: int) -> None:
    import fcntl  # not on Windows

    # Closing alone would leave it locked while a process that was forked meanwhile has a copy of the number.
    fcntl.flock(number, fcntl.LOCK_UN)
