"""Which of many processes has a run, by what they share: a store.

A run is named by the moment at which it is due. The store keeps the last one that somebody has claimed; who replaces it
has the next. So a run is made at most once, also when the one who claimed it dies: a store that was away when it was
asked may have noted the claim, and the run is skipped rather than made twice.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from costrel.messages import Store, StoreLock

__all__ = ["LOCK_SECONDS", "Claims"]

LOCK_SECONDS = 30.0
WRONG_CLOCK_SECONDS = 3600.0
_KEPT_LONGER_SECONDS = 86_400.0
_MAX_KEPT_SECONDS = 3650 * 86_400.0
_TRIES = 5


class Claims:
    """The claims on the runs of one job.

    Args:
        store: what the processes share.
        key: the job, the same for all of them.
    """

    __slots__ = ("_key", "_store")

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key

    async def take(self, moment: float, following: float | None, now: float) -> bool:
        """Claim the run of a moment.

        Args:
            moment: when it was due.
            following: the moment after it, until which the claim must be remembered.
            now: the time.

        Returns:
            Whether it is ours; no, when somebody has it, or a later one.

        Raises:
            StoreUnavailable: the store is away; then it is nobody's.
        """
        milliseconds = round(moment * 1000)
        kept_seconds = (following if following is not None else moment) - min(now, moment) + _KEPT_LONGER_SECONDS
        ttl_seconds = min(kept_seconds, _MAX_KEPT_SECONDS)
        # Again, because who came between the two steps may have claimed an earlier run, late.
        for _ in range(_TRIES):
            present = await self._store.get(self._key)
            if present is not None and not _may_follow(present, milliseconds, now):
                return False
            if await self._store.compare_and_set(self._key, present, b"%d" % milliseconds, ttl_seconds=ttl_seconds):
                return True
        return False

    def hold(self) -> AbstractAsyncContextManager[StoreLock]:
        """Hold the lock of the job while it runs; see `Store.lock`. It lives for `LOCK_SECONDS` unless extended."""
        return self._store.lock(f"{self._key}:running", ttl_seconds=LOCK_SECONDS)


def _may_follow(present: bytes, milliseconds: int, now: float) -> bool:
    """Whether a claim may replace what is there: an earlier one, one of a clock that was wrong, or no claim at all."""
    try:
        claimed = int(present)
    except ValueError:
        return True
    return claimed < milliseconds or claimed > (now + WRONG_CLOCK_SECONDS) * 1000
