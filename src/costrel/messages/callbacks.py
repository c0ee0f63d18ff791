"""What is to be called when a request has its response, and when it has ended: collected first, then run backwards.

A request that nobody waits for has no list, so collecting costs nothing but what is collected.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

__all__ = ["added", "run_end_callbacks"]

logger: logging.Logger = logging.getLogger("costrel.request")

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
