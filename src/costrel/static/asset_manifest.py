"""The manifest of a build step: which file with a hash in its name stands for which name.

It is JSON, either ``{"site.css": "site.3f2a.css"}``, as most tools write it, or the same under ``paths``, as Django's
``collectstatic`` does. Names and files are relative to the folder of static files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from costrel.errors import ConfigurationError, Mistake
from costrel.http import safe_relative_path
from costrel.static.asset import Asset
from costrel.static.assets import StartedAssets
from costrel.static.folder_file import Folder, find_file

__all__ = ["ListedAssets", "read_manifest"]

MAX_SHOWN = 5


def read_manifest(path: Path, folders: Sequence[Folder]) -> dict[str, str]:
    """Read a manifest and see whether its files are there.

    Returns:
        The file of each name.

    Raises:
        ConfigurationError: COS-STATIC-003, it cannot be read, is no manifest, or lists a file that is not there.
    """
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _mistake(path, f"It cannot be read: {error}.") from error
    if isinstance(given, dict) and isinstance(given.get("paths"), dict):
        given = given["paths"]
    if not isinstance(given, dict) or not all(isinstance(file, str) for file in given.values()):
        raise _mistake(path, 'It is no object of names and files, such as {"site.css": "site.3f2a.css"}.')
    missing = [file for file in given.values() if not _is_there(file, folders)]
    if missing:
        shown = ", ".join(map(repr, missing[:MAX_SHOWN]))
        raise _mistake(path, f"It lists what is no file of the folder: {shown}.")
    return given


class ListedAssets:
    """The files of a manifest that is read again when it was changed; for debug mode.

    Args:
        path: of the manifest.
        folders: where the files are.

    Raises:
        ConfigurationError: COS-STATIC-003.
    """

    is_ready: ClassVar[bool] = False

    def __init__(self, path: Path, folders: Sequence[Folder]) -> None:
        self._path = path
        self._folders = folders
        self._changed_at_ns = _changed_at_ns(path)
        self._current = StartedAssets(folders, listed=read_manifest(path, folders))

    @property
    def by_url_path(self) -> Mapping[str, Asset]:
        """The files by the names in their URLs."""
        return self._fresh().by_url_path

    def find(self, path: str) -> Asset | None:
        """Return the file of a name, `None` when there is none."""
        return self._fresh().find(path)

    def find_served(self, url_path: str) -> Asset | None:
        """Return the file that a URL names, if the manifest lists it."""
        return self._fresh().find_served(url_path)

    def names(self) -> list[str]:
        """Return the names in the manifest, for messages."""
        return self._fresh().names()

    def note_unknown(self, path: str) -> bool:
        """Return that it is always news: in debug mode such a file is a mistake."""
        return True

    def _fresh(self) -> StartedAssets:
        changed_at_ns = _changed_at_ns(self._path)
        if changed_at_ns != self._changed_at_ns:
            self._current = StartedAssets(self._folders, listed=read_manifest(self._path, self._folders))
            self._changed_at_ns = changed_at_ns
        return self._current


def _changed_at_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _is_there(file: str, folders: Sequence[Folder]) -> bool:
    # A name that no client could ask for is as good as missing.
    if safe_relative_path(file, allow_dotfiles=True) is None:
        return False
    return any(find_file(folder, file, None) is not None for folder in folders)


def _mistake(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-STATIC-003",
            f"The manifest of static files `{path}` cannot be used.",
            where="StaticFiles(…, manifest=…)",
            why=why,
            fix="Run the build step that writes it, or leave `manifest` out: then names are made at the start.",
        )
    )
