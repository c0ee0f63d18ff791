"""`Shelf`: what caches ask of a store, and what becomes of that when the store is away.

A value is kept with the tokens of its tags. A token is random text under a key of its own, one for each tag; a value
counts only while the tokens that it was made under are still there. So a purge is one deletion, whatever number of
values it ends, and a value that was being computed when its tag was purged is over before it is kept. A token that a
store has forgotten ends values too early, never too late.

Locks are taken for a bounded time, and a lock that is lost or cannot be had never fails anybody: then two compute.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from hashlib import blake2b
from typing import Literal

from costrel.layers.cached_counting import Counting
from costrel.layers.mistakes import wrong_option
from costrel.messages import LockLost, LockNotAcquired, Store, StoreUnavailable
from costrel.stores import MemoryStore, open_store

__all__ = ["OnStoreFailure", "Shelf", "Tokens", "Turn", "hashed", "tag_key"]

logger: logging.Logger = logging.getLogger("costrel.cache")

LOG_EVERY_SECONDS = 60.0
SHORTEST_TOKEN_SECONDS = 86_400.0

OnStoreFailure = Literal["open", "closed"]
Tokens = tuple[bytes | None, ...]


class Turn(Enum):
    """What came of asking for a turn."""

    OURS = auto()
    """Nobody else in any process has it."""
    TAKEN = auto()
    """Somebody else had it all the time."""
    UNKNOWN = auto()
    """The store is away."""


class Shelf:
    """A store as caches use it.

    Args:
        owner: the layer or function, for messages and the log.
        store: a store, its URL, or `None` for one in memory of its own.
        on_failure: ``open`` goes on as if nothing was kept, ``closed`` raises `StoreUnavailable`.
        lifetime_seconds: how long values are of use at most.
        counting: where failures are counted.
        clock: seconds that only go on, for the log.

    Raises:
        ConfigurationError: COS-LAYERS-001, no store; COS-STORE-001, a URL that is none.
    """

    def __init__(
        self,
        owner: str,
        store: Store | str | None,
        *,
        on_failure: OnStoreFailure,
        lifetime_seconds: float,
        counting: Counting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if on_failure not in ("open", "closed"):
            raise wrong_option(owner, "on_store_failure", on_failure, 'It is "open" or "closed".')
        if store is None:
            store = MemoryStore()
        elif isinstance(store, str):
            store = open_store(store)
        elif not hasattr(store, "compare_and_set"):
            raise wrong_option(owner, "store", store, "It is a store or the URL of one.", 'store="redis://localhost/0"')
        self._owner = owner
        self.store: Store = store
        self._is_open = on_failure == "open"
        self._lifetime_seconds = lifetime_seconds
        self._counting = counting
        self._clock = clock
        # Operations of a store in memory never wait, so there is nothing to gain from doing them together.
        self._reads_in_turn = isinstance(store, MemoryStore)
        self._is_away = False
        self._silent_until = -math.inf

    async def look(self, key: str, tags: Sequence[str]) -> tuple[bytes | None, Tokens | None]:
        """Return a value and the tokens of tags as they are now; `None` for both when the store is away."""
        store = self.store
        try:
            if self._reads_in_turn:
                value = await store.get(key)
                tokens = tuple([await store.get(tag) for tag in tags])
            else:
                value, *read = await asyncio.gather(store.get(key), *(store.get(tag) for tag in tags))
                tokens = tuple(read)
        except StoreUnavailable as error:
            self._note_failure(error)
            return None, None
        if self._is_away:
            self._note_return()
        return value, tokens

    async def get(self, key: str) -> bytes | None:
        """Return a value alone."""
        return (await self.look(key, ()))[0]

    async def make_tokens(self, tags: Sequence[str], known: Tokens | None) -> Tokens | None:
        """Return tokens of tags that are all there, made now where there were none.

        Args:
            tags: the keys of tags.
            known: what `look` gave.
        """
        if known is None:
            return None
        tokens = list(known)
        ttl_seconds = max(SHORTEST_TOKEN_SECONDS, 2 * self._lifetime_seconds)
        try:
            for index, tag in enumerate(tags):
                if tokens[index] is None:
                    made = secrets.token_bytes(12)
                    is_first = await self.store.set(tag, made, ttl_seconds=ttl_seconds, only_if_absent=True)
                    tokens[index] = made if is_first else await self.store.get(tag)
        except StoreUnavailable as error:
            self._note_failure(error)
            return None
        return tuple(tokens)

    async def are_current(self, tags: Sequence[str], tokens: Tokens) -> bool:
        """Whether no tag was purged meanwhile; what is over would take the place of what was made after it."""
        try:
            for tag, token in zip(tags, tokens, strict=True):
                if token is None or await self.store.get(tag) != token:
                    return False
        except StoreUnavailable as error:
            self._note_failure(error)
            return False
        return True

    async def keep(self, key: str, value: bytes, ttl_seconds: float) -> bool:
        """Put a value away, and return whether that has worked."""
        try:
            await self.store.set(key, value, ttl_seconds=ttl_seconds)
        except StoreUnavailable as error:
            self._note_failure(error)
            return False
        except ValueError:
            # It does not fit into the store at all.
            return False
        return True

    async def forget(self, *keys: str) -> bool:
        """Forget values or tokens, and return whether there were any.

        Raises:
            StoreUnavailable: whoever forgets must know that it has not happened.
        """
        return any([await self.store.delete(key) for key in keys])

    @asynccontextmanager
    async def turn(
        self, key: str, tokens: Tokens | None, *, wait_seconds: float, ttl_seconds: float
    ) -> AsyncIterator[Turn]:
        """Be the one that computes a value, among all processes; the block runs in every case.

        Args:
            key: the key of the value.
            tokens: of its tags; after a purge nobody waits for what was begun before it.
            wait_seconds: how long to wait for it.
            ttl_seconds: how long it is ours at most.
        """
        if tokens is None:
            yield Turn.UNKNOWN
            return
        name = f"{key}.{hashed(*[token or b'' for token in tokens])}"
        lock = self.store.lock(name, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds)
        try:
            await lock.__aenter__()
        except LockNotAcquired:
            yield Turn.TAKEN
            return
        except StoreUnavailable as error:
            self._note_failure(error)
            yield Turn.UNKNOWN
            return
        try:
            yield Turn.OURS
        except BaseException:
            await lock.__aexit__(*sys.exc_info())
            raise
        try:
            await lock.__aexit__(None, None, None)
        except LockLost:
            # It took longer than it was ours; others may have computed the same.
            pass

    async def aclose(self) -> None:
        """Close the store on the running loop."""
        await self.store.aclose()

    def _note_failure(self, error: StoreUnavailable) -> None:
        """Count it, log it once a minute, and raise it if nothing may be answered without the store."""
        self._counting.store_failures += 1
        now = self._clock()
        if now >= self._silent_until:
            self._silent_until = now + LOG_EVERY_SECONDS
            self._is_away = True
            logger.warning("cache_unavailable cache=%s store=%r", self._owner, self.store)
        if not self._is_open:
            raise error

    def _note_return(self) -> None:
        self._is_away = False
        logger.info("cache_available cache=%s store=%r", self._owner, self.store)


def hashed(*parts: bytes) -> str:
    """Return the name of some bytes that goes into a key; each part counts with its length."""
    state = blake2b(digest_size=20)
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.hexdigest()


def tag_key(tag: str) -> str:
    """Return the key of a tag's token.

    Raises:
        TypeError: the tag is no text.
    """
    if not isinstance(tag, str):
        raise TypeError(f"a tag is `str`, not `{type(tag).__name__}`")
    return f"costrel.cache.tag.{hashed(tag.encode())}"
