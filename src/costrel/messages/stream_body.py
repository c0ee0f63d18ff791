"""Bodies that are made while they are sent: generators and other iterables of text or bytes.

A failure before the first piece is still a proper error response, because the first piece is pulled before the head is
sent (`prime`). A failure after it must abort the response: the exception comes out of the iteration, and a transport
never ends the response cleanly then. Whatever happens, the iterator is closed, in the context it was pulled in.

An ``async`` iterable is pulled in the request's task. A plain one is pulled in a worker thread through `attach`,
several pieces a hop while they come quickly. What surrounds the handler ends with its stream by `on_finish`: after the
last piece and before the end is told, so that a commit that fails still aborts. The response is in `streaming.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from enum import Enum, auto
from typing import Any, Final, Self

from costrel.errors import Mistake, ProgrammerError

__all__ = ["Source", "StreamBody", "encode_piece"]

logger: logging.Logger = logging.getLogger("costrel.stream")

MAX_BATCH_BYTES: Final = 64 * 1024
MAX_BATCH_SECONDS: Final = 0.05
QUICK_SECONDS: Final = 0.001
MAX_BATCH_COUNT: Final = 1024

RunSync = Callable[[Callable[[], Any]], Awaitable[Any]]  # hands back what the step returned, of any type
FinishCallback = Callable[[BaseException | None], Awaitable[None]]
Source = AsyncIterable[object] | Iterable[object]


class _Phase(Enum):
    """How far a stream is."""

    NEW = auto()
    STARTED = auto()
    EXHAUSTED = auto()
    CLOSED = auto()


def encode_piece(piece: object) -> bytes:
    """Return a piece of a stream as bytes, text in UTF-8.

    Raises:
        TypeError: it is neither text nor bytes.
    """
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    raise TypeError(f"A stream yields `str` or `bytes`, not `{type(piece).__name__}`; encode it before the `yield`.")


class StreamBody:
    """A body that is pulled from an iterable, piece by piece; it can be sent once.

    Args:
        iterable: a generator or any other iterable of `str` or `bytes`, ``async`` or plain.
        content_length: how many bytes come in all, if that is known.
        on_abort: called instead of the iterator's own clean-up when the stream is closed before its first piece was
            pulled: a generator that never started has no ``finally`` to run. It may be ``async def``.
        encode: turns what the iterable yields into bytes.
        max_batch_count: how many pieces of a plain iterable are pulled in one hop, at most.

    Attributes:
        content_length: as given.
        is_text: whether the first piece was a `str`; `None` before it was pulled, or without any.
    """

    __slots__ = (
        "_batch_count",
        "_closed_in_thread",
        "_encode",
        "_failure",
        "_finish_callbacks",
        "_is_abandoned",
        "_is_pulling",
        "_iterator",
        "_lock",
        "_max_batch_count",
        "_on_abort",
        "_phase",
        "_pieces",
        "_run_close",
        "_run_sync",
        "content_length",
        "is_text",
    )

    def __init__(
        self,
        iterable: Source,
        *,
        content_length: int | None = None,
        on_abort: Callable[[], object] | None = None,
        encode: Callable[[object], bytes] = encode_piece,
        max_batch_count: int = MAX_BATCH_COUNT,
    ) -> None:
        if isinstance(iterable, str | bytes | bytearray | memoryview):
            raise TypeError("A stream is made of an iterable of pieces; send complete text or bytes as a `Response`.")
        self._iterator: AsyncIterator[object] | Iterator[object]
        if isinstance(iterable, AsyncIterable):
            self._iterator = aiter(iterable)
        else:
            self._iterator = iter(iterable)
        self.content_length: int | None = content_length
        self.is_text: bool | None = None
        self._on_abort = on_abort
        self._encode = encode
        self._max_batch_count = max_batch_count
        self._batch_count = 1
        self._run_sync: RunSync | None = None
        self._run_close: RunSync | None = None
        self._pieces: deque[bytes] = deque()
        self._finish_callbacks: list[FinishCallback] = []
        self._failure: BaseException | None = None
        self._phase = _Phase.NEW
        # These three are shared with the thread that pulls, under the lock.
        self._lock = threading.Lock()
        self._is_pulling = False
        self._is_abandoned = False
        self._closed_in_thread: Callable[[], object] | None = None

    @property
    def is_async(self) -> bool:
        """Whether it is pulled on the loop; a plain iterable wants `attach`."""
        return isinstance(self._iterator, AsyncIterator)

    def attach(self, run_sync: RunSync, run_close: RunSync | None = None) -> None:
        """Say how a synchronous step is run in the worker context of the request.

        Without it a plain iterable is pulled on the loop, which is right only for one that never waits.

        Args:
            run_sync: takes a function without arguments, runs it in a worker thread and returns its result.
            run_close: the same for the step that closes the iterator, which must never be refused for want of a thread;
                `None` is `run_sync`.
        """
        self._run_sync = run_sync
        self._run_close = run_close or run_sync

    def on_finish(self, callback: FinishCallback) -> None:
        """Call `callback` exactly once when the stream is over, in reverse order of registration.

        After the last piece it is called with `None`, before the end of the iteration is told; if it raises then, the
        response is aborted. When the stream fails or is closed earlier it is called with the exception, `GeneratorExit`
        for a plain close, after the iterator was closed; what it raises then is logged.
        """
        self._finish_callbacks.append(callback)

    async def prime(self) -> None:
        """Pull the first piece and keep it, so that an early failure can still be answered with an error.

        Raises:
            Exception: whatever the iterable raised; the stream is closed then.
        """
        if self._phase is not _Phase.NEW:
            return
        try:
            await self._fill()
        except BaseException as error:
            await self._abort(error)
            raise

    def prime_here(self) -> None:
        """Do what `prime` does, in the worker thread that has made a plain stream; call `attach` before.

        Raises:
            Exception: whatever the iterable raised; the stream is closed then.
        """
        if self._phase is not _Phase.NEW or self.is_async:
            return
        self._phase = _Phase.STARTED
        try:
            has_ended = self._pull_batch()
        except BaseException:
            self.close_here()
            raise
        with self._lock:
            if has_ended and not self._is_abandoned:
                self._phase = _Phase.EXHAUSTED

    def close_here(self) -> None:
        """Close the iterator in the worker thread that has pulled it, when nobody is left who awaits `aclose`."""
        with self._lock:
            if self._is_abandoned:
                return
            self._is_abandoned = True
        self._phase = _Phase.CLOSED
        self._failure = GeneratorExit()
        self._pieces.clear()
        try:
            self._close_iterator()
        except Exception:
            logger.exception("stream_close_failed iterator=%r", self._iterator)

    def __aiter__(self) -> Self:
        if self._phase is _Phase.CLOSED:
            raise _second_use()
        return self

    async def __anext__(self) -> bytes:
        pieces = self._pieces
        while not pieces:
            if self._phase is _Phase.EXHAUSTED:
                await self._finish()
                raise StopAsyncIteration
            if self._phase is _Phase.CLOSED:
                raise StopAsyncIteration if self._failure is None else _second_use()
            try:
                await self._fill()
            except Exception as error:
                await self._abort(error)
                raise
            except BaseException as error:
                # A cancellation: there is no time for clean-up here, `aclose` follows.
                self._failure = error
                raise
        return pieces.popleft()

    async def aclose(self) -> None:
        """Close the iterator and tell the callbacks of `on_finish`; after the end, and again, it does nothing."""
        await self._abort(self._failure or GeneratorExit())

    async def _fill(self) -> None:
        """Pull until there is a piece that is not empty, or the end."""
        is_first = self._phase is _Phase.NEW
        self._phase = _Phase.STARTED
        iterator = self._iterator
        if not isinstance(iterator, AsyncIterator):
            if await (self._pull() if self._run_sync is None else self._run_in_worker(self._run_sync)):
                self._phase = _Phase.EXHAUSTED
            return
        while not self._pieces:
            try:
                piece = await anext(iterator)
            except StopAsyncIteration:
                self._phase = _Phase.EXHAUSTED
                return
            if is_first and self.is_text is None:
                self.is_text = isinstance(piece, str)
            encoded = self._encode(piece)
            if encoded:
                self._pieces.append(encoded)

    async def _run_in_worker(self, run_sync: RunSync) -> bool:
        ended: bool = await run_sync(self._pull_batch)
        return ended

    async def _pull(self) -> bool:
        return self._pull_batch()

    def _pull_batch(self) -> bool:
        """Pull one or several pieces; in a worker thread. Returns whether that was the end."""
        with self._lock:
            if self._is_abandoned:
                return True
            self._is_pulling = True
        try:
            return self._pull_pieces()
        finally:
            if self._end_pull():
                # The task was cancelled while this thread pulled: nobody else can close the generator.
                try:
                    self._close_iterator()
                finally:
                    if self._closed_in_thread is not None:
                        self._closed_in_thread()

    def _end_pull(self) -> bool:
        """Say that the thread has stopped pulling; was the stream closed meanwhile?"""
        with self._lock:
            self._is_pulling = False
            return self._is_abandoned

    def _pull_pieces(self) -> bool:
        """Pull as many pieces as the last ones came quickly: one at first, twice as many after each quick batch.

        So a generator that waits between its pieces is sent piece by piece, and one that does not costs few hops.
        """
        iterator = self._iterator
        if isinstance(iterator, AsyncIterator):
            return True
        started_at = before = time.monotonic()
        size_bytes = count = 0
        is_quick = True
        while not self._is_abandoned:
            try:
                piece = next(iterator)
            except StopIteration:
                return True
            if self.is_text is None:
                self.is_text = isinstance(piece, str)
            now = time.monotonic()
            is_quick = is_quick and now - before < QUICK_SECONDS
            before = now
            encoded = self._encode(piece)
            if not encoded:
                continue
            self._pieces.append(encoded)
            size_bytes += len(encoded)
            count += 1
            if (
                not is_quick
                or count >= self._batch_count
                or size_bytes >= MAX_BATCH_BYTES
                or now - started_at >= MAX_BATCH_SECONDS
            ):
                break
        self._batch_count = min(self._batch_count * 2, self._max_batch_count) if is_quick else 1
        return False

    async def _finish(self) -> None:
        """Run the callbacks after a clean end; the first exception of theirs is raised at the end."""
        if self._phase is _Phase.CLOSED:
            return
        self._phase = _Phase.CLOSED
        failure: BaseException | None = None
        while self._finish_callbacks:
            callback = self._finish_callbacks.pop()
            try:
                await callback(failure)
            except BaseException as error:
                if failure is None:
                    failure = error
                else:
                    logger.exception("stream_finish_failed callback=%r", callback)
        if failure is not None:
            self._failure = GeneratorExit()
            try:
                raise failure
            finally:
                # This frame is in the traceback: a variable with the exception would be a cycle.
                del failure

    async def _abort(self, error: BaseException) -> None:
        """Close the iterator and run the callbacks with the exception; once."""
        phase = self._phase
        if phase is _Phase.CLOSED:
            return
        self._phase = _Phase.CLOSED
        # Only that there was a failure: the exception leads through its traceback back to here.
        self._failure = GeneratorExit()
        self._pieces.clear()
        interruption: BaseException | None = None
        try:
            if phase is _Phase.NEW:
                await self._close_unstarted()
            else:
                await self._close_started()
        except Exception:
            logger.exception("stream_close_failed iterator=%r", self._iterator)
        finally:
            while self._finish_callbacks:
                callback = self._finish_callbacks.pop()
                try:
                    await callback(error)
                except Exception:
                    logger.exception("stream_finish_failed callback=%r", callback)
                except BaseException as raised:
                    # A cancellation: the callbacks that are left run all the same.
                    interruption = raised
            if interruption is not None:
                try:
                    raise interruption
                finally:
                    del interruption

    async def _close_unstarted(self) -> None:
        on_abort = self._on_abort
        if on_abort is not None:
            if inspect.iscoroutinefunction(on_abort):
                await on_abort()
            elif self._run_close is not None:
                await self._run_close(on_abort)
            else:
                on_abort()
        await self._close_started()

    async def _close_started(self) -> None:
        """Close the iterator where it was pulled; wait for a thread that pulls right now."""
        iterator = self._iterator
        if isinstance(iterator, AsyncIterator):
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                await aclose()
            return
        loop = asyncio.get_running_loop()
        closed = loop.create_future()
        with self._lock:
            self._is_abandoned = True
            if self._is_pulling:
                self._closed_in_thread = lambda: loop.call_soon_threadsafe(_set_done, closed)
            is_pulling = self._is_pulling
        if is_pulling:
            await closed
        elif not hasattr(iterator, "close"):
            return
        elif self._run_close is not None:
            await self._run_close(self._close_iterator)
        else:
            self._close_iterator()

    def _close_iterator(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


def _second_use() -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-RESPONSE-001",
            "A stream was sent that has been closed or was sent before.",
            why="A stream is made while it is sent, so it can be sent only once.",
            fix="Return a new `StreamResponse` each time, or the content as `bytes`.",
        )
    )


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
