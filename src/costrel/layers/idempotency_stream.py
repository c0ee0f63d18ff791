"""A stream that answers a request with a key: what became of the request is known when the stream is over.

What surrounds a handler ends with its stream, a transaction too. So a stream that fails, or whose client leaves, lets
the request be done again, and one that comes to its end does not. Until then its hold is prolonged.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Self

from costrel.layers.idempotency_holds import Hold, Holds
from costrel.layers.idempotency_record import Done
from costrel.messages import ResponseStream

__all__ = ["HeldBody"]

Settle = Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, None]]


class HeldBody:
    """The pieces of another stream, which it owns.

    Args:
        inner: the stream.
        status_code: of the answer.
        holds: where the hold is.
        hold: of the request.
        settle: awaits something to its end although the task is cancelled.
        clock: seconds that only go on.

    Attributes:
        content_length: that of the stream.
    """

    __slots__ = (
        "_clock",
        "_extend_at",
        "_hold",
        "_holds",
        "_inner",
        "_is_over",
        "_settle",
        "_status_code",
        "content_length",
    )

    def __init__(
        self,
        inner: ResponseStream,
        status_code: int,
        holds: Holds,
        hold: Hold,
        *,
        settle: Settle,
        clock: Callable[[], float],
    ) -> None:
        self.content_length: int | None = inner.content_length
        self._inner = inner
        self._status_code = status_code
        self._holds = holds
        self._hold = hold
        self._settle = settle
        self._clock = clock
        self._extend_at = clock() + holds.lock_seconds / 3
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._inner)
        except StopAsyncIteration:
            if not self._is_over:
                self._is_over = True
                done = Done.without_answer(self._hold.fingerprint, self._status_code)
                await self._settle(self._holds.finish(self._hold, done))
            raise
        now = self._clock()
        if now >= self._extend_at:
            self._extend_at = now + self._holds.lock_seconds / 3
            await self._holds.extend(self._hold)
        return piece

    async def aclose(self) -> None:
        """Close the stream; before its end, let the request be done again."""
        try:
            await self._inner.aclose()
        finally:
            if not self._is_over:
                self._is_over = True
                await self._settle(self._holds.release(self._hold))
