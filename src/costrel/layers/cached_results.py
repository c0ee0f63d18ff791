"""`Results`: what is kept of the results of one function, and who computes what is not there.

A result is computed in a task of its own, outside of the request that asked for it. So a caller that goes away or has
waited long enough takes nothing from the others, and no result can hold anything of one request. Within a process one
task computes and all callers wait for it; between processes there is the lock of the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import TypeAlias

import msgspec

from costrel.errors import ServiceUnavailable
from costrel.layers.cached_counting import Counting
from costrel.layers.cached_shelf import Shelf, Tokens, Turn
from costrel.messages import current_request

__all__ = ["Results", "StillComputing"]

logger: logging.Logger = logging.getLogger("costrel.cache")


class StillComputing(ServiceUnavailable):
    """The result of a cached function was not there in its time; 503, and its computation goes on."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A result that is kept: when it was asked for, the tokens of its tags, and its bytes."""

    created_at: float
    tokens: tuple[bytes | None, ...]
    value: bytes


class _Flight:
    """A result that is being computed."""

    __slots__ = ("future", "task", "waiting_count")

    def __init__(self, future: asyncio.Future[bytes]) -> None:
        self.future = future
        self.task: asyncio.Task[None] | None = None
        self.waiting_count = 0


Compute: TypeAlias = Callable[[Context], Awaitable[bytes]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class Results:
    """The results of one function.

    Args:
        name: the function, for the log.
        shelf: where they are kept.
        seconds: how long a result is fresh.
        stale_seconds: how long after that it is given while a new one is computed.
        timeout_seconds: how long a caller waits; `None` is as long as it takes.
        wait_seconds: how long to wait for another process that computes the same.
        counting: counts.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        name: str,
        shelf: Shelf,
        *,
        seconds: float,
        stale_seconds: float,
        timeout_seconds: float | None,
        wait_seconds: float,
        counting: Counting,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self.shelf: Shelf = shelf
        self._seconds = seconds
        self._stale_seconds = stale_seconds
        self._timeout_seconds = timeout_seconds
        self._wait_seconds = wait_seconds
        self._counting = counting
        self._clock = clock
        self._flights: dict[tuple[asyncio.AbstractEventLoop, str, Tokens | None], _Flight] = {}

    async def find_fresh(self, key: str, tags: tuple[str, ...]) -> bytes | None:
        """Return a result that is fresh, and count it; it never waits for more than the store."""
        kept, _ = await self._look(key, tags)
        if kept is None or not self._is_fresh(kept):
            return None
        self._counting.hits += 1
        return kept.value

    async def get(self, key: str, tags: tuple[str, ...], compute: Compute) -> bytes:
        """Return a result, computed now if it has to be.

        Args:
            key: the key of the call.
            tags: the keys of its tags.
            compute: computes it, in a context.

        Raises:
            StillComputing: it takes longer than a caller waits.
            Exception: what `compute` raised, for everybody who waits.
        """
        kept, tokens = await self._look(key, tags)
        if kept is not None:
            if self._is_fresh(kept):
                self._counting.hits += 1
                return kept.value
            if self._clock() < kept.created_at + self._seconds + self._stale_seconds:
                self._counting.stale += 1
                self._fly(key, tags, tokens, compute, wait_seconds=0.0)
                return kept.value
        self._counting.misses += 1
        # Whoever asks after a purge has other tokens, and so does not wait for a result from before it.
        tokens = await self.shelf.make_tokens(tags, tokens)
        flight = self._fly(key, tags, tokens, compute, wait_seconds=self._wait_seconds)
        flight.waiting_count += 1
        try:
            # `wait` leaves the flight alone when this caller is cancelled or its time is over.
            await asyncio.wait((flight.future,), timeout=self._timeout_seconds)
        finally:
            flight.waiting_count -= 1
        if not flight.future.done():
            logger.warning("cached_function_slow function=%s waited_seconds=%s", self._name, self._timeout_seconds)
        if not flight.future.done() or flight.future.cancelled():
            raise StillComputing(headers={"Retry-After": "1"})
        return flight.future.result()

    async def _look(self, key: str, tags: tuple[str, ...]) -> tuple[_Kept | None, Tokens | None]:
        value, tokens = await self.shelf.look(key, tags)
        if value is None:
            return None, tokens
        try:
            kept = _decode(value)
        except msgspec.MsgspecError:
            return None, tokens
        return (kept if kept.tokens == tokens and None not in kept.tokens else None), tokens

    def _is_fresh(self, kept: _Kept) -> bool:
        return self._clock() < kept.created_at + self._seconds

    def _fly(
        self, key: str, tags: tuple[str, ...], tokens: Tokens | None, compute: Compute, *, wait_seconds: float
    ) -> _Flight:
        """Return the flight of a key, begun now unless there is one."""
        loop = asyncio.get_running_loop()
        name = (loop, key, tokens)
        flight = self._flights.get(name)
        if flight is not None:
            return flight
        flight = self._flights[name] = _Flight(loop.create_future())
        context = _context_outside()

        async def run() -> None:
            try:
                value = await self._compute(key, tags, tokens, compute, context, wait_seconds=wait_seconds)
            except Exception as error:
                flight.future.set_exception(error)
                # Read here, or it would be reported as one that nobody has read.
                flight.future.exception()
                if not flight.waiting_count:
                    logger.exception("cached_function_failed function=%s", self._name)
            else:
                flight.future.set_result(value)

        def land(task: asyncio.Task[None]) -> None:
            del self._flights[name]
            # Of a task that was stopped with its loop; else there is a result, and this does nothing.
            flight.future.cancel()

        flight.task = loop.create_task(run(), name=self._name, context=context)
        flight.task.add_done_callback(land)
        return flight

    async def _compute(
        self,
        key: str,
        tags: tuple[str, ...],
        tokens: Tokens | None,
        compute: Compute,
        context: Context,
        *,
        wait_seconds: float,
    ) -> bytes:
        """Compute a result in the turn of its key, unless somebody else has just done so, or is doing it."""
        async with self.shelf.turn(key, tokens, wait_seconds=wait_seconds, ttl_seconds=self._wait_seconds) as turn:
            kept, tokens = await self._look(key, tags)
            is_being_done = not wait_seconds and turn is not Turn.OURS
            if kept is not None and (is_being_done or self._is_fresh(kept)):
                return kept.value
            tokens = await self.shelf.make_tokens(tags, tokens)
            now = self._clock()
            value = await compute(context)
            if tokens is not None and await self.shelf.are_current(tags, tokens):
                record = _encode(_Kept(now, tokens, value))
                is_stored = await self.shelf.keep(key, record, self._seconds + self._stale_seconds)
                self._counting.stored += is_stored
            return value


def _context_outside() -> Context:
    """Return the context in which a result is computed: that of the application, without a request.

    SECURITY: what a result takes from one request, others would get.
    """
    request = current_request.get(None)
    if request is None or not request.method:
        return copy_context()
    base = request.exchange.loop_state.base_context
    return base.copy() if base is not None else Context()
