"""Driving a foreign coroutine by hand, in the task that wants what it hands over.

A foreign ASGI application pushes messages and cannot return a response. A second task with a queue between the two
would cost it the context of the request, its traceback and its cancellation. So its coroutine is resumed step by step
inside our own task: what it waits for is handed to the event loop as if we waited for it, and where it hands a piece
over it stays paused until somebody wants the next one. `asyncio.timeout` and `asyncio.TaskGroup` that it holds open
meanwhile are right, because `asyncio.current_task` is the same all the time.

Tasks that the coroutine starts may hand pieces over too. Therefore what it waits for is not passed on bare but in a
`_Wait`, which the arrival of such a piece can end early; the coroutine stays where it is then.

One thing cannot be had without a second task: while the coroutine is paused, its task does something else, and a time
limit that the coroutine holds open interrupts that. And an AnyIO scope cannot be closed while one that was opened after
it is open; where layers hold such scopes around the application, `ChildTask` is the way.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from types import coroutine as awaitable_generator
from typing import Any, Generic, TypeVar, cast

from costrel.mounts.hand_over import CLOSE_SECONDS, HandOver, closed_error, is_wanted_end

__all__ = ["Trampoline"]

logger: logging.Logger = logging.getLogger("costrel.mounts")

T = TypeVar("T")
MAX_REFUSED_COUNT = 16
_NO_SIGNAL = object()


class Trampoline(Generic[T]):
    """A foreign coroutine, driven by `advance` in the task that awaits it; see `Runner` for what the names promise.

    Args:
        coroutine: not started yet; nobody else may use it from now on.
        loop: the running loop.
        name: what runs, for the log.
    """

    # What hardly any request changes stands on the class; an instance keeps what differs.
    has_ended: bool = False
    is_closing: bool = False
    late_error: Exception | None = None
    on_wait: Callable[[], object] | None = None
    _piece: T | None = None
    _pieces: HandOver[T] | None = None
    _task: asyncio.Task[Any] | None = None
    _waiting_for: asyncio.Future[Any] | None = None
    _wait: _Wait | None = None
    _error: BaseException | None = None
    _alarm: asyncio.TimerHandle | None = None
    _refused_count: int = 0
    _signal: object = _NO_SIGNAL
    _is_begun: bool = False
    _is_paused: bool = False
    _is_woken: bool = False
    _is_given_up: bool = False

    def __init__(self, coroutine: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._coroutine: Coroutine[Any, Any, object] | None = coroutine
        self._loop = loop
        self._name = name

    def begin(self) -> T | None:
        """Run the coroutine up to its first wait; see `Runner.begin`."""
        self._task = asyncio.current_task(self._loop)
        try:
            self._resume()
        except Exception as error:
            if self._piece is None:
                raise
            self.late_error = error
        piece, self._piece = self._piece, None
        return piece

    @awaitable_generator
    def advance(self) -> Generator[Any, Any, T | None]:
        """Run the coroutine until it hands a piece over or ends; see `Runner.advance`."""
        if self._pieces is not None:
            self._pieces.release()
        self._task = asyncio.current_task(self._loop)
        while True:
            piece = self._piece
            if piece is not None:
                self._piece = None
                return piece
            if self._pieces:
                return self._pieces.take()
            if self.has_ended:
                return None
            if self._is_given_up:
                self._give_up()
                raise asyncio.CancelledError
            if self._is_woken:
                self._is_woken = False
                return None
            waiting_for = self._waiting_for
            if waiting_for is not None and not waiting_for.done():
                yield from self._wait_for(waiting_for)
                continue
            self._waiting_for = None
            if self._signal is not _NO_SIGNAL:
                # One turn of the loop, or the sign of another trampoline around this one.
                signal, self._signal = self._signal, _NO_SIGNAL
                yield from self._pass_on(signal)
                continue
            try:
                self._resume()
            except Exception as error:
                if self._piece is None:
                    raise
                self.late_error = error

    def run_on(self) -> bool:
        """Run the coroutine up to its next wait; see `Runner.run_on`."""
        if self._pieces is not None:
            self._pieces.release()
        if self._is_paused and self._piece is None and not self._pieces:
            self._resume()
        return self.has_ended

    def leave(self, piece: T) -> Awaitable[None] | None:
        """Hand a piece over without a pause; see `Runner.leave`."""
        if self.is_closing or self.has_ended or asyncio.current_task(self._loop) is not self._task:
            return self.hand_over(piece)
        self._piece = piece
        return None

    def hand_over(self, piece: T) -> Coroutine[Any, Any, None]:
        """Pause the coroutine until the next piece is wanted; see `Runner.hand_over`."""
        return cast("Coroutine[Any, Any, None]", self._hand_over(piece))

    @awaitable_generator
    def _hand_over(self, piece: T) -> Generator[Any, Any, None]:
        if self.is_closing or self.has_ended:
            yield from self._refuse()
        elif asyncio.current_task(self._loop) is self._task:
            if self._pieces:
                self._pieces.put(piece)
            else:
                self._piece = piece
            yield self
        else:
            if self._pieces is None:
                self._pieces = HandOver()
            yield from self._pieces.put_and_wait(piece, self._interrupt).__await__()

    def wake(self) -> None:
        """Let `advance` return; see `Runner.wake`."""
        self._is_woken = True
        self._interrupt()

    async def close(self, *, has_been_told: bool) -> None:
        """End the coroutine before its time; see `Runner.close`."""
        if self.has_ended or self.is_closing:
            return
        self.is_closing = True
        if not self._is_begun:
            self._give_up(is_silent=True)
            return
        self._piece = None
        if self._pieces is not None:
            self._pieces.close()
        task = asyncio.current_task(self._loop)
        cancelling_count = task.cancelling() if task is not None else 0
        if self._is_paused:
            # A cancellation that came while it was paused is the application's to hear of first.
            is_cancelled = isinstance(sys.exception(), asyncio.CancelledError)
            self._error = asyncio.CancelledError() if is_cancelled else closed_error()
        elif not has_been_told:
            self._cancel_wait()
        for _ in range(2):
            timer = self._loop.call_later(CLOSE_SECONDS, self.wake, context=Context())
            try:
                await self._run_out()
            except asyncio.CancelledError:
                # What we have sent in ends here; what somebody else wants goes on.
                if task is not None and task.cancelling() > cancelling_count:
                    raise
            except Exception as error:
                if not is_wanted_end(error):
                    logger.exception("mount_close_failed mount=%s", self._name)
            finally:
                timer.cancel()
            if self._coroutine is None:
                return
            self._cancel_wait()
        self._give_up()

    async def _run_out(self) -> None:
        """Drive the coroutine until it ends or is woken."""
        self._is_woken = False
        while not self.has_ended:
            if await self.advance() is None:
                return

    # One step of the coroutine.

    def _resume(self) -> None:
        """Run the coroutine up to its next wait, and keep what it waits for."""
        self._is_begun = True
        self._is_paused = False
        error, self._error = self._error, None
        foreign = cast("Coroutine[Any, Any, object]", self._coroutine)
        try:
            signal = foreign.send(None) if error is None else foreign.throw(error)
        except StopIteration:
            self._end()
            return
        except BaseException:
            self._end()
            raise
        finally:
            # This frame may end up in a traceback: a variable with the exception would be a cycle.
            del error
        if signal is self:
            self._is_paused = True
        elif getattr(signal, "_asyncio_future_blocking", None):
            # A task would do this when it takes the future over.
            signal._asyncio_future_blocking = False
            self._waiting_for = signal
        else:
            self._signal = signal

    def _wait_for(self, waiting_for: asyncio.Future[Any]) -> Generator[Any, Any, None]:
        """Wait for what the coroutine waits for, as its task would."""
        if self.on_wait is not None:
            self.on_wait()
        wait = self._wait = _Wait(waiting_for)
        try:
            yield wait
        except GeneratorExit:
            self._give_up(is_silent=True)
            raise
        except asyncio.CancelledError as error:
            self._note_cancellation()
            # As `Task.cancel` does: what is waited for is cancelled, and the coroutine hears of it from there.
            if waiting_for.done() or not waiting_for.cancel(*error.args):
                self._waiting_for = None
                self._error = error
        except BaseException as error:
            # Thrown in, as a task does, for `Future.result` gives the traceback of what has failed only once; and
            # without this frame, which has no part in it.
            self._waiting_for = None
            self._error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        finally:
            self._wait = None

    def _pass_on(self, signal: object) -> Generator[Any, Any, None]:
        try:
            yield signal
        except GeneratorExit:
            self._give_up(is_silent=True)
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                self._note_cancellation()
            self._error = error

    def _refuse(self) -> Generator[Any, Any, None]:
        """Raise in `send` that nobody takes what is sent; one that goes on and on is paused for ever."""
        self._refused_count += 1
        if self._refused_count > MAX_REFUSED_COUNT:
            if asyncio.current_task(self._loop) is self._task and not self.has_ended:
                self._is_given_up = True
                yield self
            else:
                yield None
        raise closed_error()

    def _interrupt(self) -> None:
        if self._wait is not None:
            self._wait.wake()

    # The end of the coroutine.

    def _note_cancellation(self) -> None:
        """Give the coroutine some time to let a cancellation out again, or to show that it was its own."""
        task = self._task
        if self._alarm is None and task is not None and task.cancelling():
            self._alarm = self._loop.call_later(
                CLOSE_SECONDS, self._check_swallowed, task.cancelling() - 1, context=Context()
            )

    def _check_swallowed(self, cancelling_count: int) -> None:
        # A time limit of the application's own takes its cancellation off the count when it has done its work.
        self._alarm = None
        if self._task is not None and self._task.cancelling() > cancelling_count and not self.has_ended:
            self._is_given_up = True
            self._interrupt()

    def _cancel_wait(self) -> None:
        waiting_for = self._waiting_for
        if waiting_for is None or waiting_for.done() or not waiting_for.cancel():
            self._waiting_for = None
            self._error = asyncio.CancelledError()

    def _give_up(self, *, is_silent: bool = False) -> None:
        """Close a coroutine that does not end; it is left alone if it goes on even then."""
        foreign, waiting_for = cast("Coroutine[Any, Any, object]", self._coroutine), self._waiting_for
        self._end()
        if not is_silent:
            logger.error("mount_did_not_end mount=%s close_seconds=%g", self._name, CLOSE_SECONDS)
        if waiting_for is not None:
            waiting_for.cancel()
        try:
            foreign.close()
        except BaseException as error:
            if isinstance(error, SystemExit | KeyboardInterrupt):
                raise
            logger.exception("mount_close_failed mount=%s", self._name)

    def _end(self) -> None:
        self.has_ended = True
        self._coroutine = self._waiting_for = self.on_wait = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class _Wait:
    """A wait for a future that somebody else may end early; to the task it is a future like any other.

    The task's own callback is put on the real future, so the wait costs no further turn of the loop.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_future", "_is_woken")

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._asyncio_future_blocking = True
        self._future = future
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None
        self._is_woken = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._future.get_loop()

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        self._callback, self._context = callback, context
        self._future.add_done_callback(callback, context=context)

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        self._callback = None
        return self._future.remove_done_callback(callback)

    def cancel(self, msg: object = None) -> bool:
        return not self._is_woken and self._future.cancel(msg)

    def done(self) -> bool:
        return self._is_woken or self._future.done()

    def result(self) -> Any:
        return None if self._is_woken else self._future.result()

    def wake(self) -> None:
        """End the wait now, whatever becomes of the future."""
        if self.done():
            return
        self._is_woken = True
        callback = self._callback
        if callback is not None:
            self._future.remove_done_callback(callback)
            self._future.get_loop().call_soon(callback, self, context=self._context)
