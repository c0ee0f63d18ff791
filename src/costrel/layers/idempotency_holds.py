"""`Holds`: who may run the handler for a key, asked of a store.

A hold is a record that says `under way`, put where there was none. It is over after its time, so a process that died
keeps nobody away for longer. Its content is like no other, and whatever follows it is written only in its place: so a
handler that has outlived its hold never overwrites what somebody else has begun.

What has happened when the store was away is in the log, once a minute.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from costrel.layers.idempotency_record import RELEASED, Done, Entry, Running, decode_entry, encode_entry
from costrel.messages import Store, StoreUnavailable

__all__ = ["Hold", "Holds"]

logger: logging.Logger = logging.getLogger("costrel.idempotency")

LOG_EVERY_SECONDS: Final = 60.0
RELEASED_SECONDS: Final = 1.0
MAX_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Hold:
    """That one request may run its handler.

    Args:
        key: what its record is kept under.
        content: the record that says so.
        fingerprint: which request it is.
        is_certain: whether the store has said so; where it was away, the handler runs without that.
    """

    key: str
    content: bytes
    fingerprint: bytes
    is_certain: bool = True


class Holds:
    """The holds of one layer.

    Args:
        store: where records are.
        lock_seconds: how long a hold lasts at most.
        ttl_seconds: how long what became of a request is kept.
        clock: seconds since the epoch, which other processes compare with theirs.
        log_clock: seconds that only go on.
    """

    def __init__(
        self,
        store: Store,
        *,
        lock_seconds: float,
        ttl_seconds: float,
        clock: Callable[[], float] = time.time,
        log_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store: Store = store
        self.lock_seconds: float = lock_seconds
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._log_clock = log_clock
        self._silent_until: dict[str, float] = {}

    def make(self, key: str, fingerprint: bytes) -> Hold:
        """Return a hold that nobody knows of yet."""
        record = Running(fingerprint, secrets.token_bytes(12), self._clock())
        return Hold(key, encode_entry(record), fingerprint)

    async def take(self, hold: Hold) -> Entry | None:
        """Put a hold into the store if nobody is in its place.

        Returns:
            `None` when the hold is taken, else who is there.

        Raises:
            StoreUnavailable: nobody can say.
        """
        key, store = hold.key, self.store
        content: bytes | None = None
        for _ in range(MAX_ATTEMPTS):
            if content is None:
                if await store.set(key, hold.content, ttl_seconds=self.lock_seconds, only_if_absent=True):
                    return None
            elif content == RELEASED:
                if await store.compare_and_set(key, RELEASED, hold.content, ttl_seconds=self.lock_seconds):
                    return None
            else:
                # What cannot be read says nothing, and nobody may do twice what may have been done.
                return decode_entry(content) or Done.without_answer(hold.fingerprint, 0)
            content = await store.get(key)
        return Running(hold.fingerprint, b"", self._clock())

    def wait_seconds(self, running: Running) -> int:
        """Return when to ask again: the longer it has taken, the later, and at most when its hold is over."""
        taken_seconds = self._clock() - running.began_at
        return max(1, math.ceil(min(taken_seconds, self.lock_seconds - taken_seconds)))

    async def finish(self, hold: Hold, done: Done) -> None:
        """Write what became of a request in the place of its hold; that it fails changes no answer.

        A hold whose time is over is written too if nobody has taken its place.
        """
        content = encode_entry(done)
        for is_last in (False, True) if hold.is_certain else (True,):
            try:
                try:
                    await self._finish(hold, content, is_first=not is_last)
                except ValueError:
                    # The answer does not fit into the store at all.
                    content = encode_entry(Done.without_answer(hold.fingerprint, done.status_code))
                    await self._finish(hold, content, is_first=not is_last)
            except StoreUnavailable:
                # A connection may have broken that was idle; the handler does not run once more for that.
                if is_last:
                    self.note("idempotency_answer_lost")
            else:
                return

    async def _finish(self, hold: Hold, content: bytes, *, is_first: bool) -> None:
        if await self.store.compare_and_set(hold.key, hold.content, content, ttl_seconds=self._ttl_seconds):
            return
        if is_first:
            # The second time it may be the first that was written, and not told of.
            self.note("idempotency_lock_lost")
        await self.store.set(hold.key, content, ttl_seconds=self._ttl_seconds, only_if_absent=True)

    async def release(self, hold: Hold) -> None:
        """Let the next request run its handler; if the store is away, the hold ends with its time."""
        try:
            await self.store.compare_and_set(hold.key, hold.content, RELEASED, ttl_seconds=RELEASED_SECONDS)
        except StoreUnavailable:
            self.note("idempotency_release_lost")

    async def extend(self, hold: Hold) -> None:
        """Let a hold begin anew, if it is not over."""
        try:
            await self.store.compare_and_set(hold.key, hold.content, hold.content, ttl_seconds=self.lock_seconds)
        except StoreUnavailable:
            self.note("idempotency_extension_lost")

    def note(self, event: str) -> None:
        """Write an event into the log, unless it was there within the last minute."""
        now = self._log_clock()
        if now >= self._silent_until.get(event, -math.inf):
            self._silent_until[event] = now + LOG_EVERY_SECONDS
            logger.warning("%s store=%r", event, self.store)
