"""`FileStore`: a store in a folder, shared by the processes of one host.

Nothing waits on the loop: each operation is one step in a thread of the store, in the turn of its key where it writes.
How files are written and whose turn it is, is in `folder`; what is in them, in `records`.
"""

from __future__ import annotations

import asyncio
import math
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TypeVar

from costrel.errors import ConfigurationError, Mistake
from costrel.messages import StoreLock
from costrel.stores.availability import Availability
from costrel.stores.checks import add_number, check_key, check_number, check_ttl, check_value
from costrel.stores.folder import Folder
from costrel.stores.locking import hold_lock
from costrel.stores.records import pack_members, unpack_members

__all__ = ["FileStore"]

VALUE = "v"
MEMBERS = "m"
LOCK = "l"

_T = TypeVar("_T")


class FileStore:
    """A store in a folder, safe for several processes, loops and threads; see `costrel.messages.Store`.

    Times are those of the host's clock: when it is set, entries end earlier or later.

    Args:
        root: the folder, made with the mode 0700 if there is none. Nobody else may write there.
        is_synced: whether a write waits until the disk has it; otherwise a crash of the machine, not of the process,
            may forget what was written last.
        max_threads: how many operations run at once, 1 or more.
        operation_timeout_seconds: how long one operation may take.
        clock: seconds since 1970.

    Raises:
        ConfigurationError: the folder cannot be used.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        is_synced: bool = False,
        max_threads: int = 8,
        operation_timeout_seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = _prepare(Path(root).absolute())
        self._is_synced = is_synced
        self._max_threads = max_threads
        self._timeout_seconds = operation_timeout_seconds
        self._clock = clock
        self._availability = Availability(
            f"file://{self._root}", timeout_seconds=operation_timeout_seconds, failures=(OSError,)
        )
        self._guard = Lock()
        self._process_id = 0
        self._threads: ThreadPoolExecutor | None = None
        self._folder = self._open_folder()
        self._locks = _FileLocks(self)

    def __repr__(self) -> str:
        return f"<FileStore {self._root}>"

    async def get(self, key: str) -> bytes | None:
        """Return the value under a key; see `Store.get`."""
        name = check_key(key)

        def step(folder: Folder) -> bytes | None:
            record = folder.read(VALUE, name)
            return None if record is None else record[0]

        return await self.run(step)

    async def set(
        self, key: str, value: bytes, *, ttl_seconds: float | None = None, only_if_absent: bool = False
    ) -> bool:
        """Put a value under a key; see `Store.set`."""
        name = check_key(key)
        check_value(value)
        check_ttl(ttl_seconds)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                if only_if_absent and folder.read(VALUE, name) is not None:
                    return False
                folder.write(VALUE, name, value, _end(folder, ttl_seconds))
            return True

        return await self.run(step)

    async def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, *, ttl_seconds: float | None = None
    ) -> bool:
        """Put a value under a key, if the present one is the expected one; see `Store.compare_and_set`."""
        name = check_key(key)
        check_value(value)
        check_ttl(ttl_seconds)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                record = folder.read(VALUE, name)
                if (None if record is None else record[0]) != expected:
                    return False
                folder.write(VALUE, name, value, _end(folder, ttl_seconds))
            return True

        return await self.run(step)

    async def increment(self, key: str, by: int = 1, *, ttl_seconds: float | None = None) -> int:
        """Add to the number under a key; see `Store.increment`."""
        name = check_key(key)
        check_number(by)
        check_ttl(ttl_seconds)

        def step(folder: Folder) -> int:
            with folder.turn(name):
                present, expires_at = folder.read(VALUE, name) or (None, _end(folder, ttl_seconds))
                number = add_number(present, by)
                folder.write(VALUE, name, b"%d" % number, expires_at)
            return number

        return await self.run(step)

    async def delete(self, key: str) -> bool:
        """Forget the value and the members under a key; see `Store.delete`."""
        name = check_key(key)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                had_any = folder.read(VALUE, name) is not None or bool(_read_members(folder, name))
                folder.remove(VALUE, name)
                folder.remove(MEMBERS, name)
            return had_any

        return await self.run(step)

    async def add_member(self, key: str, member: str, *, ttl_seconds: float | None = None) -> None:
        """Add a member to the set under a key; see `Store.add_member`."""
        name = check_key(key)
        check_key(member)
        check_ttl(ttl_seconds)

        def step(folder: Folder) -> None:
            with folder.turn(name):
                members = _read_members(folder, name)
                members[member] = _end(folder, ttl_seconds)
                folder.write(MEMBERS, name, pack_members(members), max(members.values()))

        await self.run(step)

    async def remove_member(self, key: str, member: str) -> bool:
        """Take a member out of the set under a key; see `Store.remove_member`."""
        name = check_key(key)
        check_key(member)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                members = _read_members(folder, name)
                if members.pop(member, None) is None:
                    return False
                if members:
                    folder.write(MEMBERS, name, pack_members(members), max(members.values()))
                else:
                    folder.remove(MEMBERS, name)
            return True

        return await self.run(step)

    async def members(self, key: str) -> frozenset[str]:
        """Return the members of the set under a key; see `Store.members`."""
        name = check_key(key)
        return await self.run(lambda folder: frozenset(_read_members(folder, name)))

    def lock(
        self, key: str, *, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> AbstractAsyncContextManager[StoreLock]:
        """Hold a lock in a block; see `Store.lock`."""
        return hold_lock(self._locks, key, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds, clock=self._clock)

    async def aclose(self) -> None:
        """End the threads when they have done what was begun; a later operation starts new ones."""
        with self._guard:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)

    async def run(self, step: Callable[[Folder], _T]) -> _T:
        """Run one step in a thread.

        Args:
            step: is given the folder.

        Raises:
            StoreUnavailable: the folder could not be used, or not in time.
        """
        return await self._availability.guard(self._run_in_thread(step))

    async def _run_in_thread(self, step: Callable[[Folder], _T]) -> _T:
        with self._guard:
            if self._threads is None or self._process_id != os.getpid():
                # A process that was forked has neither the threads nor the owners of locks of the one before.
                self._folder = self._open_folder()
                self._process_id = os.getpid()
                self._threads = ThreadPoolExecutor(self._max_threads, thread_name_prefix="costrel-store")
            # Under the guard, so that nobody shuts the threads down in between.
            future = asyncio.get_running_loop().run_in_executor(self._threads, step, self._folder)
        return await future

    def _open_folder(self) -> Folder:
        return Folder(self._root, is_synced=self._is_synced, wait_seconds=self._timeout_seconds, clock=self._clock)


class _FileLocks:
    """The steps of locks; the file of a lock that is held has its owner in it."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def acquire(self, key: str, owner: bytes, ttl_seconds: float) -> int | None:
        name = check_key(key)

        def step(folder: Folder) -> int | None:
            with folder.turn(name):
                if folder.read(LOCK, name) is not None:
                    return None
                token = folder.take_token()
                folder.write(LOCK, name, owner, _end(folder, ttl_seconds))
            return token

        return await self._store.run(step)

    async def extend(self, key: str, owner: bytes, ttl_seconds: float) -> bool:
        name = check_key(key)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                if not _has(folder, name, owner):
                    return False
                folder.write(LOCK, name, owner, _end(folder, ttl_seconds))
            return True

        return await self._store.run(step)

    async def release(self, key: str, owner: bytes) -> bool:
        name = check_key(key)

        def step(folder: Folder) -> bool:
            with folder.turn(name):
                if not _has(folder, name, owner):
                    return False
                folder.remove(LOCK, name)
            return True

        return await self._store.run(step)


def _end(folder: Folder, ttl_seconds: float | None) -> float:
    return math.inf if ttl_seconds is None else folder.clock() + ttl_seconds


def _has(folder: Folder, name: bytes, owner: bytes) -> bool:
    record = folder.read(LOCK, name)
    return record is not None and record[0] == owner


def _read_members(folder: Folder, name: bytes) -> dict[str, float]:
    record = folder.read(MEMBERS, name)
    if record is None:
        return {}
    now = folder.clock()
    return {member: end for member, end in unpack_members(record[0]).items() if end > now}


def _prepare(root: Path) -> Path:
    """Make the folder of a store, or look whether it is a safe one.

    Raises:
        ConfigurationError: it is not.
    """
    if find_spec("fcntl") is None:
        raise _unusable(root, "This system has no locks for files that processes share.")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.stat()
    except OSError as error:
        raise _unusable(root, f"{type(error).__name__}: {error}") from error
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid()):
        raise _unusable(root, "Others may write there, so they could put sessions and answers into the store.")
    return root


def _unusable(root: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-STORE-003",
            f"The folder {str(root)!r} cannot hold a store.",
            why=why,
            fix="Name a folder of the user that runs the application, with the mode 0700.",
        )
    )
