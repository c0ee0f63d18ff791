"""Exceptions as text, with the frames of the user's own code and nothing else.

The frames of Costrel, of click and of Python's own library are left out, because the mistake is hardly ever there.
``COSTREL_TRACE=full`` shows them all. When no frame of the user is left, all of them are shown: then it is ours.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException
from types import FrameType

from costrel.errors import ProgrammerError

__all__ = ["format_exception", "user_place"]

_COSTREL = str(Path(__file__).parent.parent) + os.sep
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_CALLERS = ("click", "uvloop", "hypercorn", "uvicorn", "granian")


def format_exception(exception: BaseException, *, full: bool | None = None) -> str:
    """Return an exception as text, without a final newline.

    Args:
        exception: a mistake of the programmer is shown by its message, everything else with its traceback.
        full: whether every frame is shown; `None` asks ``COSTREL_TRACE``.
    """
    if full is None:
        full = os.environ.get("COSTREL_TRACE", "").lower() == "full"
    if isinstance(exception, ProgrammerError) and not full:
        return _format_mistake(exception)
    described = TracebackException.from_exception(exception)
    if not full:
        _leave_out_framework(described, exception, set())
    return "".join(described.format()).rstrip("\n")


def user_place(exception: BaseException) -> str:
    """Return ``path/to/file.py:41`` of the innermost frame of the user, or an empty text."""
    frames = [frame for frame in StackSummary.extract(_walk(exception), lookup_lines=False) if not _is_framework(frame)]
    return f"{_relative(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _walk(exception: BaseException) -> list[tuple[FrameType, int]]:
    found = []
    traceback = exception.__traceback__
    while traceback is not None:
        found.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def _format_mistake(exception: ProgrammerError) -> str:
    """Show the message with its notes, and the line of the user that led to it when the message names none."""
    place = "" if exception.mistake.where else user_place(exception)
    hints = [f"It was raised at {place}."] if place else []
    return "\n\n    ".join([str(exception), *hints, *getattr(exception, "__notes__", ())])


def _is_framework(frame: FrameSummary) -> bool:
    """Whether a frame is Costrel's, Python's own, or of a package that Costrel calls the user's code through."""
    name = frame.filename
    if name.startswith(("<frozen ", "<costrel", _COSTREL, "uvloop/")):
        return True
    if f"{os.sep}site-packages{os.sep}" in name or f"{os.sep}dist-packages{os.sep}" in name:
        return any(f"-packages{os.sep}{package}{os.sep}" in name for package in _CALLERS)
    return name.startswith(_PYTHON)


def _leave_out_framework(described: TracebackException, exception: BaseException, seen: set[int]) -> None:
    """Drop the frames of the framework, in the chain of causes and in groups too."""
    if id(described) in seen:
        return
    seen.add(id(described))
    kept = [frame for frame in described.stack if not _is_framework(frame)]
    if kept or isinstance(exception, SyntaxError | OSError | ImportError):
        described.stack = StackSummary.from_list(kept)
    pairs = [(described.__cause__, exception.__cause__), (described.__context__, exception.__context__)]
    if isinstance(exception, BaseExceptionGroup):
        pairs.extend(zip(described.exceptions or (), exception.exceptions, strict=False))
    for text, other in pairs:
        if text is not None and other is not None:
            _leave_out_framework(text, other, seen)


def _relative(filename: str) -> str:
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return filename
