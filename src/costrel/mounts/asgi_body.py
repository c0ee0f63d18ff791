"""What a foreign ASGI application receives of a request: its body, and then that the client is gone.

The body comes from the one reader that there is. What a layer has read is given once more; what has arrived and nobody
has read is kept, so that others can read it too; anything else is streamed. A body has no limit here but the one that
was set for this request, because the application has its own.

Spec: ASGI HTTP 2.5.
"""

from __future__ import annotations

import asyncio
import sys

from costrel.errors import ClientDisconnected, ContentTooLarge, HTTPError
from costrel.messages import Request, SpooledContent
from costrel.mounts.asgi_types import Message

__all__ = ["IncomingBody"]

PIECE_BYTES = 64 * 1024
_NO_LIMIT = sys.maxsize


class IncomingBody:
    """The messages about the body of one request.

    Args:
        request: whose body it is.

    Attributes:
        failure: why the body could not be read, if it could not.
        is_over: whether the response is complete or not wanted; then there is nothing more to receive.
        is_disconnected: whether the client is known to be gone.
        has_told: whether the application has been told that the client is gone.
    """

    # What hardly any request changes stands on the class; an instance keeps what differs.
    failure: HTTPError | None = None
    is_over: bool = False
    is_disconnected: bool = False
    has_told: bool = False
    _is_begun: bool = False
    _is_read: bool = False
    _is_watching: bool = False
    _content: bytes | SpooledContent | None = None
    _declared_bytes: int | None = None
    _offset: int = 0
    _received_bytes: int = 0
    _waiters: list[asyncio.Future[None]] | None = None

    def __init__(self, request: Request) -> None:
        self._request = request
        self._exchange = request.exchange

    async def receive(self) -> Message:
        """Wait for the next piece of the body, or for the end of the exchange.

        Raises:
            HTTPError: the body cannot be read, for example because it is over its limit.
            BodyStreamed: the body was handed to somebody else as a stream.
        """
        if not self._is_read and not self.is_over:
            try:
                if not self._is_begun:
                    self.begin()
                content = self._content
                if isinstance(content, bytes):
                    self._is_read = True
                    return {"type": "http.request", "body": content, "more_body": False}
                piece = await (self._stream() if content is None else self._replay(content))
            except ClientDisconnected:
                self._note_disconnect()
            except HTTPError as error:
                self.failure = error
                raise
            else:
                return {"type": "http.request", "body": piece, "more_body": not self._is_read}
        await self.wait_over()
        self.has_told = True
        return {"type": "http.disconnect"}

    def end(self) -> None:
        """Say that the response is complete, or not wanted any more."""
        self.is_over = True
        if self._waiters is not None:
            self._release(self._waiters)

    def watch(self) -> None:
        """Have `is_disconnected` follow the client, and tell whoever waits."""
        if not self._is_watching:
            self._is_watching = True
            self._request.exchange.on_disconnect(self._note_disconnect)

    def check_declared(self) -> None:
        """Refuse a body whose length is known and over the limit.

        Raises:
            ContentTooLarge: answer 413.
        """
        limit, declared = self._request.max_body_bytes, self._request.content_length
        if limit is not None and declared is not None and declared > limit:
            raise _too_large(limit)

    @property
    def is_begun(self) -> bool:
        """Whether it is known where the body comes from."""
        return self._is_begun

    def begin(self) -> None:
        """Find out where the body comes from; what becomes of the request later changes nothing about that.

        Raises:
            HTTPError: the body cannot be read, for example because it is over its limit.
            BodyStreamed: the body was handed to somebody else as a stream.
        """
        self._is_begun = True
        self._content = self._find_content()

    def _find_content(self) -> bytes | SpooledContent | None:
        """Return what was read already, or has arrived; `None` when the rest is streamed from now on."""
        request = self._request
        if request.content is None:
            limit = request.max_body_bytes
            arrived = request.exchange.take_arrived(_NO_LIMIT if limit is None else limit)
            if arrived is not None:
                request.content = arrived
                return arrived
        content = request.kept_content
        if content is None:
            self._declared_bytes = request.content_length
            request.take_stream("receive()")
        elif request.max_body_bytes is not None:
            size_bytes = len(content) if isinstance(content, bytes) else content.size_bytes
            if size_bytes > request.max_body_bytes:
                raise _too_large(request.max_body_bytes)
        return content

    async def _replay(self, content: SpooledContent) -> bytes:
        """Read the next piece of what a layer has read, from a file perhaps."""
        piece = await self._request.exchange.loop_state.files.submit(self._read_at, content)
        self._offset += len(piece)
        self._is_read = self._offset >= content.size_bytes
        return piece

    def _read_at(self, content: SpooledContent) -> bytes:
        return content.read_at(self._offset, PIECE_BYTES)

    async def _stream(self) -> bytes:
        """Wait for the next piece from the client."""
        limit = self._request.max_body_bytes
        wanted = PIECE_BYTES if limit is None else min(PIECE_BYTES, limit - self._received_bytes + 1)
        piece = await self._exchange.read_body(wanted)
        received = self._received_bytes = self._received_bytes + len(piece)
        if limit is not None and received > limit:
            raise _too_large(limit)
        self._is_read = not piece or received == self._declared_bytes
        return piece

    async def wait_over(self) -> None:
        """Wait until the response is complete or not wanted any more, or the client is gone."""
        self.watch()
        if self.is_over or self.is_disconnected:
            return
        waiter: asyncio.Future[None] = self._request.exchange.loop_state.loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def _note_disconnect(self) -> None:
        self.is_disconnected = True
        if self._waiters is not None:
            self._release(self._waiters)

    def _release(self, waiters: list[asyncio.Future[None]]) -> None:
        self.has_told = self.has_told or bool(waiters)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _too_large(limit_bytes: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body is larger than {limit_bytes} bytes.")
