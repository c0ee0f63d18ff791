"""What `wsgi.file_wrapper` is: an open file as an iterable of blocks.

It stays an ordinary iterable, so middleware may read it, cut it or seek in it. When it comes back as it was made and
has a regular file inside that is not small, the file is sent as our own are, without being pulled. Otherwise it is
read, in blocks that are larger than what applications ask for out of habit.

Spec: PEP 3333 "Optional Platform-Specific File Handling".
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Final

from costrel.messages import FileBody, FileSlice, OpenFile

__all__ = ["FileWrapper", "find_slice", "make_file_body"]

_BLOCK_BYTES: Final = 64 * 1024


class FileWrapper:
    """An iterable over a readable file.

    Args:
        file: anything with ``read``; its ``close``, if it has one, is called by that of the wrapper.
        block_bytes: how much is read at a time. A file that can be sought in is never waited for, so it is read in
            blocks of 64 KiB at least.
    """

    def __init__(self, file: BinaryIO, block_bytes: int = 8192) -> None:
        self.file = file
        self._block_bytes = max(block_bytes, _BLOCK_BYTES) if self.seekable() else block_bytes

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self.file.read(self._block_bytes)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file if it can be closed."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def seekable(self) -> bool:
        """Whether `seek` and `tell` may be called."""
        seekable = getattr(self.file, "seekable", None)
        if seekable is not None:
            return bool(seekable())
        return hasattr(self.file, "seek")

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position in the file; see `io.IOBase.seek`."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in the file."""
        return self.file.tell()


def find_slice(content: object, content_length: int | None) -> FileSlice | None:
    """Return which part of a regular file is to be sent, `None` for content that has to be read to be sent.

    Args:
        content: what the application returned.
        content_length: how many bytes it has declared, `None` for all that is left of the file.
    """
    if type(content) is not FileWrapper or not isinstance(content.file, io.FileIO | io.BufferedReader):
        return None
    try:
        about = os.fstat(content.file.fileno())
        offset = content.file.tell()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    size_bytes = max(about.st_size - offset, 0)
    if content_length is not None:
        size_bytes = min(size_bytes, content_length)
    return FileSlice(offset, size_bytes) if size_bytes > _BLOCK_BYTES else None


def make_file_body(content: FileWrapper, part: FileSlice) -> FileBody:
    """Make the body of a response that sends a part of a file, and closes the file.

    A file that is changed meanwhile is sent as it is then, as it would be by reading it.

    Args:
        content: what the application returned; its file belongs to the body from now on.
        part: from `find_slice`.
    """
    return FileBody(OpenFile.owning(content.file), (part,), size_bytes=part.offset + part.size_bytes, mtime_ns=None)
