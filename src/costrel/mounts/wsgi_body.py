"""The task's side of a call of a WSGI application: waiting for its threads, and giving them what they ask for.

A hop is awaited as a step that can pause: a thread that wants content of the request, or that has content of the
response, wakes the task, which does what is wanted and waits for the same hop again. So there is no second task, and
whoever cancels the request reaches all of it.

When the first hop has ended the answer is known. Content that is complete then is plain bytes; otherwise a `WSGIBody`
is the body of the response and goes on with the call.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import Context
from typing import Self

from costrel.errors import ClientDisconnected, ServiceUnavailable
from costrel.execution import Lane, RunProfile, hop
from costrel.http import Headers
from costrel.messages import PausedStep, Request, Response
from costrel.mounts.wsgi_call import WSGICall
from costrel.mounts.wsgi_head import WSGIHead
from costrel.mounts.wsgi_input import ArrivingContent

__all__ = ["WSGIBody", "answer_of"]


class WSGIBody:
    """The content of a response that a WSGI application makes while it is sent; a `ResponseStream`.

    Args:
        request: the request.
        call: the call of the application.
        input: content of the request that is still to come, `None` when the application has it.

    Attributes:
        content_length: as the application has declared it, `None` when it has not.
    """

    __slots__ = ("_call", "_failure", "_input", "_is_watching", "_request", "content_length")

    def __init__(self, request: Request, call: WSGICall, input: ArrivingContent | None) -> None:
        self._request = request
        self._call = call
        self._input = input
        self._failure: Exception | None = None
        self._is_watching = False
        self.content_length: int | None = None

    async def begin(self, lane: Lane, profile: RunProfile | None) -> None:
        """Call the application and wait until its head is known.

        Raises:
            Exception: what the application raised, or why the content of the request was refused.
            ClientDisconnected: the client left before the application had read what it wanted.
            ServiceUnavailable: there was no thread for it in time.
        """
        call = self._call
        call.step = PausedStep(hop(lane, self._request.worker, WSGICall.begin, call, profile))
        await self._wait()
        self.content_length = call.head.content_length if call.head is not None else None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Wait for content and return what there is of it.

        Raises:
            ClientDisconnected: the client left; nobody waits for content that it will not see.
            Exception: what the application raised; what it gave before has been returned.
        """
        call = self._call
        if not self._is_watching:
            self._is_watching = True
            self._request.exchange.on_disconnect(call.wake)
        while True:
            taken = call.take()
            if taken:
                return taken
            failure, self._failure = self._failure, None
            if failure is not None:
                try:
                    raise failure
                finally:
                    del failure
            if call.step is None:
                # The end is told when the hop is over, so that what it has done to context variables is seen.
                if call.has_ended or call.is_closed:
                    raise StopAsyncIteration
                worker = self._request.worker
                worker.is_streaming = True
                lane = self._request.exchange.loop_state.lane_for(worker)
                call.step = PausedStep(hop(lane, worker, _go_on, call))
            if call.await_piece():
                try:
                    await self._wait()
                except Exception as error:
                    # What the application gave before it failed is sent, then the response is cut off.
                    self._failure = error

    async def aclose(self) -> None:
        """Close the content, unless it has been; a thread that is inside the application does it when it comes out."""
        call = self._call
        must_close = call.leave()
        await self._stop()
        call.take()
        if must_close:
            await self._close_in_thread()

    async def abandon(self) -> bool:
        """Leave the call where it is, because the request ends now; return whether a thread is left in it."""
        call = self._call
        is_left = call.is_running
        must_close = call.leave()
        await self._stop()
        if must_close:
            self._close_soon()
        return is_left

    async def _wait(self) -> None:
        """Wait until the hop has ended or there is something to take; serve the thread meanwhile."""
        call = self._call
        step = call.step
        arriving = self._input
        if step is None:
            return
        try:
            while not await step.wait(None):
                if arriving is not None and arriving.is_wanted:
                    await arriving.feed()
                elif call.pieces:
                    return
                elif self._is_watching and self._request.is_disconnected:
                    raise ClientDisconnected
        except Exception:
            call.step = None
            if arriving is not None:
                # What the application has made of a read that failed is not the reason.
                arriving.raise_failure()
            raise
        call.step = None
        if arriving is not None:
            arriving.raise_failure()

    async def _stop(self) -> None:
        """Wait for nothing any more."""
        step, self._call.step = self._call.step, None
        if self._input is not None:
            self._input.abandon()
        if step is not None:
            await step.cancel()

    async def _close_in_thread(self) -> None:
        worker = self._request.worker
        try:
            await hop(self._request.exchange.loop_state.cleanup, worker, self._call.close_here, None)
        except CancelledError:
            # The job may have been withdrawn before it ran.
            self._close_soon()
            raise
        except ServiceUnavailable:
            # The threads are gone: the application is being stopped.
            self._call.close_here()

    def _close_soon(self) -> None:
        """Close the content in a thread that nobody waits for."""
        context = self._request.worker.context
        cleanup = self._request.exchange.loop_state.cleanup
        if cleanup.is_closed:
            self._call.close_here()
        else:
            cleanup.submit(self._call.close_here, None, context if context is not None else Context())


def _go_on(call: WSGICall) -> None:
    call.go_on()


def answer_of(request: Request, call: WSGICall, head: WSGIHead, body: WSGIBody) -> Response:
    """Make the response of a call whose head is known.

    Args:
        request: the request.
        call: the call.
        head: what `start_response` was given.
        body: what goes on with the call if it has not ended.
    """
    response = Response(None, head.status_code)
    response.own_headers = Headers.from_raw(head.fields)
    if call.has_ended and call.step is None:
        content = call.take()
        if content or request.method != "HEAD" or head.content_length is not None:
            response.body = content
            return response
    file_body = call.take_file()
    if file_body is not None:
        file_body.attach(request.exchange.loop_state.files)
    # RFC 9110 §8.6: without content nothing is known of the length that a GET would have had.
    stream = response.body = body if file_body is None else file_body
    # A layer may drop the response: the content is closed all the same.
    request.on_end(lambda _: stream.aclose())
    return response
