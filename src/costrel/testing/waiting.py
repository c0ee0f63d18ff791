"""Waiting with a limit, and saying where the application waits when the limit is over.

A test that hangs tells nobody anything. Every wait of the clients ends here: if what is awaited does not come in time,
the tasks of the application are looked at, and the error names the line of user code where each of them is stuck.
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import sysconfig
import threading
from collections.abc import Iterable
from linecache import getline
from pathlib import Path
from types import AsyncGeneratorType, CodeType, FrameType
from typing import Any

__all__ = ["cancel", "describe_place", "wait_for"]

_COSTREL = str(Path(__file__).parents[1])
_STDLIB = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(asyncio.__file__).parents[1]))
_PACKAGES = ("site-packages", "dist-packages")
_THREAD_PREFIX = "costrel-"
_MAX_DEPTH = 200
_CANCEL_SECONDS = 1.0


async def wait_for(
    awaited: Iterable[asyncio.Future[Any]],  # results of any type; they are not looked at
    timeout_seconds: float,
    what: str,
    task: asyncio.Task[Any],
) -> None:
    """Wait until one of `awaited` is done.

    Args:
        awaited: futures; none of them is cancelled.
        timeout_seconds: how long at most; `math.inf` is for ever.
        what: for the error, after "The application", for example ``has not answered GET /slow``.
        task: the task of the application to look at when the time is over.

    Raises:
        TimeoutError: none was done in time; the message names where the application waits.
    """
    limit = None if timeout_seconds == math.inf else timeout_seconds
    done, _ = await asyncio.wait(list(awaited), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        place = describe_place(task)
        where = f" It is waiting in {place}." if place else ""
        raise TimeoutError(f"The application {what} within {timeout_seconds:g} seconds.{where}")


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended, for a second at most; what it runs in a thread goes on."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_SECONDS)


def describe_place(task: asyncio.Task[Any]) -> str:
    """Say where a task waits: file, line, function and source line; empty when it has ended.

    The innermost line of user code counts. If there is none in the task, because it waits for a thread, the threads
    of the application are looked at.
    """
    if task.done():
        return ""
    frames = _frames_of(task.get_coro())
    users = [frame for frame in frames if _is_users(frame.f_code)]
    if users:
        return _describe(users[-1])
    for frame in _thread_frames():
        return f"{_describe(frame)} (a worker thread)"
    return _describe(frames[-1]) if frames else ""


def _frames_of(awaitable: object) -> list[FrameType]:
    """Follow what awaits what, from a task's coroutine inwards."""
    frames: list[FrameType] = []
    for _ in range(_MAX_DEPTH):
        if awaitable is None:
            break
        for prefix in ("cr", "ag", "gi"):
            frame = getattr(awaitable, f"{prefix}_frame", None)
            if frame is not None:
                frames.append(frame)
                inner = getattr(awaitable, f"{prefix}_await", None) or getattr(awaitable, "gi_yieldfrom", None)
                break
        else:
            # The step of an asynchronous generator does not say whose step it is; its references do.
            inner = next((item for item in gc.get_referents(awaitable) if isinstance(item, AsyncGeneratorType)), None)
        awaitable = inner
    return frames


def _thread_frames() -> list[FrameType]:
    """Return the innermost frame of user code in each worker thread that has one."""
    current = sys._current_frames()
    found = []
    for thread in threading.enumerate():
        frame = current.get(thread.ident or 0) if thread.name.startswith(_THREAD_PREFIX) else None
        while frame is not None and not _is_users(frame.f_code):
            frame = frame.f_back
        if frame is not None:
            found.append(frame)
    return found


def _describe(frame: FrameType) -> str:
    code = frame.f_code
    source = getline(code.co_filename, frame.f_lineno).strip()
    shown = f": `{source}`" if source else ""
    return f"{code.co_filename}:{frame.f_lineno} in `{code.co_qualname}`{shown}"


def _is_users(code: CodeType) -> bool:
    path = code.co_filename
    if path.startswith(("<", _COSTREL)) or any(name in path for name in _PACKAGES):
        return False
    return not path.startswith(_STDLIB)
