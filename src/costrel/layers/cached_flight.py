"""Single flight: of those who need the same value at the same time, one makes it and the others wait for it.

`Flights` has a leader that works in its own task. When it is stopped, by its deadline or because its client left, one
of those who wait takes over. Nobody waits for longer than a limit; then it works for itself. Flights belong to one
event loop, for a task can only wait for what happens on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Literal, TypeVar

__all__ = ["Flights", "Part"]

T = TypeVar("T")

Part = Literal["led", "followed", "alone"]


class Flights(Generic[T]):
    """The values that are being made now."""

    def __init__(self) -> None:
        # The result is `None` when the leader was stopped, else a tuple with the value.
        self._flights: dict[tuple[asyncio.AbstractEventLoop, Hashable], asyncio.Future[tuple[T] | None]] = {}

    def __len__(self) -> int:
        """How many values are being made."""
        return len(self._flights)

    async def share(self, key: Hashable, lead: Callable[[], Awaitable[T]], *, wait_seconds: float) -> tuple[T, Part]:
        """Return the value of a key, and which part the caller had in it.

        Args:
            key: what the value follows from.
            lead: makes it; called by the leader, and by whoever has waited long enough.
            wait_seconds: how long to wait for somebody else, all leaders together.

        Raises:
            BaseException: what `lead` raised, for its caller alone; others go on.
        """
        loop = asyncio.get_running_loop()
        name = (loop, key)
        give_up_at = loop.time() + wait_seconds
        while True:
            flight = self._flights.get(name)
            if flight is None:
                return await self._lead(name, loop.create_future(), lead), "led"
            # `wait` leaves the flight alone when this task is cancelled or its time is over.
            await asyncio.wait((flight,), timeout=max(give_up_at - loop.time(), 0.0))
            if not flight.done():
                return await lead(), "alone"
            landed = flight.result()
            if landed is not None:
                return landed[0], "followed"

    async def _lead(
        self,
        name: tuple[asyncio.AbstractEventLoop, Hashable],
        flight: asyncio.Future[tuple[T] | None],
        lead: Callable[[], Awaitable[T]],
    ) -> T:
        self._flights[name] = flight
        landed: tuple[T] | None = None
        try:
            value = await lead()
            landed = (value,)
            return value
        finally:
            # Gone before the others wake, so that the first of them finds its place free.
            del self._flights[name]
            flight.set_result(landed)
