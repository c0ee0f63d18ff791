"""One call of a WSGI application: what its threads do, and what the request's task sees of it.

The application is called, and its content is pulled, in worker threads of the request, a *hop* at a time; see
`WSGICall.begin` and `go_on`. The first hop ends with the first piece, or with the end of a content that is short or is
there as a whole; then it has closed the content too, and there is no second hop. A later hop hands over each piece as
it comes, so none is held back by the next, and ends when 64 KiB wait to be sent: a slow client holds no thread.

`close` is called once, in a thread, and never while another thread is inside the application's code. Whoever leaves
while a thread is there leaves the closing to that thread.

How the task waits for all this is in `wsgi_body`. Spec: PEP 3333 "Specification Details".
"""

from __future__ import annotations

import logging
import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from time import monotonic
from types import TracebackType
from typing import Any, Final, TypeAlias, cast

from costrel.messages import FileBody, FileSlice, PausedStep
from costrel.mounts.wsgi_file import FileWrapper, find_slice, make_file_body
from costrel.mounts.wsgi_head import WSGIHead, read_head
from costrel.mounts.wsgi_input import RequestGone
from costrel.mounts.wsgi_mistakes import bad_piece, called_twice, ended_by_force, no_start, not_iterable

__all__ = ["MAX_WAITING_BYTES", "StartResponse", "WSGIApplication", "WSGICall"]

logger: logging.Logger = logging.getLogger("costrel.mount")

MAX_WAITING_BYTES: Final = 64 * 1024
_QUICK_SECONDS: Final = 0.001
_LOOK_SECONDS: Final = 1.0

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
Write: TypeAlias = Callable[[bytes], object]
StartResponse: TypeAlias = Callable[..., Write]
WSGIApplication: TypeAlias = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class WSGICall:
    """One call of an application, and the content that it returned.

    Args:
        application: what is called.
        name: of the mount, for messages.
        loop: the loop of the request's task.
        hands_over: see the attribute.

    Attributes:
        environ: what the application is called with; set it before `begin`, which takes it.
        step: the hop that the task waits for, and is woken from when there is something to take.
        head: what `start_response` was given, `None` before.
        pieces: content that waits to be taken.
        file: which part of a file is all of the content, `None` for content that is pulled.
        has_ended: whether all content is in `pieces` or was taken; then it is closed too.
        is_closed: whether the content's `close` was called or is being called.
        is_running: whether a thread is inside the application.
        is_awaited: whether the task wants to be woken by the next piece.
        hands_over: whether it can take a piece while a thread is inside the application. Where that thread is the one
            that sends, it cannot: then each hop ends with a piece.
    """

    __slots__ = (
        "_application",
        "_content",
        "_has_left",
        "_has_written",
        "_head_is_final",
        "_iterator",
        "_lock",
        "_loop",
        "_name",
        "_room",
        "_waiting_bytes",
        "environ",
        "file",
        "hands_over",
        "has_ended",
        "head",
        "is_awaited",
        "is_closed",
        "is_running",
        "pieces",
        "step",
    )

    def __init__(
        self, application: WSGIApplication, name: str, loop: AbstractEventLoop, hands_over: bool = True
    ) -> None:
        self._application = application
        self._name = name
        self._loop = loop
        self._content: object = None
        self._iterator: Iterator[bytes] | None = None
        self._lock = threading.Lock()
        self._room: threading.Condition | None = None
        self._waiting_bytes = 0
        self._head_is_final = self._has_written = self._has_left = False
        self.environ: dict[str, Any] | None = None
        self.step: PausedStep[None] | None = None
        self.head: WSGIHead | None = None
        self.file: FileSlice | None = None
        self.pieces: deque[bytes] = deque()
        self.has_ended: bool = False
        self.is_closed: bool = False
        self.is_running: bool = False
        self.is_awaited: bool = hands_over
        self.hands_over: bool = hands_over

    # What threads do.

    def begin(self) -> None:
        """Call the application, and pull its content up to the first piece or, when that is soon, to its end.

        Raises:
            Exception: what the application raised; its content is closed then.
        """
        if not self._enter():
            return
        try:
            # The environ leads to the request and to this call: whoever keeps it, this call does not.
            environ, self.environ = self.environ, None
            content = self._content = self._application(environ or {}, self._start_response)
            if (type(content) is list or type(content) is tuple) and not self._has_written:
                self._take_all(content)
            else:
                self._open(content)
        except BaseException as error:
            self.close_here()
            if not isinstance(error, Exception):
                raise ended_by_force(self._name, error) from error
            raise
        finally:
            self._leave_thread()

    def go_on(self) -> None:
        """Pull more content and hand it over, until enough of it waits or it ends.

        Raises:
            Exception: what the application raised; its content is closed then.
        """
        if not self._enter():
            return
        try:
            self._pull()
        except BaseException as error:
            self.close_here()
            if not isinstance(error, Exception):
                raise ended_by_force(self._name, error) from error
            raise
        finally:
            self._leave_thread()

    def close_here(self, _: object = None) -> None:
        """Close the content in this thread, unless that was done; an error is logged."""
        with self._lock:
            if self.is_closed:
                return
            self.is_closed = True
        content, self._content = self._content, None
        self._iterator = None
        close = getattr(content, "close", None)
        if close is None:
            return
        try:
            close()
        except BaseException:
            logger.exception("wsgi_close_failed mount=%s content=%r", self._name, type(content).__name__)

    def _enter(self) -> bool:
        """Whether the thread may go on: not when the task has left before it came."""
        with self._lock:
            self.is_running = not self._has_left
            return self.is_running

    def _leave_thread(self) -> None:
        """Give the content back to the task, or close it when the task has gone meanwhile."""
        with self._lock:
            self.is_running = False
            if not self._has_left:
                return
        self.close_here()

    def _start_response(
        self, status: str, headers: Iterable[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Write:
        """Take status and header fields; the callable of PEP 3333."""
        if exc_info is not None:
            try:
                error = exc_info[1]
                if self._head_is_final and error is not None:
                    raise error.with_traceback(exc_info[2])
            finally:
                # This frame is in the traceback: a variable with it would be a cycle.
                error = exc_info = None
        elif self.head is not None:
            raise called_twice(self._name)
        self.head = read_head(status, headers, self._name)
        return self._write

    def _write(self, data: bytes, /) -> None:
        """Send a piece of content at once, and wait while too much of it waits; the old way of PEP 3333.

        Raises:
            RequestGone: nobody takes it any more.
        """
        data = self._checked(data)
        if not data:
            return
        self._head_is_final = self._has_written = True
        with self._lock:
            if self._room is None:
                self._room = threading.Condition(self._lock)
        if self._offer(data) < MAX_WAITING_BYTES or not self.hands_over:
            return
        with self._room:
            while self._waiting_bytes >= MAX_WAITING_BYTES and not self._has_left:
                self._room.wait(_LOOK_SECONDS)
                if self._loop.is_closed():
                    self._has_left = True
        if self._has_left:
            raise RequestGone("Nobody takes the content of the response any more.")

    def _open(self, content: object) -> None:
        """Begin with content that is to be pulled, if it has to be."""
        if not isinstance(content, Iterable):
            raise not_iterable(self._name, content)
        self._iterator = iter(content)
        if self._has_written:
            self._pull()
            return
        if self.head is not None:
            self.file = find_slice(content, self.head.content_length)
        if self.file is None:
            self._pull_first()

    def _take_all(self, content: list[bytes] | tuple[bytes, ...]) -> None:
        """Take a content that is there as a whole."""
        if self.head is None:
            raise no_start(self._name)
        for piece in content:
            self.pieces.append(piece if type(piece) is bytes else self._checked(piece))
        self._end()

    def _pull_first(self) -> None:
        """Pull the first piece that is not empty, and go on to the end where that cannot be far.

        It cannot where the length was declared and is small, or was declared to be one piece by ``len``. Everything
        else may wait between two pieces, and what is there already must not wait with it.
        """
        pulled_bytes = 0
        started_at = monotonic()
        for piece in self._iterator or ():
            if type(piece) is not bytes:
                piece = self._checked(piece)
            if not piece:
                continue
            if self._has_written:
                # Only an application that calls `write` from its content comes here.
                self._offer(piece)
                return
            if self.head is None:
                raise no_start(self._name)
            self._head_is_final = True
            self.pieces.append(piece)
            pulled_bytes += len(piece)
            declared_bytes = self.head.content_length
            if declared_bytes is None:
                if isinstance(self._content, Sized) and len(self._content) == len(self.pieces) == 1:
                    continue
                return
            if pulled_bytes >= declared_bytes:
                if pulled_bytes > MAX_WAITING_BYTES and pulled_bytes > declared_bytes:
                    return
            elif declared_bytes > MAX_WAITING_BYTES or monotonic() - started_at > _QUICK_SECONDS:
                return
        if self.head is None:
            raise no_start(self._name)
        self._end()

    def _pull(self) -> None:
        """Hand over piece after piece until enough waits, or nobody takes them any more."""
        for piece in self._iterator or ():
            if type(piece) is not bytes:
                piece = self._checked(piece)
            if piece and (self._offer(piece) >= MAX_WAITING_BYTES or not self.hands_over):
                return
        self._end()

    def _end(self) -> None:
        self.close_here()
        self.has_ended = True

    def _offer(self, piece: bytes) -> int:
        """Hand a piece to the task and return how many bytes wait now.

        Raises:
            RequestGone: the task has left, or its loop was closed.
        """
        if self.head is None:
            raise no_start(self._name)
        with self._lock:
            if self._has_left:
                raise RequestGone("Nobody takes the content of the response any more.")
            self.pieces.append(piece)
            self._waiting_bytes += len(piece)
            waiting_bytes = self._waiting_bytes
            must_wake, self.is_awaited = self.is_awaited, False
        if must_wake:
            try:
                self._loop.call_soon_threadsafe(self.wake)
            except RuntimeError:
                raise RequestGone("The event loop of the request was closed.") from None
        return waiting_bytes

    def _checked(self, piece: object) -> bytes:
        """Return a piece of content as `bytes`."""
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise bad_piece(self._name, piece)
        return bytes(piece)

    # What the task does.

    def wake(self) -> None:
        """Let the task go on that waits for the hop; on the loop."""
        if self.step is not None:
            self.step.wake()

    def take(self) -> bytes:
        """Return what waits, joined; ``b""`` when nothing does."""
        with self._lock:
            pieces = self.pieces
            if not pieces:
                return b""
            taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._waiting_bytes = 0
            if self._room is not None:
                self._room.notify_all()
        return taken

    def await_piece(self) -> bool:
        """Ask to be woken by the next piece; false when there is one already."""
        with self._lock:
            is_empty = not self.pieces
            self.is_awaited = is_empty and self.hands_over
            return is_empty

    def take_file(self) -> FileBody | None:
        """Return the body that sends the file which is all of the content, and closes it; `None` without a file."""
        with self._lock:
            if self.file is None or self.is_closed:
                return None
            self.is_closed = True
            return make_file_body(cast("FileWrapper", self._content), self.file)

    def leave(self) -> bool:
        """Take no more; return whether the content must be closed now.

        False means that it is closed, or that the thread which is inside will close it.
        """
        with self._lock:
            self._has_left = True
            self.environ = None
            if self._room is not None:
                self._room.notify_all()
            return not self.is_running and not self.is_closed and self._content is not None
