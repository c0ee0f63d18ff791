"""What a chunked body may have besides its content: sizes, extensions and trailers, all of them counted.

The parser has no limits of its own for them. `ChunkBudget` belongs to one body; it is told what the parser finds and,
after each slice, what the slice was. It says what is wrong; who ends the body then is `parsing`.

Spec: RFC 9112 §7.1.
"""

from __future__ import annotations

from costrel.errors import BadRequest, HTTPError, RequestHeaderFieldsTooLarge
from costrel.server.framing import FORBIDDEN_TRAILERS, MAX_CHUNK_BYTES, chunk_size_exceeds
from costrel.server.parser_state import SLICE_BYTES
from costrel.server.settings import ServerSettings

__all__ = ["ChunkBudget"]

_SIZE_LINE_BYTES = 40
_OVERHEAD_FACTOR = 8


class ChunkBudget:
    """The overhead of one chunked body.

    Args:
        settings: where the limits stand.
    """

    __slots__ = (
        "_begun_bytes",
        "_line_start",
        "_overhead_bytes",
        "_settings",
        "_silent_bytes",
        "_trailer_bytes",
        "_trailer_count",
    )

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._begun_bytes = -1  # content of the chunk that began in this slice, -1 when none did
        self._line_start = b""
        self._overhead_bytes = self._silent_bytes = 0
        self._trailer_bytes = self._trailer_count = 0

    def begin_slice(self) -> None:
        """Note that another slice is fed."""
        self._begun_bytes = -1

    def begin_chunk(self) -> None:
        """Note that a chunk's header line ends here."""
        self._begun_bytes = 0

    def end_chunk(self) -> None:
        """Note that a chunk ends here."""
        self._begun_bytes = -1

    def add_content(self, byte_count: int) -> None:
        """Note that so many bytes of content were found."""
        if self._begun_bytes >= 0:
            self._begun_bytes += byte_count

    def add_trailer(self, name: bytes, value: bytes) -> HTTPError | None:
        """Count a trailer field, which is dropped, and return why the body cannot go on, if so.

        SECURITY: it must never come to stand among the header fields, where it could name another host.
        """
        self._trailer_count += 1
        self._trailer_bytes += len(name) + len(value) + 4
        settings = self._settings
        if self._trailer_count > settings.max_trailer_count or self._trailer_bytes > settings.max_trailer_bytes:
            return _trailers_too_large()
        if name in FORBIDDEN_TRAILERS:
            return BadRequest("The trailer section has a field that does not belong there.")
        return None

    def end_slice(self, data: bytes, content_bytes: int | None, received_bytes: int) -> HTTPError | None:
        """Count what a slice had besides content, and return why the body cannot go on, if so.

        Args:
            data: the slice.
            content_bytes: of the body, how much the slice had; `None` for the slice with the head.
            received_bytes: how much content has come in all.
        """
        if content_bytes is not None:
            overhead = len(data) - content_bytes
            self._overhead_bytes += overhead
            self._silent_bytes = self._silent_bytes + overhead if overhead == len(data) else 0
            settings = self._settings
            if self._overhead_bytes > settings.max_chunk_overhead_bytes + _OVERHEAD_FACTOR * received_bytes:
                return BadRequest("The chunks of the body are mostly overhead.")
            if self._silent_bytes > settings.max_trailer_bytes + SLICE_BYTES:
                return _trailers_too_large()
        if self._begun_bytes < 0:
            # SECURITY: a size that is split over slices is put together again; its start is enough.
            line_begin = data.rfind(b"\n") + 1
            start = data[line_begin : line_begin + _SIZE_LINE_BYTES]
            self._line_start = (start if line_begin else self._line_start + start)[:_SIZE_LINE_BYTES]
            return None
        # The chunk is not complete, so its content ends the slice, and before that stands its header line.
        head_end = len(data) - self._begun_bytes
        line_begin = data.rfind(b"\n", 0, max(head_end - 1, 0)) + 1
        line = data[line_begin : min(head_end, line_begin + _SIZE_LINE_BYTES)]
        if line_begin == 0:
            line = self._line_start + line
        self._line_start = b""
        if chunk_size_exceeds(line.partition(b"\r")[0], MAX_CHUNK_BYTES):
            return BadRequest("A chunk of the body is too large.")
        return None


def _trailers_too_large() -> RequestHeaderFieldsTooLarge:
    return RequestHeaderFieldsTooLarge("The trailer section is too large.")
