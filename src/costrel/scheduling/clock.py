"""The clock that a scheduler goes by; tests give it one of their own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What tells the time, and waits."""

    def now(self) -> float:
        """Return seconds since 1970; it may be set, forward and back."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only go on."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; it may take longer when the machine sleeps."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that only go on."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)
