"""The body of a file response: slices of one open file, and between them what frames them.

It is read in pieces by threads of the file lane. A transport that can send a file without reading it takes pieces of
it by `transfer` and reads the rest, or takes the path of a whole file (`whole_path`). A file that is changed or cut off
while it is sent from here ends the response with an exception, never with padding and never as if it were complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, Self

from costrel.errors import CostrelError
from costrel.execution import Lane
from costrel.messages.open_file import OpenFile

__all__ = ["FileBody", "FileSlice"]

PIECE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A part of a file.

    Args:
        offset: its first byte.
        size_bytes: its length.
    """

    offset: int
    size_bytes: int


class FileBody:
    """A `ResponseStream` over an open file, which it owns.

    Args:
        file: closed by `aclose`.
        pieces: what is sent, in order.
        size_bytes: the size of the file when it was looked at.
        mtime_ns: the time of its last change then, `None` for a file that has none.
        path: where the file is, absolute; `None` when it was not opened by a path, or not to be opened by it again.

    Attributes:
        content_length: how many bytes come in all.
    """

    __slots__ = (
        "_file",
        "_index",
        "_lane",
        "_mtime_ns",
        "_path",
        "_pieces",
        "_position",
        "_size_bytes",
        "content_length",
    )

    def __init__(
        self,
        file: OpenFile,
        pieces: tuple[bytes | FileSlice, ...],
        *,
        size_bytes: int,
        mtime_ns: int | None,
        path: str | None = None,
    ) -> None:
        self._file = file
        self._path = path
        self._pieces = pieces
        self._size_bytes = size_bytes
        self._mtime_ns = mtime_ns
        self._index = 0
        self._position = 0
        self._lane: Lane | None = None
        self.content_length: int | None = sum(
            len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in pieces
        )

    def attach(self, lane: Lane) -> None:
        """Say which threads read; before the first piece."""
        self._lane = lane

    @property
    def is_plain(self) -> bool:
        """Whether the body is one slice of the file, so that `fileno`, `offset` and `count` say all of it."""
        return len(self._pieces) == 1 and isinstance(self._pieces[0], FileSlice)

    @property
    def offset(self) -> int:
        """Where the first slice begins in the file."""
        return next((piece.offset for piece in self._pieces if isinstance(piece, FileSlice)), 0)

    @property
    def count(self) -> int:
        """How many bytes of the file are sent."""
        return sum(piece.size_bytes for piece in self._pieces if isinstance(piece, FileSlice))

    @property
    def whole_path(self) -> str | None:
        """The absolute path of the file when the body is all of it: then a server or a proxy may send it by its name.

        It is `None` for a range, for a file that was opened by a folder or handed over open, and for a path whose
        symbolic links must not be followed: only the open file is known to be the right one then.
        """
        if self._path is not None and self.is_plain and self.offset == 0 and self.count == self._size_bytes:
            return self._path
        return None

    def fileno(self) -> int:
        """Return the descriptor of the file, open until `aclose`.

        Raises:
            OSError: it has none.
        """
        return self._file.fileno()

    async def transfer(self, send: Callable[[int, int, int], int], max_bytes: int) -> int:
        """Let somebody else send the next bytes of a plain body, in a thread of the file lane.

        Args:
            send: called with the descriptor, the first byte and how many may be sent; returns how many were.
            max_bytes: at most so many.

        Returns:
            How many bytes were sent; what is left comes by the iteration, or by the next call.

        Raises:
            CostrelError: the file was changed or cut off.
            ValueError: the body is not plain.
        """
        if not self.is_plain:
            raise ValueError("A body of several parts is not sent past its iteration.")
        place = (self.offset + self._position, min(max_bytes, self.count - self._position))
        if self._lane is None:
            sent_bytes = self._transfer(send, place)
        else:
            sent_bytes = await self._lane.submit(partial(self._transfer, send), place)
        self._position += sent_bytes
        return sent_bytes

    def _transfer(self, send: Callable[[int, int, int], int], place: tuple[int, int]) -> int:
        sent_bytes = 0

        def step(file: BinaryIO) -> None:
            nonlocal sent_bytes
            if self._mtime_ns is not None:
                self._check_unchanged(file)
            sent_bytes = send(file.fileno(), *place)

        self._file.call(step)
        return sent_bytes

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._index < len(self._pieces):
            piece = self._pieces[self._index]
            if isinstance(piece, bytes):
                self._index += 1
                return piece
            if self._position < piece.size_bytes:
                start = piece.offset + self._position
                wanted = min(PIECE_BYTES, piece.size_bytes - self._position)
                if self._lane is None:
                    content = self._read((start, wanted))
                else:
                    content = await self._lane.submit(self._read, (start, wanted))
                self._position += wanted
                return content
            self._index += 1
            self._position = 0
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the file; a read that is going on ends first, elsewhere."""
        self._file.close()

    def _read(self, place: tuple[int, int]) -> bytes:
        """Read exactly what was asked for, of the file as it was when the head was sent."""
        start, wanted = place
        content = self._file.read_at(start, wanted)
        if len(content) < wanted:
            raise CostrelError(f"The file became shorter than {start + wanted} bytes while it was sent.")
        if self._mtime_ns is not None:
            self._file.call(self._check_unchanged)
        return content

    def _check_unchanged(self, file: BinaryIO) -> None:
        about = os.fstat(file.fileno())
        if about.st_mtime_ns != self._mtime_ns or about.st_size != self._size_bytes:
            raise CostrelError("The file was changed while it was sent.")
