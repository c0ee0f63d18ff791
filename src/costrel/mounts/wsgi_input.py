"""`wsgi.input`: the content of a request as a file that a thread reads while it arrives.

Content that is here already, because a layer has read it or because it came with the head, is read without anybody's
help. For the rest the thread asks, and the request's own task on the loop answers: it awaits the next piece and hands
it over. Nothing is read ahead of what was asked for, so the client is held back by a slow application, and a piece at a
time is all that lies between the two.

The thread waits, the loop never does. Whoever ends the request wakes the thread with an error. A thread of a server
that has called us is the only one that may read from that server, so while it waits here it does what its mailbox asks
for.

Spec: PEP 3333 "Input and Error Streams".
"""

from __future__ import annotations

import io
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final

from costrel.errors import BadRequest, ClientDisconnected, ContentTooLarge
from costrel.execution import Caller
from costrel.messages import STREAMED, Request

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ArrivingContent", "RequestGone", "open_content", "open_kept_content"]

_PIECE_BYTES: Final = 256 * 1024
_BUFFER_BYTES: Final = 64 * 1024
_MAX_ARRIVED_BYTES: Final = 1024 * 1024
_LOOK_SECONDS: Final = 1.0


class RequestGone(ConnectionError):
    """Raised in the application's thread where nobody sends or takes anything any more.

    It is an `OSError`, as a broken socket would give it.
    """


class ArrivingContent(io.RawIOBase):
    """The part of `wsgi.input` that waits: a raw file for one thread, fed by one task.

    Args:
        request: whose content it is.
        wake: called on the loop when the thread has asked for something; then somebody awaits `feed`.

    Attributes:
        is_wanted: whether the thread waits for `feed`.
        failure: why no more comes, as the request should end with it; `None` while all is well.
    """

    def __init__(self, request: Request, wake: Callable[[], None]) -> None:
        self._request = request
        self._wake = wake
        self._loop: AbstractEventLoop = request.exchange.loop_state.loop
        self._declared_bytes = request.content_length
        self._limit_bytes = request.max_body_bytes
        self._received_bytes = 0
        self._piece = memoryview(b"")
        self._has_ended = False
        self._caller: Caller | None = request.worker.caller
        # What the two sides share is written under the lock; the gate is open while there is an answer to take.
        self._lock = threading.Lock()
        self._gate = threading.Lock()
        self._gate.acquire()
        self._is_taken = False
        self.is_wanted: bool = False
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Wait for content and put as much of it into the buffer as there is and fits; 0 is the end.

        Raises:
            RequestGone: the client left, the content is refused, or the request has ended.
        """
        if not self._has_piece():
            return 0
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._piece))
        view[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def readall(self) -> bytes:
        """Wait for the rest of the content and return it. Raises as `readinto` does."""
        pieces = []
        while self._has_piece():
            pieces.append(bytes(self._piece))
            self._piece = memoryview(b"")
        return b"".join(pieces)

    def _has_piece(self) -> bool:
        """Wait until there is something to take; false at the end."""
        while not self._piece:
            if self.failure is not None:
                raise RequestGone(f"The content of the request is not complete: {_sentence(self.failure)}")
            if self._has_ended or self._received_bytes == self._declared_bytes:
                return False
            self._ask()
        return True

    def _ask(self) -> None:
        """Wait, in the thread, until the task has answered."""
        with self._lock:
            if self.failure is not None:
                return
            self.is_wanted = True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            self.abandon()
        if self._caller is not None:
            self._wait_in_caller(self._caller)
            return
        while not self._gate.acquire(timeout=_LOOK_SECONDS):
            if self._loop.is_closed():
                self.abandon()

    def _wait_in_caller(self, caller: Caller) -> None:
        """Wait for the answer and run what is submitted meanwhile: reading from the server is among it."""
        others = []
        while (message := caller.wait()) is not self:
            others.append(message)
        for message in others:
            caller.tell(message)

    async def feed(self) -> None:
        """Await the next piece and hand it to the thread that waits for it.

        What goes wrong with the content is the thread's to know first, and stands in `failure`.
        """
        failure: BaseException | None = None
        piece = b""
        try:
            if not self._is_taken:
                self._is_taken = True
                self._request.take_stream("wsgi.input")
            piece = await self._request.exchange.read_body(_PIECE_BYTES)
            self._count(piece)
        except (ClientDisconnected, Exception) as error:
            failure = error
        except BaseException:
            self.abandon()
            raise
        self._answer(piece, failure)

    def abandon(self) -> None:
        """Let a read that waits, and each later one, fail."""
        self._answer(b"", RequestGone("The request has ended."))

    def raise_failure(self) -> None:
        """Raise why the content is not complete, if there is such a reason; once.

        Raises:
            ClientDisconnected: the client left before it was complete.
            Exception: it was refused, or somebody else has taken it.
        """
        failure = self.failure
        if failure is not None:
            # The one that was raised leads through its traceback back to here.
            self.failure = RequestGone("The content of the request is not complete.")
            try:
                raise failure
            finally:
                del failure

    def _answer(self, piece: bytes, failure: BaseException | None) -> None:
        """Give a thread that waits what it waits for; a failure is kept for one that comes later."""
        with self._lock:
            if self.failure is None:
                self.failure = failure
            if not self.is_wanted:
                return
            self.is_wanted = False
            self._piece = memoryview(piece if failure is None else b"")
            self._has_ended = not piece
        if self._caller is not None:
            self._caller.tell(self)
        else:
            self._gate.release()

    def _count(self, piece: bytes) -> None:
        """Hold the content to what was declared and to the limit that a layer has set.

        Raises:
            ContentTooLarge: it is over the limit.
            BadRequest: more came than was declared.
            ClientDisconnected: less came than was declared.
        """
        received = self._received_bytes = self._received_bytes + len(piece)
        if self._limit_bytes is not None and received > self._limit_bytes:
            raise ContentTooLarge(f"The body is larger than {self._limit_bytes} bytes.")
        declared = self._declared_bytes
        if declared is not None:
            if received > declared:
                raise BadRequest("The body is longer than its Content-Length.")
            if not piece and received < declared:
                raise ClientDisconnected


def open_kept_content(request: Request) -> tuple[BinaryIO, int] | None:
    """Return the whole content as a file, with its length, if nobody need wait for it; `None` if it has yet to come.

    Content that has arrived is kept for layers that ask for it afterwards, unless it is a form that would have to be
    taken apart.
    """
    content = request.kept_content
    if content is None:
        if request.content is not None:
            return None
        limit = request.max_body_bytes
        arrived = request.exchange.take_arrived(_MAX_ARRIVED_BYTES if limit is None else limit)
        if arrived is None:
            return None
        request.content = arrived if _is_plain(request) else STREAMED
        content = arrived
    if isinstance(content, bytes):
        return io.BytesIO(content), len(content)
    return content.open(), content.size_bytes


def open_content(content: ArrivingContent) -> BinaryIO:
    """Return the file that an application reads content from that is still to come."""
    return io.BufferedReader(content, _BUFFER_BYTES)


def _is_plain(request: Request) -> bool:
    """Whether content in one piece is all that `Request` would make of it."""
    headers = request.headers
    return headers.get_raw(b"content-encoding") is None and not request.content_type.startswith("multipart/")


def _sentence(failure: BaseException) -> str:
    return "the client has left." if isinstance(failure, ClientDisconnected) else f"{failure}"
