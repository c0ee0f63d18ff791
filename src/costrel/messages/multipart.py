"""Multipart forms while they arrive: where each part is, and the text of the small ones.

The splitting at boundaries is done by the sans-I/O parser of the package `multipart`. What stands around it here are
the limits, the places of the parts in the body (the parser does not tell them), and the cases in which it is laxer
than a form may be: a preamble, an epilogue, control characters in header fields, parameters that come twice.

Nothing is ever half a success: a form that is cut off, whose boundary is missing or that is over a limit is refused
as a whole. Bytes go in by `feed`, in any pieces; the same bytes give the same answer however they are cut.

Spec: RFC 7578, RFC 2046 §5.1.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final, TypeAlias

from costrel.errors import BadRequest, ContentTooLarge, HTTPError
from costrel.messages.limits import MessageLimits
from costrel.messages.part_head import PartHead, check_field_lines, parse_boundary, parse_part_head

__all__ = ["FilePart", "MultipartIndex", "MultipartIndexer", "MultipartSplitter"]

MAX_MARGIN_BYTES: Final = 1024
"""How long a preamble or an epilogue may be."""


def _load_parser() -> ModuleType:
    """Import the package `multipart`, also where an old `python-multipart` has taken its name."""
    import multipart

    if hasattr(multipart, "PushMultipartParser"):
        found: ModuleType = multipart
        return found
    from importlib.metadata import distribution

    # COMPAT: python-multipart before 0.0.13 installs a package of the same name, which wins the import; remove when
    # nobody pins it any more.
    path = distribution("multipart").locate_file("multipart.py")
    spec = importlib.util.spec_from_file_location("costrel_multipart_parser", str(path))
    if spec is None or spec.loader is None:
        raise ImportError("The package `multipart` is installed, but its module cannot be found.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_parser = _load_parser()


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form: its head, and where its content is in the body.

    Args:
        head: names and header fields.
        offset: the first byte of the content.
        size_bytes: the length of the content.
    """

    head: PartHead
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MultipartIndex:
    """What is in a form.

    Args:
        fields: names and values of the text fields, in order.
        files: the files, in order.
    """

    fields: tuple[tuple[str, str], ...]
    files: tuple[FilePart, ...]


SplitterEvent: TypeAlias = PartHead | bytes | None
"""The head of a part, then pieces of its content, then `None` for its end."""


class MultipartSplitter:
    """Splits a multipart form into heads, pieces and ends, and knows the place of each in the body.

    Feed it all of the body; after the last piece call `finish`.

    Args:
        content_type: the ``Content-Type`` field value of the request.
        limits: the number of parts and of files, and the size of the heads.

    Attributes:
        content_offset: where the content of the part that began last begins in the body.

    Raises:
        BadRequest: there is no usable boundary.
    """

    __slots__ = (
        "_delimiter",
        "_end_offset",
        "_fed_bytes",
        "_file_count",
        "_head_offset",
        "_is_begun",
        "_is_in_part",
        "_limits",
        "_parser",
        "_part_bytes",
        "_part_count",
        "_window",
        "_window_offset",
        "content_offset",
    )

    def __init__(self, content_type: str, limits: MessageLimits) -> None:
        boundary = parse_boundary(content_type)
        self._delimiter = b"--" + boundary
        self._limits = limits
        self._parser = _parser.PushMultipartParser(
            boundary,
            max_header_count=limits.max_part_headers,
            max_header_size=limits.max_part_header_bytes,
            header_charset="latin-1",
            strict=True,
        )
        self._window = b""
        self._window_offset = 0
        self._fed_bytes = 0
        self._head_offset = 0
        self._is_begun = False
        self._is_in_part = False
        self._end_offset: int | None = None
        self._part_count = 0
        self._part_bytes = 0
        self._file_count = 0
        self.content_offset: int = 0

    def feed(self, piece: bytes) -> Iterator[SplitterEvent]:
        """Yield what can be told after `piece`; exhaust it before the next call.

        Raises:
            BadRequest: the form is malformed, or a head is over its limit.
            ContentTooLarge: there are too many parts or files.
        """
        if not piece:
            return
        window = self._window = self._window + piece if self._window else piece
        self._fed_bytes += len(piece)
        if self._end_offset is not None:
            self._check_epilogue()
            return
        if not self._is_begun:
            begin = self._find_first_delimiter(window)
            if begin is None:
                return
            # What the parser gets begins at the boundary; it shall not judge the preamble.
            self._is_begun = True
            head_begin = begin + len(self._delimiter) + 2
            if window[head_begin - 2 : head_begin] == b"--":
                self._end(self._window_offset + head_begin)
                return
            self._head_offset = self._window_offset + head_begin
            piece = window[begin:]
        try:
            for event in self._parser.parse(piece):
                if event is None:
                    yield None
                    if self._end_part():
                        return
                elif isinstance(event, bytes | bytearray):
                    self._part_bytes += len(event)
                    yield bytes(event)
                else:
                    yield self._begin_part(event.headerlist)
        except _parser.MultipartError as error:
            raise _refusal(error) from None
        self._trim()

    def finish(self) -> None:
        """Say that the body is complete.

        Raises:
            BadRequest: the form is not.
        """
        if self._end_offset is None:
            raise BadRequest("The form ends before its final boundary.")

    def _find_first_delimiter(self, window: bytes) -> int | None:
        """Return the index of the first boundary in the window, or `None` as long as more bytes may bring it."""
        delimiter = self._delimiter
        index = window.find(delimiter)
        # SECURITY: a preamble serves nobody; a long one is refused before it is searched further.
        if index > MAX_MARGIN_BYTES or (index < 0 and len(window) > MAX_MARGIN_BYTES + len(delimiter)):
            raise BadRequest("The form does not begin with its boundary.")
        if index < 0 or len(window) < index + len(delimiter) + 2:
            return None
        tail = window[index + len(delimiter) : index + len(delimiter) + 2]
        if tail not in (b"\r\n", b"--") or (index > 0 and window[:index][-2:] != b"\r\n"):
            raise BadRequest("The first boundary of the form does not stand on a line of its own.")
        return index

    def _begin_part(self, field_lines: list[tuple[str, str]]) -> PartHead:
        """Count a part and read its head; the blank line behind it tells where its content begins."""
        begin = self._head_offset - self._window_offset
        end = self._window.find(b"\r\n\r\n", begin)
        section = self._window[begin:end]
        limits = self._limits
        if len(section) > limits.max_part_header_bytes:
            raise _long_head()
        check_field_lines(section)
        self._part_count += 1
        if self._part_count > limits.max_parts:
            raise ContentTooLarge(f"The form has more than {limits.max_parts} parts.")
        head = parse_part_head(field_lines)
        if head.filename is not None:
            self._file_count += 1
            if self._file_count > limits.max_files:
                raise ContentTooLarge(f"The form has more than {limits.max_files} files.")
        self.content_offset = self._window_offset + end + 4
        self._part_bytes = 0
        self._is_in_part = True
        return head

    def _end_part(self) -> bool:
        """Find the two bytes behind the boundary that ended a part: was it the final one?"""
        self._is_in_part = False
        behind = self.content_offset + self._part_bytes + 2 + len(self._delimiter)
        index = behind - self._window_offset
        if self._window[index : index + 2] == b"--":
            self._end(behind + 2)
            return True
        self._head_offset = behind + 2
        return False

    def _end(self, end_offset: int) -> None:
        self._end_offset = end_offset
        self._check_epilogue()

    def _check_epilogue(self) -> None:
        self._window = b""
        if self._end_offset is not None and self._fed_bytes - self._end_offset > MAX_MARGIN_BYTES:
            raise BadRequest("The form goes on after its final boundary.")

    def _trim(self) -> None:
        """Keep of the window what the next part's head or the boundary before it may still need."""
        if self._is_in_part:
            keep_from = max(self._fed_bytes - len(self._delimiter) - 4, self.content_offset)
        else:
            keep_from = self._head_offset
            # SECURITY: a head without an end is refused when it is too long, not when it is complete.
            if self._fed_bytes - keep_from > self._limits.max_part_header_bytes + 4:
                raise _long_head()
        self._window = self._window[keep_from - self._window_offset :]
        self._window_offset = keep_from


class MultipartIndexer:
    """Builds the index of a form while its body is read: text fields by value, files by their place.

    Args:
        content_type: the ``Content-Type`` field value of the request.
        limits: everything about forms.

    Raises:
        BadRequest: there is no usable boundary.
    """

    __slots__ = ("_field_pieces", "_fields", "_files", "_head", "_limits", "_memory_bytes", "_size_bytes", "_splitter")

    def __init__(self, content_type: str, limits: MessageLimits) -> None:
        self._splitter = MultipartSplitter(content_type, limits)
        self._limits = limits
        self._fields: list[tuple[str, str]] = []
        self._files: list[FilePart] = []
        self._head: PartHead | None = None
        self._field_pieces: list[bytes] = []
        self._size_bytes = 0
        self._memory_bytes = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            BadRequest: the form is malformed, or a head is over its limit.
            ContentTooLarge: too many parts, files or fields, or too much text.
        """
        for event in self._splitter.feed(piece):
            if isinstance(event, PartHead):
                self._head = event
                self._size_bytes = 0
                if event.filename is None:
                    self._count_memory(len(event.name))
                    if len(self._fields) >= self._limits.max_form_fields:
                        raise ContentTooLarge(f"The form has more than {self._limits.max_form_fields} fields.")
            elif event is None:
                self._add_part()
            else:
                self._size_bytes += len(event)
                if self._head is not None and self._head.filename is None:
                    self._add_text(event)

    def finish(self) -> MultipartIndex:
        """Return the index, after the whole body.

        Raises:
            BadRequest: the form is not complete.
        """
        self._splitter.finish()
        return MultipartIndex(tuple(self._fields), tuple(self._files))

    def _add_text(self, piece: bytes) -> None:
        if self._size_bytes > self._limits.max_form_field_bytes:
            raise ContentTooLarge(f"A field of the form is larger than {self._limits.max_form_field_bytes} bytes.")
        self._count_memory(len(piece))
        self._field_pieces.append(piece)

    def _count_memory(self, size_bytes: int) -> None:
        self._memory_bytes += size_bytes
        if self._memory_bytes > self._limits.max_form_memory_bytes:
            raise ContentTooLarge(f"The form has more than {self._limits.max_form_memory_bytes} bytes of text.")

    def _add_part(self) -> None:
        head = self._head
        if head is None:
            return
        if head.filename is None:
            # RFC 7578 §5.1: always UTF-8; a charset in the part, ``_charset_`` and transfer encodings are ignored.
            self._fields.append((head.name, b"".join(self._field_pieces).decode("utf-8", "replace")))
            self._field_pieces.clear()
        elif head.filename or self._size_bytes:
            self._files.append(FilePart(head, self._splitter.content_offset, self._size_bytes))
        # A browser sends a file field in which nothing was chosen as an empty file without a name: no file.
        self._head = None


def _long_head() -> BadRequest:
    return BadRequest("The header fields of a part of the form are too long.")


def _refusal(error: Exception) -> HTTPError:
    """Say to the client what the parser found; its texts name no content."""
    if isinstance(error, _parser.ParserLimitReached):
        return BadRequest("A part of the form has too many or too long header fields.")
    return BadRequest(f"The form is malformed: {str(error)[:1].lower()}{str(error)[1:100]}.")
