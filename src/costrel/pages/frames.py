"""A traceback as plain values: where each frame comes from, its source, and the variables it had.

The values hold text only, so that nothing of the failed request is kept alive by a page about it.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, islice
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType

from costrel.pages.secrecy import hide_credentials
from costrel.pages.values import show_value

__all__ = ["Frame", "Origin", "SourceLine", "read_frames"]

LINES_BEFORE = 6
LINES_AFTER = 4
MAX_FIRST_FRAMES = 20
MAX_LAST_FRAMES = 60
MAX_VARIABLES = 40
_MAX_LINE_LENGTH = 400

_PACKAGE_FOLDER = f"{Path(__file__).parent.parent}{os.sep}"
_LIBRARY_FOLDERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Origin(Enum):
    """Who wrote the code of a frame."""

    APP = "app"
    """The application, its templates included."""

    LIBRARY = "library"
    """A package that was installed."""

    FRAMEWORK = "framework"
    """Costrel, and what it generates."""

    PYTHON = "python"
    """The standard library."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of source.

    Args:
        number: from 1.
        text: without its end.
        is_current: whether the frame was executing it.
        marked: the part of it that failed, as start and stop; `None` when that is all of it.
    """

    number: int
    text: str
    is_current: bool = False
    marked: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One call.

    Args:
        path: of the file, absolute where it is one.
        shown_path: shorter, for people.
        line_number: from 1.
        function: its qualified name.
        origin: who wrote it.
        package: the package it belongs to, for example ``sqlalchemy``.
        source: the lines around; empty when they cannot be found.
        variables: names and shown values.
        repeated: how many calls in a row stood at this line; the variables are those of the last.
        left_out: how many calls before this one are not there.
    """

    path: str
    shown_path: str
    line_number: int
    function: str
    origin: Origin
    package: str
    source: tuple[SourceLine, ...]
    variables: tuple[tuple[str, str], ...]
    repeated: int = 1
    left_out: int = 0


def read_frames(traceback: TracebackType | None) -> tuple[Frame, ...]:
    """Read a traceback, the oldest call first; of a very deep one the middle is left out."""
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    runs = [list(run) for _, run in groupby(steps, lambda step: (step.tb_frame.f_code, step.tb_lineno))]
    left_out = max(len(runs) - MAX_FIRST_FRAMES - MAX_LAST_FRAMES, 0)
    kept = [*runs[:MAX_FIRST_FRAMES], *runs[MAX_FIRST_FRAMES + left_out :]]
    return tuple(
        _read_frame(run[-1], repeated=len(run), left_out=left_out if index == MAX_FIRST_FRAMES else 0)
        for index, run in enumerate(kept)
    )


def _read_frame(step: TracebackType, *, repeated: int, left_out: int) -> Frame:
    code = step.tb_frame.f_code
    path = code.co_filename
    origin = _origin_of(path)
    return Frame(
        path=path,
        shown_path=_shown_path(path, origin),
        line_number=step.tb_lineno,
        function=_function_of(code),
        origin=origin,
        package=_package_of(path, origin),
        source=_read_source(step),
        variables=() if origin is Origin.PYTHON else tuple(_read_variables(step.tb_frame)),
        repeated=repeated,
        left_out=left_out,
    )


def _function_of(code: CodeType) -> str:
    """Return the qualified name; Jinja sets only the plain one of the frames that it makes for templates."""
    return code.co_qualname if code.co_qualname.rpartition(".")[2] == code.co_name else code.co_name


def _origin_of(path: str) -> Origin:
    if path.startswith(("<costrel ", _PACKAGE_FOLDER)):
        return Origin.FRAMEWORK
    if path.startswith("<frozen "):
        return Origin.PYTHON
    if path in ("<template>", "<stdin>", "<string>") or path.startswith("<python-input"):
        return Origin.APP
    if path.startswith("<") or any(folder in path for folder in _LIBRARY_FOLDERS):
        return Origin.LIBRARY
    folders = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return Origin.PYTHON if path.startswith(tuple(f"{folder}{os.sep}" for folder in folders)) else Origin.APP


def _shown_path(path: str, origin: Origin) -> str:
    if origin is Origin.FRAMEWORK and path.startswith(_PACKAGE_FOLDER):
        return f"costrel{os.sep}{path.removeprefix(_PACKAGE_FOLDER)}"
    for folder in _LIBRARY_FOLDERS:
        if folder in path:
            return path.rpartition(folder)[2]
    if origin is Origin.PYTHON:
        return path.removeprefix(f"{sysconfig.get_path('stdlib')}{os.sep}")
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path


def _package_of(path: str, origin: Origin) -> str:
    if origin is Origin.FRAMEWORK:
        return "costrel"
    if origin is Origin.PYTHON:
        return "Python"
    first = _shown_path(path, origin).partition(os.sep)[0]
    return first.removesuffix(".py")


def _read_source(step: TracebackType) -> tuple[SourceLine, ...]:
    """Read the lines around the one that was executing, and mark the expression in it."""
    code, number = step.tb_frame.f_code, step.tb_lineno
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, step.tb_frame.f_globals)
    is_whole_file = code.co_name == "<module>" or _is_template(step.tb_frame)
    start, stop = (1, len(lines)) if is_whole_file else _lines_of(code)
    found = []
    for current in range(max(number - LINES_BEFORE, start), min(number + LINES_AFTER, stop, len(lines)) + 1):
        text = lines[current - 1].rstrip("\r\n").expandtabs(4)[:_MAX_LINE_LENGTH]
        shown = hide_credentials(text)
        is_current = current == number
        is_markable = is_current and shown == text and not _is_template(step.tb_frame)
        marked = _marked(code, step.tb_lasti, number, lines[current - 1]) if is_markable else None
        found.append(SourceLine(current, shown, is_current, marked))
    while found and not found[-1].text.strip():
        found.pop()
    return tuple(found)


def _is_template(frame: FrameType) -> bool:
    """Tell whether a frame was made by Jinja to stand for a line of a template."""
    return "__jinja_exception__" in frame.f_globals


def _lines_of(code: CodeType) -> tuple[int, int]:
    """Return the first and the last line of a function."""
    numbers = [line for _, _, line in code.co_lines() if line]
    return code.co_firstlineno, max(numbers, default=code.co_firstlineno)


def _marked(code: CodeType, instruction: int, number: int, line: str) -> tuple[int, int] | None:
    """Return where in a line the failing expression stands, as characters."""
    position = next(islice(code.co_positions(), instruction // 2, None), None)
    if position is None or "\t" in line or len(line) > _MAX_LINE_LENGTH:
        return None
    first_line, last_line, start, stop = position
    if first_line != number or last_line is None or start is None or stop is None:
        return None
    encoded = line.rstrip().encode("utf-8", "replace")
    from_ = len(encoded[:start].decode("utf-8", "replace"))
    to = len(encoded[:stop].decode("utf-8", "replace")) if last_line == number else len(line.rstrip())
    is_whole = not line[:from_].strip() and not line[to:].strip()
    return None if is_whole or from_ >= to else (from_, to)


def _read_variables(frame: FrameType) -> Iterator[tuple[str, str]]:
    """Show the variables of a frame, without what its module or template has by itself."""
    shows_definitions = frame.f_code.co_name != "<module>" and not _is_template(frame)
    count = 0
    for name, value in list(frame.f_locals.items()):
        if name.startswith("__") or not name.isidentifier() or isinstance(value, ModuleType):
            continue
        if not shows_definitions and isinstance(value, type | FunctionType):
            continue
        if count == MAX_VARIABLES:
            return
        count += 1
        yield name, show_value(value, name)
