"""What one request has entered and must leave: its providers, in which order, where, and with which outcome.

A `Scope` exists only for endpoints that have something to end: providers with an exit, teardown hooks, a stream.
Exits run in the reverse order of entry, all of them, shielded from cancellation: those of the ``handler`` lifetime when
the response is complete and before anything is sent, or at the end of a stream; those of the ``response`` lifetime
when the exchange is over.

A thread cannot be stopped. When its task leaves it, by a deadline or a cancellation, the thread becomes the owner of
the exits and runs them after its step has returned, with `RequestAbandoned` raised into each. A lock decides which side
it is; exactly one of them sees the other's mark.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from threading import Lock
from typing import Any, NoReturn, cast

from costrel.errors import RequestAbandoned, ServiceUnavailable
from costrel.execution import Lane, Outcome, RunProfile, hop
from costrel.handling.exits import exit_async_generator, exit_generator, start_async_generator, start_generator
from costrel.handling.finishing import is_finished, pull_first, start_stream, starts_here
from costrel.handling.guard import report_abandoned
from costrel.handling.shielding import shielded
from costrel.messages import Request, Response, StreamBody

__all__ = ["ExitPlace", "Scope", "log_failure", "settle"]

logger: logging.Logger = logging.getLogger("costrel.providers")

Factory = Callable[..., object]
Teardown = Callable[[Request, "Scope", BaseException | None], Awaitable[None]]


class ExitPlace(Enum):
    """Where an exit runs."""

    LOOP = "loop"
    """An async generator: awaited on the loop."""
    THREAD = "thread"
    """A generator: in the worker thread that has it, or on the cleanup lane."""
    ANYWHERE = "anywhere"
    """A generator that is declared inline: wherever its turn comes."""


class Scope:
    """The open ends of one request; made by the generated code of its endpoint.

    Attributes:
        made: values of providers that hooks after the handler want too, by variable.
        after_count: how many after hooks have been started.
        is_closed: whether all exits of the handler lifetime have run.
    """

    __slots__ = (
        "_exits",
        "_failure",
        "_has_left",
        "_is_active",
        "_is_handed_over",
        "_is_registered",
        "_is_settled",
        "_lock",
        "_needs_claim",
        "_request",
        "_response_exits",
        "_stream",
        "_teardown",
        "_thread_ended",
        "after_count",
        "is_closed",
        "made",
    )

    def __init__(self, request: Request, needs_claim: bool = False, teardown: Teardown | None = None) -> None:
        self._request = request
        self._needs_claim = needs_claim
        self._teardown = teardown
        self._exits: list[tuple[Any, Factory, ExitPlace]] = []
        self._response_exits: list[tuple[Any, Factory, ExitPlace]] = []
        self._failure: BaseException | None = None
        self._stream: StreamBody | None = None
        self._lock: Lock | None = None
        self._thread_ended: asyncio.Future[BaseException | None] | None = None
        self._is_settled = self._is_registered = self._is_handed_over = False
        self.made: dict[str, Any] = {}
        self.after_count: int = 0
        self.is_closed: bool = False
        if teardown is not None:
            self._register()

    def enter(self, generator: object, factory: Factory, place: ExitPlace = ExitPlace.THREAD) -> Any:
        """Start a generator of the ``handler`` lifetime and return its value."""
        value = start_generator(generator, factory)
        self._exits.append((generator, factory, place))
        self._hold(place)
        return value

    async def enter_async(self, generator: object, factory: Factory) -> Any:
        """Start an async generator of the ``handler`` lifetime and return its value."""
        value = await start_async_generator(generator, factory)
        self._exits.append((generator, factory, ExitPlace.LOOP))
        return value

    def enter_for_response(self, generator: object, factory: Factory, place: ExitPlace = ExitPlace.THREAD) -> Any:
        """Start a generator of the ``response`` lifetime and return its value."""
        value = start_generator(generator, factory)
        self._response_exits.append((generator, factory, place))
        self._hold(place)
        self._register()
        return value

    async def enter_async_for_response(self, generator: object, factory: Factory) -> Any:
        """Start an async generator of the ``response`` lifetime and return its value."""
        value = await start_async_generator(generator, factory)
        self._response_exits.append((generator, factory, ExitPlace.LOOP))
        self._register()
        return value

    async def hop(
        self, lane: Lane, step: Callable[[Request], Response | None], profile: RunProfile | None
    ) -> Response | None:
        """Run synchronous steps in a thread; when they fail, the exits on top of the pile run in that thread."""
        self._lock = Lock()
        self._is_active = self._has_left = False
        try:
            return await hop(lane, self._request.worker, self._run, step, profile)
        except BaseException:
            with self._lock:
                self._has_left = True
                self._is_handed_over = self._is_active
            if self._is_handed_over:
                self._abandon()
            raise

    def close_here(self, response: Response) -> Response:
        """End the ``handler`` lifetime in the thread that runs the handler, as far as no async exit is in the way."""
        if not is_finished(response):
            if starts_here(response):
                # Known before it has begun: whoever ends the request closes it before it leaves any provider.
                self._stream = cast("StreamBody", response.body)
                pull_first(self._request, response)
            return response
        if self._exits or self._needs_claim:
            self._settle()
        failure = self._unwind_here(None)
        if failure is not None:
            raise failure
        self.is_closed = not self._exits
        return response

    async def complete(self, response: Response) -> Response:
        """Finish a response on the loop and end the ``handler`` lifetime; a stream ends it after its last chunk."""
        if self.is_closed:
            return response if is_finished(response) else await start_stream(self._request, response)
        if not is_finished(response):
            response = await start_stream(self._request, response)
            body = response.body
            if isinstance(body, StreamBody):
                self._stream = body
                if self._needs_claim:
                    self._settle()
                self._register()
                body.on_finish(self._finish_stream)
                self.is_closed = True
                return response
        if self._needs_claim:
            self._settle()
        if self._exits:
            failure = await shielded(self._unwind(None))
            if failure is not None:
                raise failure
        self.is_closed = True
        return response

    async def fail(self, failure: BaseException) -> BaseException:
        """Run all exits of the ``handler`` lifetime with an exception; return the one that is in force afterwards."""
        self.note(failure)
        if self._is_handed_over:
            return failure
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await shielded(stream.aclose())
        if not self._exits:
            return failure
        is_exception = isinstance(failure, Exception)
        seen = failure if is_exception or not self._is_abandoned() else RequestAbandoned()
        result = await shielded(self._unwind(seen))
        if result is seen or result is None:
            return failure
        if not is_exception:
            # A cancellation or a lost client ends the request whatever an exit has to say.
            logger.error("provider_exit_failed path=%s", self._request.path, exc_info=result)
            return failure
        self.note(result)
        return result

    def note(self, failure: BaseException | None) -> None:
        """Keep the exception for those who see it when the exchange is over."""
        if self._is_registered:
            self._failure = failure

    def _settle(self) -> None:
        """Claim the outcome before the first exit; raise `RequestAbandoned` when it is lost."""
        if not self._is_settled:
            settle(self._request)
            self._is_settled = True

    def _is_abandoned(self) -> bool:
        return self._request.claim.outcome is Outcome.ABANDONED

    def _register(self) -> None:
        if not self._is_registered:
            self._is_registered = True
            self._request.on_end(self._finish)

    def _run(self, step: Callable[[Request], Response | None]) -> Response | None:
        """The thread's side of `hop`."""
        lock = cast("Lock", self._lock)
        with lock:
            if self._has_left:
                return None
            self._is_active = True
        try:
            result = step(self._request)
        except BaseException as raised:
            self._fail_here(raised)
        self._leave_thread(None if self._is_settled else RequestAbandoned())
        return result

    def _fail_here(self, raised: BaseException) -> NoReturn:
        """Run exits in the thread whose step has failed, and raise the exception that is in force afterwards."""
        seen = RequestAbandoned() if self._is_abandoned() else raised
        failure = self._unwind_here(seen) or raised
        self._leave_thread(failure)
        try:
            raise failure
        finally:
            # This frame is in the traceback: a variable with the exception would be a cycle.
            del raised, seen, failure

    def _leave_thread(self, failure: BaseException | None) -> None:
        """Give the exits back to the task, or run them here when the task has gone."""
        with cast("Lock", self._lock):
            self._is_active = False
            if not self._has_left:
                return
        if self._stream is not None:
            self._stream.close_here()
        self._unwind_here(failure)
        while not self._exits and self._response_exits and self._response_exits[-1][2] is not ExitPlace.LOOP:
            failure = exit_generator(*self._take(self._response_exits, failure))
        try:
            self._request.exchange.loop_state.loop.call_soon_threadsafe(self._note_end_of_thread, failure)
        except RuntimeError:
            logger.exception("provider_exits_lost path=%s", self._request.path)  # the loop is closed

    def _note_end_of_thread(self, failure: BaseException | None) -> None:
        ended, self._thread_ended = self._thread_ended, None
        if ended is not None and not ended.done():
            ended.set_result(failure)
        elif self._exits or self._response_exits or self._teardown is not None:
            self._supervise(self._end, failure)

    def _supervise(self, function: Callable[..., object], argument: object) -> bool:
        supervisor = self._request.exchange.loop_state.supervisor
        try:
            supervisor.spawn(function, argument, origin=f"exits of {self._request.path}")
        except ServiceUnavailable:
            logger.exception("provider_exits_unsupervised path=%s", self._request.path)
            return False
        return True

    def _abandon(self) -> None:
        """Leave the thread behind: nothing that it has not begun to commit may commit.

        From now on the supervisor waits for the thread, so that the application does not stop before the rest has run.
        """
        self._request.claim.take(Outcome.ABANDONED)
        ended = self._request.exchange.loop_state.loop.create_future()
        if self._supervise(self._end_after, ended):
            self._thread_ended = ended
        report_abandoned(self._request)

    async def _end_after(self, thread_ended: asyncio.Future[BaseException | None]) -> None:
        await self._end(await thread_ended)

    def _unwind_here(self, failure: BaseException | None) -> BaseException | None:
        """Run exits from the top of the pile in this thread, down to the first async one."""
        exits = self._exits
        while exits and exits[-1][2] is not ExitPlace.LOOP:
            failure = exit_generator(*self._take(exits, failure))
        return failure

    def _hold(self, place: ExitPlace) -> None:
        if place is ExitPlace.THREAD:
            self._request.worker.held_count += 1

    def _take(
        self, exits: list[tuple[Any, Factory, ExitPlace]], failure: BaseException | None
    ) -> tuple[Any, BaseException | None, Factory]:
        generator, factory, place = exits.pop()
        if place is ExitPlace.THREAD:
            self._request.worker.held_count -= 1
        return generator, failure, factory

    async def _unwind(
        self, failure: BaseException | None, exits: list[tuple[Any, Factory, ExitPlace]] | None = None
    ) -> BaseException | None:
        """Run exits from the loop, each where it belongs; neighbours that need a thread share one hop."""
        exits = self._exits if exits is None else exits
        while exits:
            place = exits[-1][2]
            if place is ExitPlace.LOOP:
                failure = await exit_async_generator(*self._take(exits, failure))
            elif place is ExitPlace.ANYWHERE:
                failure = exit_generator(*self._take(exits, failure))
            else:
                request = self._request
                lane = request.exchange.loop_state.cleanup
                failure = await hop(lane, request.worker, self._unwind_in_worker, (exits, failure))
        return failure

    def _unwind_in_worker(
        self, arguments: tuple[list[tuple[Any, Factory, ExitPlace]], BaseException | None]
    ) -> BaseException | None:
        exits, failure = arguments
        while exits and exits[-1][2] is not ExitPlace.LOOP:
            failure = exit_generator(*self._take(exits, failure))
        return failure

    async def _finish_stream(self, failure: BaseException | None) -> None:
        """End the ``handler`` lifetime after the last chunk; an exit that fails now aborts the stream."""
        if failure is not None:
            self.note(failure)
        result = await shielded(self._unwind(failure))
        if result is not None and result is not failure:
            self.note(result)
            raise result

    async def _finish(self, request: Request) -> None:
        """End what is left when the exchange is over; called by `Request.finish`."""
        if self._is_handed_over:
            return
        if self._stream is not None:
            await self._stream.aclose()
            self._stream = None
        failure, self._failure = self._failure, None
        await shielded(self._end(failure))

    async def _end(self, failure: BaseException | None) -> None:
        result = await self._unwind(failure)
        result = await self._unwind(result, self._response_exits)
        if result is not None and result is not failure:
            logger.error("provider_exit_failed path=%s", self._request.path, exc_info=result)
        if self._teardown is not None:
            await self._teardown(self._request, self, result)


def settle(request: Request) -> None:
    """Claim that the request is answered by its handler.

    Raises:
        RequestAbandoned: a deadline or a disconnect was first.
    """
    if not request.claim.take(Outcome.COMPLETED):
        raise RequestAbandoned


def log_failure(request: Request, error: Exception) -> None:
    """Log what a teardown hook raised; the others still run."""
    logger.error("teardown_failed path=%s", request.path, exc_info=error)
