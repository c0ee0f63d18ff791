"""Which files there are below a folder of static files: those that a client could be sent."""

from __future__ import annotations

import os
from collections.abc import Iterator

from costrel.http import safe_relative_path
from costrel.static.folder_file import SIDECARS, Folder

__all__ = ["iter_files"]

_SUFFIXES = tuple(suffix for _, suffix in SIDECARS)


def iter_files(folder: Folder, *, allow_dotfiles: bool = False) -> Iterator[str]:
    """Yield the path of each regular file that is not the compressed form of another.

    What a client would be refused is left out: hidden files, links unless they are followed, names that are none. A
    folder that cannot be read has no files.

    Args:
        folder: where to look.
        allow_dotfiles: whether hidden files are served.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(f"{folder.path}/{prefix}") as entries:
                found = {entry.name: entry for entry in entries}
        except OSError:
            continue
        for name, entry in sorted(found.items()):
            path = f"{prefix}{name}"
            if safe_relative_path(path, allow_dotfiles=allow_dotfiles) is None:
                continue
            if entry.is_file(follow_symlinks=folder.follow_symlinks):
                if not (name.endswith(_SUFFIXES) and name.rpartition(".")[0] in found):
                    yield path
            elif entry.is_dir(follow_symlinks=folder.follow_symlinks) and _is_new(entry, seen, folder.follow_symlinks):
                waiting.append(f"{path}/")


def _is_new(entry: os.DirEntry[str], seen: set[tuple[int, int]], follow_symlinks: bool) -> bool:
    """Whether a folder has not been entered yet; a link may lead to one that is around it."""
    about = entry.stat(follow_symlinks=follow_symlinks)
    key = (about.st_dev, about.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True
