"""What a file response is made of, opened and looked at: a path, an open binary file, or bytes.

All of it may wait for a disk, so it runs in threads of the file lane. Only regular files are opened by path: a pipe
would be waited for, a device never ends, and what is missing is 404 like everything that is refused.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from costrel.errors import NotFound
from costrel.http import ETag, file_etag, make_etag
from costrel.messages.open_file import OpenFile

__all__ = ["FileSource", "OpenedSource", "open_source"]

FileSource: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO"


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source that was looked at.

    Args:
        file: the open file, `None` for content in memory; whoever gets it closes it.
        start: where what is sent begins in the file.
        content: what is in memory.
        size_bytes: how long it is.
        mtime_ns: when the file was changed, `None` when that is not known.
        etag: its entity tag, `None` without one.
    """

    file: OpenFile | None
    start: int
    content: bytes
    size_bytes: int
    mtime_ns: int | None
    etag: ETag | None


def open_source(source: FileSource, *, make_tag: bool, follow_symlinks: bool) -> OpenedSource:
    """Open a source and look at it; in a thread.

    Args:
        source: a path, a seekable file, which is taken over from its position on, or bytes.
        make_tag: whether an entity tag is made: of a path from size and time, of bytes from the content.
        follow_symlinks: whether a path whose last component is a symbolic link is opened.

    Raises:
        NotFound: the path leads to no regular file.
    """
    if isinstance(source, io.BytesIO):
        source = source.getvalue()[source.tell() :]
    if isinstance(source, bytes):
        return OpenedSource(None, 0, source, len(source), None, make_etag(source) if make_tag else None)
    if isinstance(source, str | os.PathLike):
        raw = _open_regular(source, follow_symlinks=follow_symlinks)
        about = os.fstat(raw.fileno())
        tag = file_etag(about.st_mtime_ns, about.st_size) if make_tag else None
        return OpenedSource(OpenFile.owning(raw), 0, b"", about.st_size, about.st_mtime_ns, tag)
    start = source.tell()
    size_bytes = source.seek(0, io.SEEK_END) - start
    return OpenedSource(OpenFile.owning(source), start, b"", size_bytes, None, None)


def _open_regular(path: str | os.PathLike[str], *, follow_symlinks: bool) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        NotFound: there is none, or it may not be read, or it is a directory, a device, a pipe or a socket.
    """
    # SECURITY: without O_NONBLOCK opening a pipe would wait for its writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if not follow_symlinks:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise NotFound from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotFound
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise
