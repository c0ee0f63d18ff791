"""The one reader of request bodies, and what it keeps: bytes, or one unlinked temporary file.

Every limit on a body is counted here, while it is read, the same under every transport. Small content stays in
memory. What is longer goes to a single file that has no name, written by threads of the file lane, never on the loop.
A form of media type ``multipart/form-data`` is indexed on its way by `multipart.py`, so that its files are windows on
that one file.

How a transport gets the pieces is its own matter (`exchange.py`); reading piece by piece without keeping is in
`body_stream.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from costrel.errors import (
    BadRequest,
    ClientDisconnected,
    ContentTooLarge,
    HTTPError,
    RequestTimeout,
    UnsupportedMediaType,
)
from costrel.http import RequestHeaders, essence_of
from costrel.messages.exchange import Exchange
from costrel.messages.limits import MessageLimits
from costrel.messages.multipart import MultipartIndex, MultipartIndexer
from costrel.messages.open_file import OpenFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "STREAMED",
    "Content",
    "ContentCounter",
    "ReadFailure",
    "SpooledContent",
    "Streamed",
    "read_content",
    "take_arrived_content",
]

READ_BYTES: Final = 64 * 1024
MULTIPART_FORM: Final = "multipart/form-data"


class Streamed(Enum):
    """Stands where content would be when it was handed over as a stream."""

    STREAMED = "streamed"


STREAMED: Final = Streamed.STREAMED


class ReadFailure:
    """Stands where content would be when reading it has failed, so that its rest is never taken for all of it.

    Args:
        error: what ended the reading: an `HTTPError`, or a cancellation.
    """

    __slots__ = ("_error",)

    def __init__(self, error: BaseException) -> None:
        # Never the one that was raised: its traceback leads back to the request.
        self._error: HTTPError = RequestTimeout("The body was not read to its end.")
        if isinstance(error, HTTPError):
            self._error = _twin_of(error)

    def again(self) -> HTTPError:
        """Return the error to raise for whoever asks for the content now."""
        return _twin_of(self._error)


def _twin_of(error: HTTPError) -> HTTPError:
    twin = type(error).__new__(type(error))
    twin.args = error.args
    vars(twin).update(vars(error))
    return twin


class SpooledContent:
    """Content that is more than a `bytes` object: too long for memory, or a form with its index.

    Args:
        source: the content itself, or the file it was spooled to.
        size_bytes: its length.
        index: where the parts of a multipart form are, `None` for other content.
    """

    __slots__ = ("_source", "index", "size_bytes")

    def __init__(self, source: bytes | OpenFile, size_bytes: int, index: MultipartIndex | None = None) -> None:
        self._source = source
        self.size_bytes: int = size_bytes
        self.index: MultipartIndex | None = index

    def read(self) -> bytes:
        """Return all of it.

        Raises:
            ValueError: it was closed.
        """
        return self.read_at(0, self.size_bytes)

    def read_at(self, offset: int, max_bytes: int) -> bytes:
        """Return up to `max_bytes` from `offset` on, fewer only at the end.

        Raises:
            ValueError: it was closed.
        """
        source = self._source
        if isinstance(source, bytes):
            return source if offset == 0 and max_bytes >= len(source) else source[offset : offset + max_bytes]
        return source.read_at(offset, max_bytes)

    def open(self, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Return a readable, seekable window with a position of its own; by default on all of it.

        Args:
            offset: where the window begins.
            size_bytes: how long it is, at most; `None` is up to the end.
        """
        rest = max(self.size_bytes - offset, 0)
        return io.BufferedReader(_Window(self, offset, rest if size_bytes is None else min(size_bytes, rest)))

    def iter_chunks(self, chunk_bytes: int = READ_BYTES) -> Iterator[bytes]:
        """Yield all of it in pieces of at most `chunk_bytes`."""
        for offset in range(0, self.size_bytes, chunk_bytes):
            yield self.read_at(offset, min(chunk_bytes, self.size_bytes - offset))

    def close(self) -> None:
        """Let go of the file; reading is an error from then on. More calls do nothing."""
        if not isinstance(self._source, bytes):
            self._source.close()


class _Window(io.RawIOBase):
    """A part of some content as a raw file."""

    def __init__(self, content: SpooledContent, start: int, size_bytes: int) -> None:
        self._content = content
        self._start = start
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._position, 2: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"A position is 0 or more, not {base + offset}.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size_bytes - self._position)
        piece = self._content.read_at(self._start + self._position, wanted) if wanted > 0 else b""
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


Content: TypeAlias = bytes | SpooledContent


class ContentCounter:
    """Counts a body while it is read, and refuses what is longer than the limit or than it said.

    Args:
        headers: of the request; a content coding other than ``identity`` is refused at once.
        limits: of the application.
        max_body_bytes: a limit that a layer has set for this request, or `None`.

    Attributes:
        essence: the media type without parameters, empty when the request has none.
        declared_bytes: the ``Content-Length``, `None` without one.
        received_bytes: how much has come.

    Raises:
        ContentTooLarge: the declared length is over the limit.
        UnsupportedMediaType: the content is compressed.

    Spec:
        RFC 9110 §8.4, §8.6, §15.5.14, §15.5.16.
    """

    __slots__ = ("declared_bytes", "essence", "limit_bytes", "received_bytes")

    limit_bytes: int

    def __init__(self, headers: RequestHeaders, limits: MessageLimits, max_body_bytes: int | None) -> None:
        content_type = headers.get_raw(b"content-type")
        self.essence: str = essence_of(content_type) if content_type is not None else ""
        if max_body_bytes is not None:
            self.limit_bytes = max_body_bytes
        elif self.essence.startswith("multipart/"):
            self.limit_bytes = limits.max_multipart_bytes
        else:
            self.limit_bytes = limits.max_body_bytes
        self.received_bytes: int = 0
        self.declared_bytes: int | None = _declared_length(headers.get_raw(b"content-length"))
        if self.declared_bytes is not None and self.declared_bytes > self.limit_bytes:
            raise self._too_large()
        coding = headers.get_raw(b"content-encoding")
        # SECURITY: a compressed body could be a bomb; nothing is decompressed, so nothing can explode.
        if coding is not None and coding.strip().lower() not in (b"", b"identity"):
            raise UnsupportedMediaType(
                "A compressed body is not accepted here.", headers={"Accept-Encoding": "identity"}
            )

    @property
    def is_complete(self) -> bool:
        """Whether as much has come as was declared, so that nobody need wait for the end."""
        return self.received_bytes == self.declared_bytes

    @property
    def next_bytes(self) -> int:
        """How much to ask for next: never more than one byte over the limit."""
        return min(READ_BYTES, self.limit_bytes - self.received_bytes + 1)

    def add(self, piece: bytes) -> None:
        """Count a piece.

        Raises:
            ContentTooLarge: it is over the limit now.
            BadRequest: more came than was declared.
            ClientDisconnected: the piece is the end, and less came than was declared.
        """
        received = self.received_bytes = self.received_bytes + len(piece)
        if received > self.limit_bytes:
            raise self._too_large()
        declared = self.declared_bytes
        if declared is not None:
            if received > declared:
                raise BadRequest("The body is longer than its Content-Length.")
            if not piece and received < declared:
                raise ClientDisconnected

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"The body is larger than {self.limit_bytes} bytes.")


def _declared_length(value: bytes | None) -> int | None:
    """Read a ``Content-Length``; one that is no number is the transport's to refuse."""
    # `bytes.isdigit` is ASCII only; 19 digits are more than any limit and quick to convert.
    if value is None or not value.isdigit():
        return None
    return int(value) if len(value) <= 19 else 10**19


def take_arrived_content(
    exchange: Exchange, headers: RequestHeaders, limits: MessageLimits, *, max_body_bytes: int | None
) -> bytes | None:
    """Return the content if all of it is here and nothing about it needs a closer look.

    `None` means that `read_content` has to read it.
    """
    content_type = headers.get_raw(b"content-type")
    if headers.get_raw(b"content-encoding") is not None:
        return None
    if content_type is not None and content_type[:10].lower() == b"multipart/":
        return None
    return exchange.take_arrived(limits.max_body_bytes if max_body_bytes is None else max_body_bytes)


async def read_content(
    exchange: Exchange, headers: RequestHeaders, limits: MessageLimits, *, max_body_bytes: int | None
) -> Content:
    """Read the whole body of a request, and index it when it is a multipart form.

    Nothing stays open when it raises or is cancelled.

    Args:
        exchange: where the pieces come from.
        headers: of the request.
        limits: of the application.
        max_body_bytes: the limit that a layer has set for this request, every media type; `None` is `limits`.

    Returns:
        `bytes` for short content, else a `SpooledContent` that the caller must close.

    Raises:
        ContentTooLarge: the body, a form field or the number of parts is over its limit.
        BadRequest: a multipart form is broken, or more came than was declared.
        UnsupportedMediaType: the body has a content coding.
        ClientDisconnected: the client left before the body was complete.
    """
    counter = ContentCounter(headers, limits, max_body_bytes)
    is_framed = counter.declared_bytes is not None or headers.get_raw(b"transfer-encoding") is not None
    if counter.essence == MULTIPART_FORM:
        return await _read_form(exchange, headers, limits, counter, is_framed=is_framed)
    if counter.is_complete:
        return b""
    first = await exchange.read_body(counter.next_bytes)
    counter.add(first)
    if counter.is_complete or not first:
        return first
    return await _read_rest(exchange, limits, counter, [first], None)


async def _read_form(
    exchange: Exchange, headers: RequestHeaders, limits: MessageLimits, counter: ContentCounter, *, is_framed: bool
) -> Content:
    """Read and index a form; a request that has the field but no body is no broken form."""
    indexer = MultipartIndexer(headers.get("content-type", ""), limits)
    first = b"" if counter.is_complete else await exchange.read_body(counter.next_bytes)
    counter.add(first)
    if not first and not is_framed:
        return b""
    if first:
        indexer.feed(first)
    if counter.is_complete or not first:
        return SpooledContent(first, len(first), indexer.finish())
    return await _read_rest(exchange, limits, counter, [first], indexer)


async def _read_rest(
    exchange: Exchange,
    limits: MessageLimits,
    counter: ContentCounter,
    pieces: list[bytes],
    indexer: MultipartIndexer | None,
) -> Content:
    """Read what follows the first piece, in memory up to the threshold and then into a file."""
    in_memory_bytes = len(pieces[0])
    file: OpenFile | None = None
    try:
        while not counter.is_complete:
            piece = await exchange.read_body(counter.next_bytes)
            counter.add(piece)
            if not piece:
                break
            if indexer is not None:
                indexer.feed(piece)
            pieces.append(piece)
            in_memory_bytes += len(piece)
            if in_memory_bytes > limits.spool_threshold_bytes:
                if file is None:
                    file = OpenFile.temporary()
                await exchange.loop_state.files.submit(file.append, pieces)
                pieces = []
                in_memory_bytes = 0
        index = indexer.finish() if indexer is not None else None
        if file is None:
            content = b"".join(pieces)
            return content if index is None else SpooledContent(content, len(content), index)
        if pieces:
            await exchange.loop_state.files.submit(file.append, pieces)
    except BaseException:
        if file is not None:
            file.close()
        raise
    return SpooledContent(file, counter.received_bytes, index)
