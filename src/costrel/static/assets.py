"""Static files under names that carry a hash of their content, so that a browser may keep them for good.

``css/site.css`` is also ``css/site.3f9a1c2b4d5e6f70.css``; nothing on the disk has that name. In production the hashes
of all files are taken when the application starts, in debug mode the hash of one file when it is asked for. A file
whose name has a hash already keeps that name, and so does one that is too large to be read at a start.

A name with another hash than the file has is no name of it. Sending the file anyway would let a cache keep the content
of one version under the name of another, which happens whenever two versions are deployed side by side.
"""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Protocol

from costrel.http import safe_relative_path
from costrel.static.folder_file import Folder, find_file
from costrel.static.freshness import has_fingerprint
from costrel.static.listing import iter_files

__all__ = [
    "Asset",
    "AssetOwner",
    "Assets",
    "LiveAssets",
    "PlainAssets",
    "StartedAssets",
    "plain_path_of",
    "read_asset",
    "url_path_of",
]

HASH_DIGITS: Final = 16
MAX_HASHED_BYTES: Final = 16 * 1024 * 1024
"""Larger files keep their plain names: videos and archives are no reason for a start to take seconds."""

MAX_REMEMBERED: Final = 1000
"""How many files that are not there are remembered: their names may come from a client."""

_is_hash = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}").fullmatch


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file and the name that it is asked for with.

    Args:
        path: of the file in its folder.
        url_path: the name in its URL; the same as `path` when it has none of its own.
        digest: SHA-256 of the content, `None` for a file that was not read.
        version: time of change in nanoseconds and size in bytes of what the digest is of.
    """

    path: str
    url_path: str
    digest: bytes | None
    version: tuple[int, int]

    @property
    def integrity(self) -> str:
        """What the attribute ``integrity`` of a link or script says (SRI §3.5); empty without a digest."""
        return f"sha256-{b64encode(self.digest).decode()}" if self.digest is not None else ""


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


def url_path_of(path: str, digest: bytes) -> str:
    """Return a path with the hash in it, before the last suffix.

    >>> url_path_of("css/site.min.css", bytes(32)), url_path_of("LICENSE", bytes(32))
    ('css/site.min.0000000000000000.css', 'LICENSE.0000000000000000')
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    shown = digest.hex()[:HASH_DIGITS]
    return f"{folder}{slash}{stem}.{shown}.{suffix}" if stem and dot else f"{path}.{shown}"


def plain_path_of(url_path: str) -> str | None:
    """Return the path that a name with a hash may have been made of, `None` for a name without one.

    >>> plain_path_of("css/site.min.0000000000000000.css"), plain_path_of("site.css")
    ('css/site.min.css', None)
    """
    folder, slash, name = url_path.rpartition("/")
    stem, *rest = name.rsplit(".", 2)
    match rest:
        case [shown, suffix] if stem and _is_hash(shown):
            return f"{folder}{slash}{stem}.{suffix}"
        case [*middle, shown] if _is_hash(shown):
            return folder + slash + ".".join([stem, *middle])
    return None


def read_asset(folders: Sequence[Folder], path: str) -> Asset | None:
    """Read a file and take its hash; in a thread.

    Args:
        folders: where to look, the first that has the file counts.
        path: one that `costrel.http.safe_relative_path` has passed.

    Returns:
        The asset, `None` when there is no such file or it cannot be read.
    """
    import hashlib  # here, because it loads OpenSSL, and not every application has files

    for folder in folders:
        found = find_file(folder, path, None)
        if found is None:
            continue
        if found.version[1] > MAX_HASHED_BYTES:
            return Asset(path, path, None, found.version)
        try:
            with Path(folder.path, path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None
        is_named = has_fingerprint(path.rpartition("/")[2])
        return Asset(path, path if is_named else url_path_of(path, digest), digest, found.version)
    return None


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
