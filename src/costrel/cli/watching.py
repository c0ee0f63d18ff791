"""Which files of an application changed: told by the system through watchfiles, or found by looking twice a second.

There are two kinds: sources, for which the application starts anew, and what pages are made of, templates and static
files, which are read anew anyway.

Looking takes at most a tenth of one core: in a very large tree it happens less often.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["has_notifications", "is_page_part", "is_source", "iter_changes"]

_SUFFIXES = frozenset({".py", ".toml"})
_NAMES = frozenset({".env"})
_PAGE_SUFFIXES = frozenset({".css", ".htm", ".html", ".j2", ".jinja", ".jinja2", ".js", ".mjs", ".svg"})
_PAGE_FOLDERS = frozenset({"static", "templates"})
_IGNORED_FOLDERS = frozenset(
    {
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
        "build",
        "dist",
    }
)
_POLL_SECONDS = 0.5
_MAX_SHARE_OF_TIME = 10
_ANSWER_MILLISECONDS = 250
_SETTLE_MILLISECONDS = 20
_MAX_SETTLE_MILLISECONDS = 200

_Stamp = tuple[int, int]


def has_notifications() -> bool:
    """Whether watchfiles is installed, so that the system tells what changed."""
    return importlib.util.find_spec("watchfiles") is not None


def is_source(path: str | Path, folder: Path) -> bool:
    """Whether a file below `folder` is one that the application is made of.

    Hidden folders, virtual environments, caches and what builds leave behind are not.
    """
    path = Path(path)
    return _folders_between(path, folder) is not None and (path.suffix in _SUFFIXES or path.name in _NAMES)


def is_page_part(path: str | Path, folder: Path) -> bool:
    """Whether a file below `folder` is one that pages are made of, by its suffix or because of where it lies."""
    path = Path(path)
    folders = _folders_between(path, folder)
    if folders is None or path.name.startswith(".") or path.name.endswith("~") or is_source(path, folder):
        return False
    return path.suffix in _PAGE_SUFFIXES or not _PAGE_FOLDERS.isdisjoint(folders)


def _folders_between(path: Path, folder: Path) -> tuple[str, ...] | None:
    """Return the names of the folders between the two; `None` when the file is of no interest because of them."""
    try:
        folders = path.relative_to(folder).parts[:-1]
    except ValueError:
        return None
    return None if any(name.startswith(".") or name in _IGNORED_FOLDERS for name in folders) else folders


def _is_watched(path: str | Path, folder: Path) -> bool:
    return is_source(path, folder) or is_page_part(path, folder)


def iter_changes(folders: Iterable[Path], stop: threading.Event) -> Iterator[set[Path]]:
    """Yield the files that changed, of both kinds, until `stop` is set; now and then an empty set.

    Args:
        folders: watched with everything below them.
        stop: ends the iteration within half a second.
    """
    watched = _outermost(folders)
    return _told(watched, stop) if has_notifications() else _polled(watched, stop)


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """Leave out folders that lie in another one."""
    found = sorted({folder.resolve() for folder in folders}, key=lambda folder: len(folder.parts))
    kept: list[Path] = []
    for folder in found:
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(folder)
    return kept


def _told(folders: list[Path], stop: threading.Event) -> Iterator[set[Path]]:
    watchfiles = importlib.import_module("watchfiles")
    for changes in watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: any(_is_watched(path, folder) for folder in folders),
        stop_event=stop,
        debounce=_MAX_SETTLE_MILLISECONDS,
        step=_SETTLE_MILLISECONDS,
        rust_timeout=_ANSWER_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        yield {Path(path) for _, path in changes}


def _polled(folders: list[Path], stop: threading.Event) -> Iterator[set[Path]]:
    before = _stamps(folders)
    pause_seconds = _POLL_SECONDS
    while not stop.wait(pause_seconds):
        started = time.perf_counter()
        after = _stamps(folders)
        pause_seconds = max(_POLL_SECONDS, _MAX_SHARE_OF_TIME * (time.perf_counter() - started))
        yield {Path(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        before = after


def _stamps(folders: list[Path]) -> dict[str, _Stamp]:
    """Return the modification time and the size of every file that is watched."""
    stamps: dict[str, _Stamp] = {}
    for folder in folders:
        for parent, names, files in os.walk(folder):
            names[:] = [name for name in names if not name.startswith(".") and name not in _IGNORED_FOLDERS]
            for file in files:
                path = Path(parent, file)
                if not _is_watched(path, folder):
                    continue
                try:
                    status = path.stat()
                except OSError:  # it was removed while we looked
                    continue
                stamps[str(path)] = (status.st_mtime_ns, status.st_size)
    return stamps
