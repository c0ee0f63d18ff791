"""`MemoryStore`: a store in the memory of one process, for tests, development and a single worker.

It is bounded: what was used least recently goes first, when there are too many entries or bytes. What is over goes when
it is asked for, and a few entries at each write, so that a store nobody reads does not keep it.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from threading import Lock

from costrel.messages import StoreLock
from costrel.stores.checks import add_number, check_key, check_number, check_ttl, check_value
from costrel.stores.locking import hold_lock, next_token

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_MAX_ITEMS", "MemoryStore"]

DEFAULT_MAX_ITEMS = 100_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD_BYTES = 300
SWEPT_AT_A_WRITE = 4

_Members = dict[str, float]


class _Entry:
    """A value or a set, and when its time is over."""

    __slots__ = ("content", "expires_at", "size_bytes")

    def __init__(self, content: bytes | _Members, expires_at: float, size_bytes: int) -> None:
        self.content = content
        self.expires_at = expires_at
        self.size_bytes = size_bytes


class MemoryStore:
    """A store in memory, safe for several loops and threads; see `costrel.messages.Store`.

    Args:
        max_items: how many values and sets it keeps, 1 or more.
        max_bytes: how many bytes they may have together, with their keys and some hundred bytes each for the
            bookkeeping; 1 or more.
        clock: seconds that only go on.

    Raises:
        ValueError: a bound below 1.
    """

    def __init__(
        self,
        *,
        max_items: int = DEFAULT_MAX_ITEMS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError(f"max_items and max_bytes are 1 or more, not {max_items} and {max_bytes}")
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._clock = clock
        self._guard = Lock()
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._size_bytes = 0
        self._locks = _MemoryLocks(clock, self._guard)

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self)}>"

    def __len__(self) -> int:
        """How many entries it keeps, some of which may be over."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """How many bytes the entries have together, as `max_bytes` counts them."""
        return self._size_bytes

    async def get(self, key: str) -> bytes | None:
        """Return the value under a key; see `Store.get`."""
        check_key(key)
        with self._guard:
            return self._read(key)

    async def set(
        self, key: str, value: bytes, *, ttl_seconds: float | None = None, only_if_absent: bool = False
    ) -> bool:
        """Put a value under a key; see `Store.set`.

        Raises:
            ValueError: the value is larger than the whole store may be.
        """
        check_key(key)
        check_value(value)
        check_ttl(ttl_seconds)
        with self._guard:
            if only_if_absent and self._read(key) is not None:
                return False
            self._write(key, value, self._end(ttl_seconds))
        return True

    async def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, *, ttl_seconds: float | None = None
    ) -> bool:
        """Put a value under a key, if the present one is the expected one; see `Store.compare_and_set`."""
        check_key(key)
        check_value(value)
        check_ttl(ttl_seconds)
        with self._guard:
            if self._read(key) != expected:
                return False
            self._write(key, value, self._end(ttl_seconds))
        return True

    async def increment(self, key: str, by: int = 1, *, ttl_seconds: float | None = None) -> int:
        """Add to the number under a key; see `Store.increment`."""
        check_key(key)
        check_number(by)
        check_ttl(ttl_seconds)
        with self._guard:
            present = self._read(key)
            number = add_number(present, by)
            expires_at = self._end(ttl_seconds) if present is None else self._entries["value", key].expires_at
            self._write(key, b"%d" % number, expires_at)
        return number

    async def delete(self, key: str) -> bool:
        """Forget the value and the members under a key; see `Store.delete`."""
        check_key(key)
        with self._guard:
            had_any = self._read(key) is not None or bool(self._live_members(key))
            self._forget(("value", key))
            self._forget(("members", key))
        return had_any

    async def add_member(self, key: str, member: str, *, ttl_seconds: float | None = None) -> None:
        """Add a member to the set under a key; see `Store.add_member`."""
        check_key(key)
        check_key(member)
        check_ttl(ttl_seconds)
        with self._guard:
            members = self._live_members(key)
            members[member] = self._end(ttl_seconds)
            self._write_members(key, members)

    async def remove_member(self, key: str, member: str) -> bool:
        """Take a member out of the set under a key; see `Store.remove_member`."""
        check_key(key)
        check_key(member)
        with self._guard:
            members = self._live_members(key)
            was_there = members.pop(member, None) is not None
            self._write_members(key, members)
        return was_there

    async def members(self, key: str) -> frozenset[str]:
        """Return the members of the set under a key; see `Store.members`."""
        check_key(key)
        with self._guard:
            return frozenset(self._live_members(key))

    def lock(
        self, key: str, *, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> AbstractAsyncContextManager[StoreLock]:
        """Hold a lock in a block; see `Store.lock`. Locks are not counted among the entries and never forgotten."""
        return hold_lock(self._locks, key, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds, clock=self._clock)

    async def aclose(self) -> None:
        """Do nothing: other loops may use what is kept."""

    def _end(self, ttl_seconds: float | None) -> float:
        return math.inf if ttl_seconds is None else self._clock() + ttl_seconds

    def _find(self, name: tuple[str, str]) -> _Entry | None:
        """Return an entry whose time is not over, and note that it was used."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry.expires_at <= self._clock():
            self._forget(name)
            return None
        self._entries.move_to_end(name)
        return entry

    def _read(self, key: str) -> bytes | None:
        entry = self._find(("value", key))
        return entry.content if entry is not None and isinstance(entry.content, bytes) else None

    def _live_members(self, key: str) -> _Members:
        entry = self._find(("members", key))
        if entry is None or isinstance(entry.content, bytes):
            return {}
        now = self._clock()
        return {member: expires_at for member, expires_at in entry.content.items() if expires_at > now}

    def _write(self, key: str, value: bytes, expires_at: float) -> None:
        self._put(("value", key), _Entry(value, expires_at, len(key) + len(value) + ENTRY_OVERHEAD_BYTES))

    def _write_members(self, key: str, members: _Members) -> None:
        if not members:
            self._forget(("members", key))
            return
        size_bytes = len(key) + sum(len(member) + ENTRY_OVERHEAD_BYTES for member in members)
        self._put(("members", key), _Entry(members, max(members.values()), size_bytes))

    def _put(self, name: tuple[str, str], entry: _Entry) -> None:
        if entry.size_bytes > self._max_bytes:
            raise ValueError(f"an entry of {entry.size_bytes} bytes does not fit into a store of {self._max_bytes}")
        self._forget(name)
        self._entries[name] = entry
        self._size_bytes += entry.size_bytes
        self._sweep()
        while len(self._entries) > self._max_items or self._size_bytes > self._max_bytes:
            self._forget(next(iter(self._entries)))

    def _sweep(self) -> None:
        """Forget a few entries that are over, among those that were used least recently."""
        now = self._clock()
        for _ in range(min(SWEPT_AT_A_WRITE, len(self._entries))):
            name = next(iter(self._entries))
            if self._entries[name].expires_at > now:
                break
            self._forget(name)

    def _forget(self, name: tuple[str, str]) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes


class _MemoryLocks:
    """The steps of locks; a lock has an owner and an end."""

    def __init__(self, clock: Callable[[], float], guard: Lock) -> None:
        self._clock = clock
        self._guard = guard
        self._owners: dict[str, tuple[bytes, float]] = {}
        self._token = 0
        self._sweep_at_count = 64

    async def acquire(self, key: str, owner: bytes, ttl_seconds: float) -> int | None:
        with self._guard:
            now = self._clock()
            held = self._owners.get(key)
            if held is not None and held[1] > now:
                return None
            self._owners[key] = owner, now + ttl_seconds
            self._token = next_token(self._token)
            self._sweep(now)
            return self._token

    async def extend(self, key: str, owner: bytes, ttl_seconds: float) -> bool:
        with self._guard:
            now = self._clock()
            if not self._has(key, owner, now):
                return False
            self._owners[key] = owner, now + ttl_seconds
            return True

    async def release(self, key: str, owner: bytes) -> bool:
        with self._guard:
            has = self._has(key, owner, self._clock())
            if has:
                del self._owners[key]
            return has

    def _has(self, key: str, owner: bytes, now: float) -> bool:
        held = self._owners.get(key)
        return held is not None and held[0] == owner and held[1] > now

    def _sweep(self, now: float) -> None:
        """Forget locks that nobody gave back, each time their number has doubled."""
        if len(self._owners) >= self._sweep_at_count:
            self._owners = {key: held for key, held in self._owners.items() if held[1] > now}
            self._sweep_at_count = max(64, 2 * len(self._owners))
