"""Whether a store answers: how long it is waited for, what is logged, and when it is asked again.

While it is away there is one line a minute, and one when it is back. A store that did not answer several times in a row
is left alone for half a second, so that a server under load that has lost its store does not wait for it in every
request.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any, TypeVar

from costrel.messages import StoreUnavailable

__all__ = ["Availability"]

logger: logging.Logger = logging.getLogger("costrel.store")

LOG_EVERY_SECONDS = 60.0
FAILURES_BEFORE_PAUSE = 3
PAUSE_SECONDS = 0.5

_T = TypeVar("_T")


class Availability:
    """Guards the operations of one store.

    Args:
        name: the store in the log, without secrets.
        timeout_seconds: how long one operation may take.
        failures: the exceptions that mean that the store is away; a timeout always does.
        clock: seconds that only go on.
    """

    def __init__(
        self,
        name: str,
        *,
        timeout_seconds: float,
        failures: tuple[type[Exception], ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._failures: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._clock = clock
        self._lock = Lock()
        self._failure_count = 0
        self._away_since = 0.0
        self._closed_until = 0.0
        self._silent_until = -math.inf
        self._is_reported = False

    async def guard(self, operation: Coroutine[Any, Any, _T]) -> _T:
        """Await an operation for its time.

        Raises:
            StoreUnavailable: it failed, took too long, or was not tried because the ones before it did.
        """
        if self._failure_count >= FAILURES_BEFORE_PAUSE and self._clock() < self._closed_until:
            operation.close()
            raise StoreUnavailable(headers={"Retry-After": "1"})
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await operation
        except self._failures as error:
            self._note_failure(error)
            raise StoreUnavailable(headers={"Retry-After": "1"}) from error
        if self._failure_count:
            self._note_success()
        return result

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            now = self._clock()
            if not self._failure_count:
                self._away_since = now
            self._failure_count += 1
            self._closed_until = now + PAUSE_SECONDS
            is_silent = now < self._silent_until
            if not is_silent:
                self._silent_until = now + LOG_EVERY_SECONDS
                self._is_reported = True
        if not is_silent:
            logger.warning(
                "store_unavailable store=%s error=%s detail=%r",
                self._name,
                type(error).__name__,
                str(error) or f"no answer in {self._timeout_seconds} s",
            )

    def _note_success(self) -> None:
        with self._lock:
            count, self._failure_count = self._failure_count, 0
            is_reported, self._is_reported = self._is_reported, False
            away_seconds = self._clock() - self._away_since
        if is_reported:
            logger.info("store_available store=%s failures=%d away_seconds=%.1f", self._name, count, away_seconds)
