"""What a limit does while its server is away: how long it waits, whom it lets pass, and what is logged.

There is one line a minute while the server is away, and one when it is back. A server that did not answer several times
in a row is left alone for half a second, so that requests do not wait for it one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Literal

from costrel.errors import ServiceUnavailable
from costrel.layers.limit_counting import Counter, Refused, Standings
from costrel.layers.limit_memory import MemoryCounter

__all__ = ["GuardedCounter", "OnStoreFailure"]

logger: logging.Logger = logging.getLogger("costrel.limit")

OnStoreFailure = Literal["open", "local", "closed"]

LOG_EVERY_SECONDS = 60.0
FAILURES_BEFORE_PAUSE = 3
PAUSE_SECONDS = 0.5


class GuardedCounter:
    """A counter on a server, asked for a bounded time.

    Args:
        counter: asks the server.
        name: the server in the log, without secrets.
        policy: ``open`` lets everybody pass while the server is away, ``local`` counts in `spare`, and ``closed``
            answers 503.
        spare: counts in this process.
        timeout_seconds: how long one request waits for the server.
        failures: the exceptions that mean that the server is away; a timeout always does.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        counter: Counter,
        *,
        name: str,
        policy: OnStoreFailure,
        spare: MemoryCounter,
        timeout_seconds: float,
        failures: tuple[type[Exception], ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counter = counter
        self._name = name
        self._policy = policy
        self._spare = spare
        self._timeout_seconds = timeout_seconds
        self._failures: tuple[type[Exception], ...] = (*failures, OSError, TimeoutError)
        self._clock = clock
        self._failure_count = 0
        self._away_since = 0.0
        self._paused_until = -math.inf
        self._silent_until = -math.inf
        self._is_reported = False

    def __repr__(self) -> str:
        return f"<GuardedCounter {self._name}>"

    async def take(self, key: str, cost: int) -> Standings | Refused | None:
        """Count a request on the server, or do what is to be done without it; see `Counter.take`."""
        if self._failure_count >= FAILURES_BEFORE_PAUSE and self._clock() < self._paused_until:
            return self._without(key, cost)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                taken = await self._counter.take(key, cost)
        except self._failures as error:
            self._note_failure(error)
            return self._without(key, cost)
        if self._failure_count:
            self._note_return()
        return taken

    async def aclose(self) -> None:
        """Close the connections of the running loop; see `Counter.aclose`."""
        try:
            await self._counter.aclose()
        except self._failures:
            # A server that does not answer a farewell either; the connections are gone all the same.
            pass

    def _without(self, key: str, cost: int) -> Standings | Refused | None:
        if self._policy == "local":
            return self._spare.take(key, cost)
        if self._policy == "closed":
            raise ServiceUnavailable("Requests cannot be counted at present.", headers={"Retry-After": "1"})
        return None

    def _note_failure(self, error: Exception) -> None:
        now = self._clock()
        if not self._failure_count:
            self._away_since = now
        self._failure_count += 1
        self._paused_until = now + PAUSE_SECONDS
        if now < self._silent_until:
            return
        self._silent_until = now + LOG_EVERY_SECONDS
        self._is_reported = True
        detail = str(error) or f"no answer in {self._timeout_seconds} s"
        logger.warning(
            "limit_unavailable store=%s policy=%s error=%s detail=%r",
            self._name,
            self._policy,
            type(error).__name__,
            detail,
        )

    def _note_return(self) -> None:
        count, self._failure_count = self._failure_count, 0
        if self._is_reported:
            self._is_reported = False
            away_seconds = self._clock() - self._away_since
            logger.info("limit_available store=%s failures=%d away_seconds=%.1f", self._name, count, away_seconds)
