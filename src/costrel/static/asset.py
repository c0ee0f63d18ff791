"""Static files under names that carry a hash of their content, so that a browser may keep them for good.

``css/site.css`` is also ``css/site.3f9a1c2b4d5e6f70.css``; nothing on the disk has that name. In production the hashes
of all files are taken when the application starts, in debug mode the hash of one file when it is asked for. A file
whose name has a hash already keeps that name, and so does one that is too large to be read at a start.

A name with another hash than the file has is no name of it. Sending the file anyway would let a cache keep the content
of one version under the name of another, which happens whenever two versions are deployed side by side.

Which files an application has is in `assets`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costrel.static.folder_file import Folder, find_file
from costrel.static.freshness import has_fingerprint

__all__ = ["Asset", "plain_path_of", "read_asset", "url_path_of"]

HASH_DIGITS: Final = 16
MAX_HASHED_BYTES: Final = 16 * 1024 * 1024
"""Larger files keep their plain names: videos and archives are no reason for a start to take seconds."""

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
