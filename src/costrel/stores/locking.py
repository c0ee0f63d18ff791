"""Locks with a time to live and a fencing token, over three steps that each store has.

A holder cannot know that it still has its lock, only that it may: it can be suspended for longer than the lock lives.
So the lock notices at its end that its time is over, `HeldLock.is_lost` says so at any time, and the fencing token
lets what is written refuse a holder of the past.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from costrel.messages import LockLost, LockNotAcquired, StoreUnavailable
from costrel.stores.checks import check_key, check_ttl, check_wait

__all__ = ["HeldLock", "LockSteps", "hold_lock", "next_token"]

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.1


class LockSteps(Protocol):
    """What a store does for its locks; each step is one that nothing comes between."""

    async def acquire(self, key: str, owner: bytes, ttl_seconds: float) -> int | None:
        """Take a lock that nobody has and return its fencing token; `None` when somebody has it."""

    async def extend(self, key: str, owner: bytes, ttl_seconds: float) -> bool:
        """Give a lock a new time to live if this owner has it, and return whether it has."""

    async def release(self, key: str, owner: bytes) -> bool:
        """Forget a lock if this owner has it, and return whether it had."""


class HeldLock:
    """A lock that is held; see `costrel.messages.StoreLock`.

    Args:
        steps: the store's.
        key: the name of the lock.
        owner: what tells this holder from all others.
        token: the fencing token.
        ends_at: when its time is over, on the holder's clock.
        clock: the holder's clock, in seconds.
    """

    __slots__ = ("_clock", "_ends_at", "_found_lost", "_key", "_owner", "_steps", "_token")

    def __init__(
        self, steps: LockSteps, key: str, owner: bytes, token: int, ends_at: float, clock: Callable[[], float]
    ) -> None:
        self._steps = steps
        self._key = key
        self._owner = owner
        self._token = token
        self._ends_at = ends_at
        self._clock = clock
        self._found_lost = False

    def __repr__(self) -> str:
        return f"<HeldLock {self._key!r} token={self._token}>"

    @property
    def token(self) -> int:
        """The fencing token."""
        return self._token

    @property
    def is_lost(self) -> bool:
        """Whether the holder must stop."""
        return self._found_lost or self._clock() >= self._ends_at

    async def extend(self, ttl_seconds: float) -> None:
        """Hold the lock for longer, from now.

        Raises:
            LockLost: it is not held any more.
        """
        check_ttl(ttl_seconds)
        ends_at = self._clock() + ttl_seconds
        if self._found_lost or not await self._steps.extend(self._key, self._owner, ttl_seconds):
            self._found_lost = True
            raise LockLost(f"the lock {self._key!r} is not held any more")
        self._ends_at = ends_at

    async def release(self) -> None:
        """Give the lock back; a store that is away forgets it when its time is over.

        Raises:
            LockLost: it was not held any more.
        """
        try:
            was_held = await self._steps.release(self._key, self._owner)
        except StoreUnavailable:
            was_held = not self.is_lost
        if not was_held:
            raise LockLost(f"the lock {self._key!r} was lost before its block ended")


@asynccontextmanager
async def hold_lock(
    steps: LockSteps,
    key: str,
    *,
    ttl_seconds: float,
    wait_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[HeldLock]:
    """Take a lock, asking again and again while somebody else has it, and give it back at the end.

    Args:
        steps: the store's.
        key: the name of the lock.
        ttl_seconds: how long it is held at most.
        wait_seconds: how long to ask for it.
        clock: the holder's clock.

    Raises:
        LockNotAcquired: somebody else had it all the time.
        LockLost: the block raised nothing and outlived its lock.
    """
    check_key(key)
    check_ttl(ttl_seconds)
    check_wait(wait_seconds)
    owner = secrets.token_bytes(16)
    give_up_at = time.monotonic() + wait_seconds
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        # Read before the question: on the way back the lock lives already.
        ends_at = clock() + ttl_seconds
        token = await _acquire(steps, key, owner, ttl_seconds)
        if token is not None:
            break
        left_seconds = give_up_at - time.monotonic()
        if left_seconds <= 0:
            raise LockNotAcquired(f"the lock {key!r} is held by somebody else")
        # Waiters that were refused together do not ask together again.
        share = 0.5 + secrets.randbelow(500) / 1000
        await asyncio.sleep(min(pause_seconds * share, left_seconds))
        pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
    lock = HeldLock(steps, key, owner, token, ends_at, clock)
    try:
        yield lock
    except BaseException:
        try:
            await lock.release()
        except LockLost:
            # What the block raised says more.
            pass
        raise
    await lock.release()


async def _acquire(steps: LockSteps, key: str, owner: bytes, ttl_seconds: float) -> int | None:
    """Take a lock; a caller that goes away gives back what it may have got, as far as that has happened by then."""
    try:
        return await steps.acquire(key, owner, ttl_seconds)
    except asyncio.CancelledError:
        try:
            await steps.release(key, owner)
        except StoreUnavailable:
            # It ends by itself when its time is over.
            pass
        raise


def next_token(last: int) -> int:
    """Return a fencing token above the last one, and above those from before that one was forgotten.

    Args:
        last: the last token, or 0 when nobody remembers one.
    """
    return max(last + 1, time.time_ns() // 1000)
