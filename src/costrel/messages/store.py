"""`Store`: the one protocol by which sessions, caches, locks and idempotency keep what outlives a request.

It knows values, counters, sets of members and locks, each under a key, and each with a time to live. Whoever uses a
store is given one and does not know whether it is memory, a folder or a server; implementations are in
`costrel.stores`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from costrel.errors import CostrelError, ServiceUnavailable

__all__ = ["LockLost", "LockNotAcquired", "Store", "StoreLock", "StoreUnavailable"]


class StoreUnavailable(ServiceUnavailable):
    """A store did not answer in its time, or answered that it cannot; 503 where nobody decides otherwise.

    Whether a write that ends so has happened is unknown.
    """


class LockNotAcquired(CostrelError):
    """A lock was held by somebody else for as long as the caller would wait."""


class LockLost(CostrelError):
    """A lock was not held any more when it was extended or given back: its time was over before the work was."""


class StoreLock(Protocol):
    """A lock that is held; what `Store.lock` yields.

    Attributes:
        token: the fencing token, a positive number. Each lock taken later, under whatever key, has a larger one, so
            whoever keeps the largest token it has seen can refuse a holder that lost its lock and does not know it.
        is_lost: whether the time of the lock is over by the holder's own clock, or `extend` found it lost.
    """

    @property
    def token(self) -> int:
        """The fencing token."""

    @property
    def is_lost(self) -> bool:
        """Whether the holder must stop."""

    async def extend(self, ttl_seconds: float) -> None:
        """Hold the lock for longer.

        Args:
            ttl_seconds: how long from now, above 0.

        Raises:
            LockLost: it is not held any more.
            StoreUnavailable: the store is away; the lock ends when its time is over.
        """


class Store(Protocol):
    """Values under keys, with a time to live; every method may be called on any loop.

    A key is text of 1 to 512 characters, and two keys are the same only if all their characters are. A value is
    `bytes` of at most 16 MiB. A time to live is above 0 and at most ten years; `None` is no end. A store may forget
    what does not fit any more, so what must not be lost belongs into a database.

    Values, members and locks under one key are kept apart; `delete` forgets the first two.

    All methods raise `ValueError` or `TypeError` for what is no key, value, number or time, and `StoreUnavailable`
    when the store does not answer in its time. Cancelled, they may have done their work.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value under a key; `None` when there is none, or its time is over."""

    async def set(
        self, key: str, value: bytes, *, ttl_seconds: float | None = None, only_if_absent: bool = False
    ) -> bool:
        """Put a value under a key, in place of another one and its time to live.

        Args:
            key: the key.
            value: the value.
            ttl_seconds: how long it stays; `None` is for good.
            only_if_absent: do nothing when there is a value.

        Returns:
            Whether it was put there.
        """

    async def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, *, ttl_seconds: float | None = None
    ) -> bool:
        """Put a value under a key, if the present one is the expected one; nothing comes between the two.

        Args:
            key: the key.
            expected: the value that must be there; `None` is no value.
            value: the new value.
            ttl_seconds: how long the new value stays; `None` is for good.

        Returns:
            Whether it was put there.
        """

    async def increment(self, key: str, by: int = 1, *, ttl_seconds: float | None = None) -> int:
        """Add to the number under a key, which begins at 0; it is a value, written as decimal digits.

        Args:
            key: the key.
            by: what is added; it may be negative.
            ttl_seconds: how long the number stays, counted from its first increment: later ones change nothing about
                it.

        Returns:
            The sum.

        Raises:
            ValueError: the value is no number, or the sum does not fit into 64 bits with a sign.
        """

    async def delete(self, key: str) -> bool:
        """Forget the value and the members under a key.

        Returns:
            Whether there was a value or a member.
        """

    async def add_member(self, key: str, member: str, *, ttl_seconds: float | None = None) -> None:
        """Add a member to the set under a key, or give one that is there a new time to live.

        Args:
            key: the key of the set.
            member: text with the bounds of a key.
            ttl_seconds: how long this member stays; `None` is for good.
        """

    async def remove_member(self, key: str, member: str) -> bool:
        """Take a member out of the set under a key.

        Returns:
            Whether it was there.
        """

    async def members(self, key: str) -> frozenset[str]:
        """Return the members of the set under a key whose time is not over."""

    def lock(
        self, key: str, *, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> AbstractAsyncContextManager[StoreLock]:
        """Hold a lock in a block: ``async with store.lock("report", ttl_seconds=30) as lock:``.

        One holder at a time, among all processes that use the store, until the block ends or its time is over.

        Args:
            key: the name of the lock.
            ttl_seconds: how long it is held at most, unless it is extended; then another may have it.
            wait_seconds: how long to wait for it, 0 or more.

        Raises:
            LockNotAcquired: somebody else had it all the time.
            LockLost: raised at the end of a block that raised nothing and outlived its lock.
        """

    async def aclose(self) -> None:
        """Give back what the store holds on the running loop; it opens again when it is used again."""
