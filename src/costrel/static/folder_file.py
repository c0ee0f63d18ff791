"""A file below a folder whose path a client has chosen: which paths are one, and which form of the file is sent.

What a client may not name is refused on the text alone, before any file system is asked. What is asked of the file
system is asked by a thread of the file lane: whether each step of the way is a real folder, and whether a compressed
form lies beside the file. Everything after that, from validators to ranges, is `FileResponse`.

Which folders there are, and how long browsers may keep what they got, is in `extension` and `freshness`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from costrel.errors import NotFound
from costrel.http import guess_media_type, negotiate_encoding
from costrel.messages import FileResponse, HeaderInput, RequestHead, Response
from costrel.static.freshness import has_fingerprint

__all__ = ["Folder", "FolderFile", "Found", "find_file"]

Disposition = Literal["attachment", "inline"]

SIDECARS: Final = (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz"))
"""Content codings and the names of files that are in them, the smallest first."""

SIDECAR_SLACK_SECONDS: Final = 2.0
"""How much older than the file itself a compressed form may be: archives keep times to two seconds only."""

_NOT_KEPT: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that clients may read from.

    Args:
        path: of the folder, absolute.
        follow_symlinks: whether symbolic links below it are followed, wherever they lead.
        has_sidecars: whether compressed forms beside the files are offered.
    """

    path: str
    follow_symlinks: bool = False
    has_sidecars: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there.

    Args:
        path: of the form that is sent.
        coding: its content coding, empty for the file itself.
        varies: whether another client may get another form.
        follow_symlinks: whether the last component may be a symbolic link.
        version: time of change in nanoseconds and size in bytes of the file itself, whatever form of it is sent.
    """

    path: str
    coding: str = ""
    varies: bool = False
    follow_symlinks: bool = False
    version: tuple[int, int] = field(default=(0, 0), compare=False)


def find_file(folder: Folder, relative: str, accept_encoding: str | None) -> Found | None:
    """Look for a regular file, and for the form of it that the client likes best; in a thread.

    Args:
        folder: where to look.
        relative: a path that `safe_relative_path` has passed.
        accept_encoding: the field value of the request, or `None`.

    Returns:
        What was found, `None` without such a file.
    """
    look = os.stat if folder.follow_symlinks else os.lstat
    *parents, _ = relative.split("/")
    path = folder.path
    try:
        # SECURITY: a link anywhere on the way could lead out of the folder; the last component alone is not enough.
        for name in parents:
            path = f"{path}/{name}"
            if not stat.S_ISDIR(look(path).st_mode):
                return None
        path = f"{folder.path}/{relative}"
        about = look(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    version = (about.st_mtime_ns, about.st_size)
    plain = Found(path, follow_symlinks=folder.follow_symlinks, version=version)
    if not folder.has_sidecars:
        return plain
    offered = {coding: path + suffix for coding, suffix in SIDECARS if _is_sidecar(path + suffix, about.st_mtime)}
    if not offered:
        return plain
    coding = negotiate_encoding(accept_encoding, list(offered))
    if coding is None or coding not in offered:
        return Found(path, varies=True, follow_symlinks=folder.follow_symlinks, version=version)
    return Found(offered[coding], coding, varies=True, version=version)


def _is_sidecar(path: str, file_mtime: float) -> bool:
    """Whether a path is a compressed form that is as new as its file.

    SECURITY: a link is never one, not even where links are followed: ``app.js.gz`` could lead anywhere.
    """
    try:
        about = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(about.st_mode) and about.st_mtime >= file_mtime - SIDECAR_SLACK_SECONDS


class FolderFile(Response):
    """The answer with a file below a folder; it is looked for when the response is resolved.

    Args:
        folders: where to look, the first that has the file counts.
        relative: the path in them, one that `safe_relative_path` has passed.
        fallback: what is sent when there is no such file, with ``no-cache``; `None` is 404.
        media_type: `None` is guessed from the name.
        filename: the name for saving it; given, the file is an attachment.
        disposition: ``attachment`` or ``inline``; `None` follows from `filename`.
        headers: further header fields.
        untrusted: whether somebody else made the file; see `FileResponse`.
        version: what `Found.version` was when `headers` were made; a file that has changed since is sent with
            ``no-cache``. `None` is whatever it is.
        has_hash: whether a file name carries a hash; a 404 for such a name is kept by no cache.
    """

    __slots__ = (
        "_disposition",
        "_fallback",
        "_filename",
        "_folders",
        "_has_hash",
        "_relative",
        "_type",
        "_untrusted",
        "_version",
    )
    needs_resolving = True

    def __init__(
        self,
        folders: tuple[Folder, ...],
        relative: str,
        *,
        fallback: str | None = None,
        media_type: str | None = None,
        filename: str | None = None,
        disposition: Disposition | None = None,
        headers: HeaderInput | None = None,
        untrusted: bool = False,
        version: tuple[int, int] | None = None,
        has_hash: Callable[[str], bool] = has_fingerprint,
    ) -> None:
        super().__init__(None, 200, headers)
        self._folders = folders
        self._relative = relative
        self._fallback = fallback
        self._type = media_type
        self._filename = filename
        self._disposition = disposition
        self._untrusted = untrusted
        self._version = version
        self._has_hash = has_hash

    def copy(self) -> Response:
        """Return a copy that belongs to no exchange; it can be sent as often as you like."""
        twin = super().copy()
        for name in FolderFile.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    async def resolve(self, request: RequestHead) -> Response:
        """Look for the file and return the response that answers `request`: 200, 206 or 304.

        Raises:
            NotFound: there is no such regular file, or it may not be read.
            PreconditionFailed: a precondition of the request is false.
            RangeNotSatisfiable: no range overlaps the file.
        """
        lane = request.exchange.loop_state.files
        found = await lane.submit(self._find, request.headers.get_combined("accept-encoding"))
        if found is None:
            # The next moment another process that has the file may be asked; a cache must not have kept the 404.
            raise NotFound(headers=_NOT_KEPT if self._has_hash(self._relative.rpartition("/")[2]) else None)
        relative, form = found
        headers = self.headers.copy()
        if self._version is not None and self._version != form.version:
            headers["cache-control"] = "no-cache"
        if relative is not self._relative:
            # Only clients that take a page get this one instead of a 404.
            headers["cache-control"] = "no-cache"
            headers.vary("Accept")
        if form.coding:
            headers["content-encoding"] = form.coding
        if form.varies:
            headers.vary("Accept-Encoding")
        response = FileResponse(
            form.path,
            media_type=self._type or guess_media_type(relative),
            filename=self._filename,
            disposition=self._disposition,
            status_code=self.status_code,
            headers=headers,
            untrusted=self._untrusted,
            follow_symlinks=form.follow_symlinks,
        )
        return await response.resolve(request)

    def _find(self, accept_encoding: str | None) -> tuple[str, Found] | None:
        for relative in (self._relative, self._fallback):
            for folder in self._folders:
                if relative is not None and (found := find_file(folder, relative, accept_encoding)) is not None:
                    return relative, found
        return None
