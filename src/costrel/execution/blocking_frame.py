"""Finding, among the frames of a blocked event loop, the line that somebody can change.

The stack of the loop's thread holds the code that started the loop, the loop's own frames, and above them the callback
that runs. Of the callback the innermost frame of the user's code is the one to name; the standard library, installed
packages and Costrel itself are not the user's.
"""

from __future__ import annotations

import asyncio
import sysconfig
from pathlib import Path
from types import FrameType

__all__ = ["find_blocking_frames", "find_loop_frame"]

_STDLIB = tuple(
    {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(asyncio.__file__).parents[1])}
)
_COSTREL = str(Path(__file__).parents[1])
_PACKAGES = ("site-packages", "dist-packages")
_LOOP_MODULES = ("asyncio.events", "asyncio.base_events", "asyncio.unix_events", "asyncio.windows_events")


def find_loop_frame(frame: FrameType) -> FrameType | None:
    """Return the frame that runs the loop, given the frame of a callback of that loop.

    It is there as long as the loop runs; what is outside of it is never to blame. A loop written in C has no frames,
    so this is the innermost frame that belongs neither to the callback nor to asyncio's loops.

    Args:
        frame: a frame that the loop called directly.
    """
    caller = frame.f_back
    while caller is not None and caller.f_globals.get("__name__") in _LOOP_MODULES:
        caller = caller.f_back
    return caller


def find_blocking_frames(frame: FrameType | None, loop_frame: FrameType | None) -> tuple[FrameType, FrameType] | None:
    """Return the innermost and the outermost frame of the user's code that the loop is running.

    Args:
        frame: the innermost frame of the loop's thread, `None` when the thread has ended.
        loop_frame: the frame that runs the loop, if it is known.

    Returns:
        Both may be the same. When there is no code of the user, frames of installed packages and of Costrel take
        their place. `None` when there is none of these either: then the loop only waits for something to happen.
    """
    users: list[FrameType] = []
    others: list[FrameType] = []
    while frame is not None and frame is not loop_frame:
        path = frame.f_code.co_filename
        if _is_users(path):
            users.append(frame)
        elif not _is_stdlib(path):
            others.append(frame)
        frame = frame.f_back
    found = users or others
    return (found[0], found[-1]) if found else None


def _is_stdlib(path: str) -> bool:
    if path.startswith("<"):
        return True
    return path.startswith(_STDLIB) and not any(name in path for name in _PACKAGES)


def _is_users(path: str) -> bool:
    if path.startswith(("<", _COSTREL)) or any(name in path for name in _PACKAGES):
        return False
    return not path.startswith(_STDLIB)
