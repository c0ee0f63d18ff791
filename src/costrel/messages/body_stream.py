"""The body of a request piece by piece, for handlers that declare ``body: BodyStream``.

Nothing is kept: a piece that was handed over is gone, and memory stays flat however long the body is. The limits are
those of the one reader (`content.py`). A multipart form can be taken part by part, without a disk: a part is there
before the next one has arrived, and what of it is not read is skipped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Self

from costrel.errors import BodyStreamed, ContentTooLarge, UnsupportedMediaType
from costrel.http import RequestHeaders
from costrel.messages.content import MULTIPART_FORM, READ_BYTES, Content, ContentCounter
from costrel.messages.exchange import Exchange
from costrel.messages.limits import MessageLimits
from costrel.messages.multipart import MultipartSplitter
from costrel.messages.part_head import PartHead

__all__ = ["BodyStream", "Part"]


class BodyStream:
    """The raw body, to be consumed once: iterate over it, `read` it, or take its `parts`.

    Content that a layer had already read is handed out again.

    Args:
        exchange: where the pieces come from.
        headers: of the request.
        limits: of the application.
        max_body_bytes: the limit that a layer has set for this request, or `None`.
        kept_content: what `Request.read` has kept, `None` when it has not run.

    Raises:
        ContentTooLarge: the declared length is over the limit.
        UnsupportedMediaType: the body has a content coding.
    """

    __slots__ = ("_content_type", "_counter", "_exchange", "_is_ended", "_is_taken", "_kept", "_limits")

    def __init__(
        self,
        exchange: Exchange,
        headers: RequestHeaders,
        limits: MessageLimits,
        max_body_bytes: int | None,
        kept_content: Content | None = None,
    ) -> None:
        self._exchange = exchange
        self._limits = limits
        self._content_type = headers.get("content-type", "")
        self._counter = ContentCounter(headers, limits, max_body_bytes)
        self._kept = _chunks_of(kept_content) if kept_content is not None else None
        self._is_ended = False
        self._is_taken = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next piece, never empty.

        Raises:
            ContentTooLarge: the body is over its limit.
            BadRequest: its framing is broken.
            ClientDisconnected: the client left before it was complete.
        """
        self._is_taken = True
        if self._kept is not None:
            piece = next(self._kept, b"")
            self._is_ended = not piece
        elif self._is_ended or self._counter.is_complete:
            piece = b""
        else:
            piece = await self._exchange.read_body(self._counter.next_bytes)
            self._counter.add(piece)
        if not piece:
            self._is_ended = True
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """Return all that is left of the body; ``b""`` at its end. Raises as the iteration does."""
        return b"".join([piece async for piece in self])

    async def parts(self) -> AsyncIterator[Part]:
        """Take a multipart form part by part, in the order sent, while it arrives.

        Raises:
            UnsupportedMediaType: the body is no ``multipart/form-data``.
            BodyStreamed: some of the body was taken before.
            BadRequest: the form is malformed or cut off.
            ContentTooLarge: too many parts or files, or the body is over its limit.
        """
        if self._counter.essence != MULTIPART_FORM:
            raise UnsupportedMediaType(f"The body must be {MULTIPART_FORM}.", headers={"Accept": MULTIPART_FORM})
        if self._is_taken:
            raise BodyStreamed("parts()")
        splitter = _PartReader(self, MultipartSplitter(self._content_type, self._limits))
        while True:
            head = await splitter.next_head()
            if head is None:
                return
            yield Part(head, splitter, self._limits)


class Part:
    """One part of a multipart form while it arrives: read it, iterate over it, or leave it.

    Args:
        head: its names and header fields.
        reader: where its content comes from.
        limits: of the application.

    Attributes:
        name: the name of the form field.
        filename: the client's name of the file as it came, `None` for a text field. Never use it as a path.
        headers: the header fields of the part.
    """

    __slots__ = ("_limits", "_number", "_reader", "filename", "headers", "name")

    def __init__(self, head: PartHead, reader: _PartReader, limits: MessageLimits) -> None:
        self.name: str = head.name
        self.filename: str | None = head.filename
        self.headers: RequestHeaders = head.headers
        self._reader = reader
        self._number = reader.part_number
        self._limits = limits

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._reader.next_piece(self._number)
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read(self, *, max_bytes: int | None = None) -> bytes:
        """Return all that is left of the part.

        Args:
            max_bytes: above it 413; `None` is `AppSettings.max_form_field_bytes` for a text field, and for a file
                the limit of the whole body.

        Raises:
            ContentTooLarge: the part is longer.
        """
        limit = max_bytes
        if limit is None and self.filename is None:
            limit = self._limits.max_form_field_bytes
        pieces = []
        size_bytes = 0
        async for piece in self:
            size_bytes += len(piece)
            if limit is not None and size_bytes > limit:
                raise ContentTooLarge(f"A part of the form is larger than {limit} bytes.")
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self) -> str:
        """Return all that is left of the part as text in UTF-8; bytes that are none become U+FFFD."""
        return (await self.read()).decode("utf-8", "replace")


class _PartReader:
    """Turns the pieces of a body into parts, never further than it was asked for."""

    def __init__(self, body: BodyStream, splitter: MultipartSplitter) -> None:
        self._body = body
        self._splitter = splitter
        self._heads_and_pieces: deque[PartHead | bytes | None] = deque()
        self._is_inside = False
        self.part_number: int = 0

    async def next_head(self) -> PartHead | None:
        """Skip what is left of the part before, and wait for the next; `None` is the end of the form."""
        while True:
            while not self._heads_and_pieces:
                if not await self._feed():
                    return None
            event = self._heads_and_pieces.popleft()
            if isinstance(event, PartHead):
                self._is_inside = True
                self.part_number += 1
                return event
            self._is_inside = event is not None

    async def next_piece(self, part_number: int) -> bytes | None:
        """Wait for the next piece of the part; `None` is its end, also when the parts have gone on without it."""
        if part_number != self.part_number or not self._is_inside:
            return None
        while not self._heads_and_pieces:
            await self._feed()
        event = self._heads_and_pieces.popleft()
        if isinstance(event, bytes):
            return event
        self._is_inside = False
        return None

    async def _feed(self) -> bool:
        """Take one more piece of the body; false at its end.

        Raises:
            BadRequest: the form is not complete then.
        """
        try:
            piece = await anext(self._body)
        except StopAsyncIteration:
            self._splitter.finish()
            return False
        self._heads_and_pieces.extend(self._splitter.feed(piece))
        return True


def _chunks_of(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        return iter([content] if content else [])
    return content.iter_chunks(READ_BYTES)
