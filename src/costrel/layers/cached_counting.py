"""How often a cache was of use: the running counters, and the picture of them that is given out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CacheStats", "Counting"]


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache has done in this process since it was made.

    Args:
        hits: answers that were kept and fresh.
        stale: answers that were kept and old, given while a new one was made or because making one failed.
        misses: answers that were not there.
        passes: requests that the cache does not concern, and answers that may not be kept.
        stored: answers that were put away.
        store_failures: operations that the store did not do in its time.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    passes: int = 0
    stored: int = 0
    store_failures: int = 0


class Counting:
    """Running counters; see `CacheStats`. A count may be missed when several threads count at once."""

    __slots__ = ("hits", "misses", "passes", "stale", "store_failures", "stored")

    def __init__(self) -> None:
        self.hits: int = 0
        self.stale: int = 0
        self.misses: int = 0
        self.passes: int = 0
        self.stored: int = 0
        self.store_failures: int = 0

    def stats(self) -> CacheStats:
        """Return the counts as they are now."""
        return CacheStats(self.hits, self.stale, self.misses, self.passes, self.stored, self.store_failures)
