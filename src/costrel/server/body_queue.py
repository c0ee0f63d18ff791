"""The body of one request on its way from the socket to whoever reads it.

A `BodyQueue` exists only for a request that announces a body. The parser puts pieces in, one reader takes them out, and
the connection counts what lies between. How much of a body an application accepts is decided by its reader, not here.
"""

from __future__ import annotations

import asyncio

from costrel.errors import ClientDisconnected, HTTPError

__all__ = ["BodyQueue"]


class BodyQueue:
    """Pieces of a body in order, and how the body ends.

    Args:
        loop: the loop of the connection.
        content_length: as declared, `None` for a chunked body.
        expects_continue: whether the client waits for 100 before it sends.

    Attributes:
        is_complete: whether all of it has arrived.
        is_discarding: whether what comes is dropped.
        error: why the rest will never come, `None` while it may.
        received_bytes: how much has arrived.
        held_bytes: how much of that nobody has taken yet.
        waited_seconds: how long the reader has waited in all.
        silent_seconds: how long of that nothing has come.
    """

    __slots__ = (
        "_loop",
        "_offset",
        "_pieces",
        "_reader",
        "content_length",
        "error",
        "expects_continue",
        "held_bytes",
        "is_complete",
        "is_discarding",
        "received_bytes",
        "silent_seconds",
        "waited_seconds",
    )

    held_bytes: int
    is_complete: bool
    is_discarding: bool
    received_bytes: int
    silent_seconds: float
    waited_seconds: float

    def __init__(self, loop: asyncio.AbstractEventLoop, content_length: int | None, expects_continue: bool) -> None:
        self._loop = loop
        self.content_length: int | None = content_length
        self.expects_continue: bool = expects_continue
        self.is_complete = self.is_discarding = False
        self.error: HTTPError | None = None
        self.received_bytes = self.held_bytes = self._offset = 0
        self.waited_seconds = self.silent_seconds = 0.0
        self._pieces: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.content_length is None

    @property
    def is_waited_for(self) -> bool:
        """Whether the reader waits for the client to send."""
        return self._reader is not None

    @property
    def has_pieces(self) -> bool:
        """Whether there is something to take."""
        return self.held_bytes > 0

    def put(self, piece: bytes) -> int:
        """Take a piece from the parser and return by how many bytes the queue has grown."""
        self.received_bytes += len(piece)
        self.silent_seconds = 0.0
        self.expects_continue = False
        if self.is_discarding:
            return 0
        self._pieces.append(piece)
        self.held_bytes += len(piece)
        self.wake()
        return len(piece)

    def complete(self) -> None:
        """Note that all of it has arrived."""
        self.is_complete = True
        self.expects_continue = False
        self.wake()

    def fail(self, error: HTTPError) -> None:
        """Note that the rest will never come."""
        self.error = error
        self.wake()

    def drop(self) -> int:
        """Forget what is held and return how many bytes that were."""
        dropped, self.held_bytes, self._offset = self.held_bytes, 0, 0
        self._pieces = []
        return dropped

    def take(self, max_bytes: int) -> bytes:
        """Return what is held, small pieces joined, at most `max_bytes`."""
        pieces = self._pieces
        start = self._offset
        if len(pieces) == 1:
            held = pieces[0]
        else:
            if start:
                # What was taken of it goes now: a reader that never takes all would carry it along for ever.
                pieces[0] = pieces[0][start:]
                start = 0
            held = b"".join(pieces)
        if len(held) - start <= max_bytes:
            self._pieces = []
            self._offset = 0
            taken = held[start:] if start else held
        else:
            self._pieces = [held]
            self._offset = start + max_bytes
            taken = held[start : self._offset]
        self.held_bytes -= len(taken)
        return taken

    def wake(self) -> None:
        """Let the reader look again."""
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def wait(self) -> None:
        """Wait until there is something to take, the body is complete, or it has failed.

        Raises:
            RuntimeError: somebody else waits already.
        """
        if self._reader is not None:
            raise RuntimeError("two tasks read the body of one request at the same time")
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def raise_if_ended_early(self, is_disconnected: bool) -> None:
        """Raise when the rest will never come.

        Raises:
            HTTPError: why it was given up.
            ClientDisconnected: the client is gone.
        """
        if self.error is not None:
            raise self.error
        if is_disconnected:
            raise ClientDisconnected
