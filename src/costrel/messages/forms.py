"""Forms as handlers see them: text fields and uploaded files.

A file is a window on the content that was read once and kept, so two of them share one temporary file, and nothing is
copied before it is asked for. What the client calls a file is kept as `UploadFile.raw_filename` and never used as a
path; `UploadFile.filename` is safe to show and to store.

How multipart is taken apart is in `multipart.py`, how long a form may be in `limits.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from costrel.errors import BadRequest
from costrel.http import MultiDict, RequestHeaders, essence_of, parse_form_urlencoded, safe_filename
from costrel.messages.content import MULTIPART_FORM, Content, SpooledContent
from costrel.messages.limits import MessageLimits
from costrel.messages.multipart import FilePart, MultipartIndexer

__all__ = ["FormData", "UploadFile", "parse_form"]

URLENCODED_FORM = "application/x-www-form-urlencoded"
OCTET_STREAM = "application/octet-stream"
COPY_BYTES = 256 * 1024


class UploadFile:
    """An uploaded file: read it like any binary file, or `save` it.

    It lives as long as the request; what shall stay must be saved before its end. All methods are synchronous. A file
    of more than 256 KiB is on disk, so in an ``async def`` handler a large read is better done in a thread.

    Args:
        content: the whole body of the form.
        part: where the file is in it.

    Attributes:
        raw_filename: the name as the client sent it; anything may stand in it.
        filename: the last component of it, without control characters, safe to show and to store.
        headers: the header fields of the part.
        size_bytes: the length of the file.
    """

    __slots__ = ("_content", "_file", "_offset", "filename", "headers", "raw_filename", "size_bytes")

    def __init__(self, content: SpooledContent, part: FilePart) -> None:
        self._content = content
        self._offset = part.offset
        self._file: BinaryIO | None = None
        self.size_bytes: int = part.size_bytes
        self.headers: RequestHeaders = part.head.headers
        self.raw_filename: str = part.head.filename or ""
        self.filename: str = safe_filename(self.raw_filename)

    def __repr__(self) -> str:
        return f"<UploadFile {self.filename!r} {self.size_bytes} bytes>"

    @property
    def content_type(self) -> str:
        """The media type that the client claims, without parameters; ``application/octet-stream`` when it says none."""
        value = self.headers.get_raw(b"content-type")
        return (essence_of(value) if value is not None else "") or OCTET_STREAM

    @property
    def file(self) -> BinaryIO:
        """The file as a buffered binary file, for libraries that want a real one."""
        if self._file is None:
            self._file = self._content.open(self._offset, self.size_bytes)
        return self._file

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes from the position on; negative is all that is left, ``b""`` is the end."""
        return self.file.read(size)

    def readline(self, size: int = -1) -> bytes:
        """Read one line, at most `size` bytes of it."""
        return self.file.readline(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self.file.tell()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it has a position."""
        return True

    def writable(self) -> bool:
        """Tell that it cannot be written."""
        return False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the whole file to `path`, wherever the position is.

        The client's name takes no part in it. A file that could not be written to its end is removed.

        Args:
            path: of the new file, in a directory that exists.
            overwrite: whether a file that is there may be replaced.

        Raises:
            FileExistsError: there is one, and `overwrite` is false.
            IsADirectoryError: `path` is a directory; add a name of your own to it.
        """
        target = Path(path)
        if target.is_dir():
            raise IsADirectoryError(f"`{target}` is a directory; add a file name of your own choice to it.")
        with target.open("wb" if overwrite else "xb") as file:
            try:
                for start in range(0, self.size_bytes, COPY_BYTES):
                    length = min(COPY_BYTES, self.size_bytes - start)
                    file.write(self._content.read_at(self._offset + start, length))
            except BaseException:
                target.unlink(missing_ok=True)
                raise


@dataclass(frozen=True, slots=True)
class FormData:
    """A form taken apart.

    Args:
        fields: the text fields.
        files: the uploaded files.
    """

    fields: MultiDict[str]
    files: MultiDict[UploadFile]


def parse_form(content: Content, content_type: str, limits: MessageLimits) -> FormData:
    """Take apart the content of a form; content of any other media type has neither fields nor files.

    Args:
        content: what `read_content` returned, or any bytes.
        content_type: the ``Content-Type`` field value, empty without one.
        limits: of the application.

    Raises:
        ContentTooLarge: too many fields, or too much text.
        BadRequest: a multipart form in plain bytes is malformed, or the content type of a form is.
    """
    essence = essence_of(content_type) if content_type else ""
    if not essence and content and content_type.lower().startswith((MULTIPART_FORM, URLENCODED_FORM)):
        # SECURITY: a form that cannot be taken apart is never an empty one.
        raise BadRequest("The Content-Type of the form is malformed.")
    if essence == URLENCODED_FORM:
        fields = parse_form_urlencoded(
            content if isinstance(content, bytes) else content.read(),
            max_fields=limits.max_form_fields,
            max_field_bytes=limits.max_form_field_bytes,
            max_memory_bytes=limits.max_form_memory_bytes,
        )
        return FormData(fields, _no_files())
    if essence == MULTIPART_FORM and isinstance(content, bytes) and content:
        indexer = MultipartIndexer(content_type, limits)
        indexer.feed(content)
        content = SpooledContent(content, len(content), indexer.finish())
    if isinstance(content, bytes) or content.index is None:
        return FormData(MultiDict.from_pairs([], "form"), _no_files())
    index = content.index
    files = [(part.head.name, UploadFile(content, part)) for part in index.files]
    return FormData(MultiDict.from_pairs(list(index.fields), "form"), MultiDict.from_pairs(files, "files"))


def _no_files() -> MultiDict[UploadFile]:
    return MultiDict.from_pairs([], "files")
