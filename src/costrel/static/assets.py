"""The static files of an application with the names in their URLs: at the start in production, now in debug mode.

What such a name is, is in `asset`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Protocol

from costrel.http import safe_relative_path
from costrel.static.asset import Asset, plain_path_of, read_asset
from costrel.static.folder_file import Folder, find_file
from costrel.static.listing import iter_files

__all__ = ["AssetOwner", "Assets", "LiveAssets", "PlainAssets", "StartedAssets"]

MAX_REMEMBERED: Final = 1000
"""How many files that are not there are remembered: their names may come from a client."""


class Assets(Protocol):
    """The files below one URL path."""

    @property
    def by_url_path(self) -> Mapping[str, Asset]:
        """The files whose URL has a name of its own, by that name, as far as they are known."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether `by_url_path` has all there is; else `find_served` has to be asked, in a thread."""
        ...

    def find(self, path: str) -> Asset | None:
        """Return the file of a plain path, `None` when there is none."""
        ...

    def find_served(self, url_path: str) -> Asset | None:
        """Return the file that a URL names with its present hash, `None` for every other name."""
        ...

    def names(self) -> list[str]:
        """Return the plain paths of all files, for messages."""
        ...

    def note_unknown(self, path: str) -> bool:
        """Remember that a file was asked for in vain; whether that is news, and worth a line in the log."""
        ...


class AssetOwner:
    """An extension with static files.

    Attributes:
        assets: the files of each of its routes, by the name of the route.
    """

    def __init__(self) -> None:
        self.assets: dict[str, Assets] = {}


class StartedAssets:
    """The files as they are at the start of the application; those of production.

    Args:
        folders: where they are; of two files with one path the first counts.
        allow_dotfiles: whether hidden files count.
        listed: the file of each name, when a build step has made copies with hashes in their names; `None` is: take
            every file, and make up a name for it.

    Attributes:
        by_url_path: the files whose URL has a name of its own, by that name.
        is_ready: whether the files were read.
    """

    def __init__(
        self, folders: Sequence[Folder], *, allow_dotfiles: bool = False, listed: Mapping[str, str] | None = None
    ) -> None:
        self.by_url_path: dict[str, Asset] = {}
        self._folders = tuple(folders)
        self._allow_dotfiles = allow_dotfiles
        self._listed = listed
        self._by_path: dict[str, Asset] = {}
        self._unknown: set[str] = set()
        self.is_ready: bool = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Read the files, once; called at the start, so that no request has to."""
        with self._lock:
            if self.is_ready:
                return
            for path, file in self._iter_names():
                asset = read_asset(self._folders, file)
                if asset is None:
                    continue
                if self._listed is not None:
                    asset = Asset(file, file, asset.digest, asset.version)
                self._by_path[path] = asset
                if asset.url_path != path:
                    self.by_url_path[asset.url_path] = asset
            self.is_ready = True

    def _iter_names(self) -> Sequence[tuple[str, str]]:
        if self._listed is not None:
            return list(self._listed.items())
        found = [path for folder in self._folders for path in iter_files(folder, allow_dotfiles=self._allow_dotfiles)]
        return [(path, path) for path in dict.fromkeys(found)]

    def find(self, path: str) -> Asset | None:
        """Return the file of a plain path, `None` when there is none."""
        if not self.is_ready:
            # A script or a command, in which nothing has started.
            self.begin()
        return self._by_path.get(path)

    def find_served(self, url_path: str) -> Asset | None:
        """Return the file that a URL names with its hash, `None` for every other name."""
        if not self.is_ready:
            # An application that is served without its lifespan.
            self.begin()
        return self.by_url_path.get(url_path)

    def names(self) -> list[str]:
        """Return the plain paths of all files, for messages."""
        return list(self._by_path)

    def note_unknown(self, path: str) -> bool:
        """Remember that a file was asked for in vain; whether that is news, and worth a line in the log."""
        if path in self._unknown or len(self._unknown) >= MAX_REMEMBERED:
            return False
        self._unknown.add(path)
        return True


class PlainAssets:
    """Files that are not looked at, and keep their plain names."""

    is_ready: ClassVar[bool] = True
    by_url_path: Mapping[str, Asset] = {}

    def find(self, path: str) -> Asset:
        """Return the file of a plain path, whether it is there or not."""
        return Asset(path, path, None, (0, 0))

    def find_served(self, url_path: str) -> None:
        """Return that no file has a name with a hash."""

    def names(self) -> list[str]:
        """Return nothing."""
        return []

    def note_unknown(self, path: str) -> bool:
        """Return that nothing is unknown."""
        return False


class LiveAssets:
    """The files as they are now, looked at each time; those of debug mode.

    Args:
        folders: where they are; of two files with one path the first counts.
        allow_dotfiles: whether hidden files count.
    """

    is_ready: ClassVar[bool] = False
    by_url_path: Mapping[str, Asset] = {}

    def __init__(self, folders: Sequence[Folder], *, allow_dotfiles: bool = False) -> None:
        self._folders = tuple(folders)
        self._allow_dotfiles = allow_dotfiles
        self._read: dict[str, Asset] = {}

    def find(self, path: str) -> Asset | None:
        """Return the file of a plain path as it is now, `None` when there is none."""
        if safe_relative_path(path, allow_dotfiles=self._allow_dotfiles) is None:
            return None
        known = self._read.get(path)
        if known is None or known.version != self._version_of(path):
            asset = read_asset(self._folders, path)
            if asset is None:
                return None
            known = self._read[path] = asset
        return known

    def _version_of(self, path: str) -> tuple[int, int] | None:
        return next((found.version for folder in self._folders if (found := find_file(folder, path, None))), None)

    def find_served(self, url_path: str) -> Asset | None:
        """Return the file that a URL names with its present hash, `None` for every other name."""
        path = plain_path_of(url_path)
        asset = self.find(path) if path is not None else None
        return asset if asset is not None and asset.url_path == url_path else None

    def names(self) -> list[str]:
        """Return the plain paths of all files, for messages."""
        return [path for folder in self._folders for path in iter_files(folder, allow_dotfiles=self._allow_dotfiles)]

    def note_unknown(self, path: str) -> bool:
        """Return that it is always news: in debug mode such a file is a mistake."""
        return True
