"""Pieces on their way from a foreign coroutine to whoever wants them, one at a time.

An application pushes what it has to say, and we pull. `HandOver` is where the two meet: whoever hands a piece over
waits until the next one is asked for, so nothing piles up and a slow client slows the application down. The sender may
run in any task of the loop; the coroutine that is driven by hand waits in a way of its own (`trampoline`).

`Runner` is what both ways of running such a coroutine have in common.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["CLOSE_SECONDS", "HandOver", "Runner", "closed_error", "is_wanted_end"]

T = TypeVar("T")

CLOSE_SECONDS = 5.0
"""How long a foreign coroutine may take to end when it was told to, each time it is told."""


class Runner(Protocol[T]):
    """A foreign coroutine that hands over pieces; `Trampoline` and `ChildTask` are the two."""

    has_ended: bool
    """Whether the coroutine has returned, raised or been given up."""

    is_closing: bool
    """Whether nobody asks for pieces any more."""

    on_wait: Callable[[], object] | None
    """Called each time before it is waited for something; `None` for nothing."""

    late_error: Exception | None
    """What the coroutine raised after `leave`, before it was waited for anything."""

    def begin(self) -> T | None:
        """Start the coroutine, and return the first piece if it came without a wait.

        Raises:
            BaseException: what the coroutine raised.
        """
        ...

    def advance(self) -> Awaitable[T | None]:
        """Wait for the next piece; `None` when the coroutine has ended, or when `wake` was called.

        The sender of the piece before goes on from here.

        Raises:
            BaseException: what the coroutine raised.
        """
        ...

    def hand_over(self, piece: T) -> Awaitable[None]:
        """Hand a piece over, from inside the coroutine or a task of its, and wait until the next one is asked for.

        Raises:
            OSError: nobody asks for pieces any more.
        """
        ...

    def leave(self, piece: T) -> Awaitable[None] | None:
        """Hand over a piece that is all there is, and go on; what has to be awaited is returned, if anything has.

        `advance` returns the piece when the coroutine waits for something or has ended, whichever is first. If it
        raises before, that is kept in `late_error`.

        Raises:
            OSError: nobody asks for pieces any more; or awaiting raises it.
        """
        ...

    def run_on(self) -> bool:
        """Let the sender of the last piece go on without waiting for anything; return whether the coroutine has ended.

        What is left is done by `advance`.

        Raises:
            BaseException: what the coroutine raised.
        """
        ...

    def wake(self) -> None:
        """Let an `advance` that is waiting return `None`, or the next one when none is."""
        ...

    def close(self, *, has_been_told: bool) -> Awaitable[None]:
        """End the coroutine before its time, and wait for that within limits; an `Exception` of its is logged.

        Args:
            has_been_told: whether it waits for a client that leaves and has heard of it, so that it may end by itself.
        """
        ...


class HandOver(Generic[T]):
    """The pieces that are waiting, and whoever waits with them."""

    __slots__ = ("_pieces", "_taken")

    def __init__(self) -> None:
        self._pieces: deque[tuple[T, asyncio.Future[None] | None]] = deque()
        self._taken: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        """Whether a piece is waiting."""
        return bool(self._pieces)

    @property
    def is_waited_with(self) -> bool:
        """Whether the sender of the last piece waits until the next one is asked for."""
        return self._taken is not None and not self._taken.done()

    def put(self, piece: T) -> None:
        """Add a piece whose sender is paused by other means."""
        self._pieces.append((piece, None))

    async def put_and_wait(self, piece: T, wake: Callable[[], None]) -> None:
        """Add a piece, wake whoever takes it, and wait until the one after it is asked for.

        Raises:
            OSError: `close` was called meanwhile.
        """
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (piece, taken)
        self._pieces.append(entry)
        wake()
        try:
            await taken
        except asyncio.CancelledError:
            if entry in self._pieces:
                self._pieces.remove(entry)
            raise

    def release(self) -> None:
        """Let the sender of the last piece go on."""
        taken, self._taken = self._taken, None
        if taken is not None and not taken.done():
            taken.set_result(None)

    def take(self) -> T:
        """Take the oldest piece; its sender waits until `release`."""
        piece, self._taken = self._pieces.popleft()
        return piece

    def close(self) -> None:
        """Drop what is waiting, and tell all senders."""
        waiting = [self._taken, *[taken for _, taken in self._pieces]]
        self._taken = None
        self._pieces.clear()
        for taken in waiting:
            if taken is not None and not taken.done():
                taken.set_exception(closed_error())


class _ResponseUnwanted(ConnectionAbortedError):
    """What `send` raises in a foreign application when nobody takes what it sends."""


def closed_error() -> OSError:
    """Return what `send` raises when the response is not taken any more (ASGI HTTP 2.4)."""
    return _ResponseUnwanted("The response is not taken any more: the client is gone, or it gets another one.")


def is_wanted_end(error: BaseException | None) -> bool:
    """Whether an exception came of `closed_error`, directly or as what it was turned into."""
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, _ResponseUnwanted):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all(map(is_wanted_end, error.exceptions))
        error = error.__cause__ or error.__context__
        seen += 1
    return False
