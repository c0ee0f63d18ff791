"""Which source files changed: told by the system through watchfiles, or found by looking twice a second.

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

__all__ = ["has_notifications", "is_source", "iter_changes"]

_SUFFIXES = frozenset({".py", ".toml"})
_NAMES = frozenset({".env"})
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
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        return False
    if any(part.startswith(".") or part in _IGNORED_FOLDERS for part in parts[:-1]):
        return False
    return path.suffix in _SUFFIXES or path.name in _NAMES


def iter_changes(folders: Iterable[Path], stop: threading.Event) -> Iterator[set[Path]]:
    """Yield the source files that changed, until `stop` is set; now and then an empty set.

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
        watch_filter=lambda _, path: any(is_source(path, folder) for folder in folders),
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
    """Return the modification time and the size of every source file."""
    stamps: dict[str, _Stamp] = {}
    for folder in folders:
        for parent, names, files in os.walk(folder):
            names[:] = [name for name in names if not name.startswith(".") and name not in _IGNORED_FOLDERS]
            for file in files:
                path = Path(parent, file)
                if not is_source(path, folder):
                    continue
                try:
                    status = path.stat()
                except OSError:  # it was removed while we looked
                    continue
                stamps[str(path)] = (status.st_mtime_ns, status.st_size)
    return stamps
