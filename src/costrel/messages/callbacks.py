"""What is to be called when a request has its response, when it has ended, and what goes on after that.

Callbacks are collected first, then run backwards; work that goes on is done in order, when the connection is free for
the next request. A request that nobody waits for has no list, so collecting costs nothing but what is collected.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

__all__ = ["LateWork", "added", "begin_late_work", "run_end_callbacks", "run_late_work"]

logger: logging.Logger = logging.getLogger("costrel.request")

LateWork = Callable[[], Awaitable[None] | None]
"""Something that goes on after a request; it returns `None` if it is done at once, and raises nothing."""

C = TypeVar("C")
S = TypeVar("S")


def added(callbacks: list[C] | None, callback: C, *, last: bool) -> list[C]:
    """Return the list with one more callback; it is run from its end.

    Args:
        callbacks: what there is so far.
        callback: the new one.
        last: after all others, and of several that are last in the order in which they were given.
    """
    if callbacks is None:
        return [callback]
    callbacks.insert(0 if last else len(callbacks), callback)
    return callbacks


async def run_end_callbacks(callbacks: list[Callable[[S], Awaitable[None] | None]] | None, subject: S) -> None:
    """Call all of them, those too that are added meanwhile, although one raises; an `Exception` is logged.

    Raises:
        BaseException: what interrupted a callback, for example a cancellation, when all have run.
    """
    interruption: BaseException | None = None
    while callbacks:
        callback = callbacks.pop()
        try:
            result = callback(subject)
            if isawaitable(result):
                await result
        except Exception:
            logger.exception("end_callback_failed path=%s callback=%r", getattr(subject, "path", ""), callback)
        except BaseException as error:
            # A cancellation ends one callback; what the others have to close is closed all the same.
            interruption = error
    if interruption is not None:
        try:
            raise interruption
        finally:
            del interruption


def begin_late_work(works: list[LateWork]) -> Awaitable[None] | None:
    """Do what goes on after a request, one after the other; what has to wait is returned and still to be awaited.

    Works are taken out of the list, for they know their request.

    Transports call it when the request has ended and its connection is free, in the task of the request.
    """
    while works:
        waiting = works.pop(0)()
        if waiting is not None:
            return _go_on(waiting, works)
    return None


async def run_late_work(works: list[LateWork]) -> None:
    """Do all that goes on after a request; see `begin_late_work`."""
    await _go_on(None, works)


async def _go_on(waiting: Awaitable[None] | None, works: list[LateWork]) -> None:
    if waiting is not None:
        await waiting
    while works:
        following = works.pop(0)()
        if following is not None:
            await following
