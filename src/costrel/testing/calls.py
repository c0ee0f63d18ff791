"""One request on its way through an application, in memory: started, watched and ended.

A `Call` runs the application's dispatch in a task of its own, as a server does, and lets the client wait for the head,
for the pieces of the body and for the end, each wait with a limit. What the application raises is kept and raised in
the test. How a request is put together is in `outgoing`; redirects and cookies are the client's, in `core`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextvars import Context
from typing import cast

from costrel.errors import ClientDisconnected, HTTPError
from costrel.http import Headers
from costrel.messages import (
    Application,
    Request,
    Response,
    emit_finished,
    end_exchange,
    find_socket_body,
    run_late_work,
    run_response_callbacks,
    send_response,
)
from costrel.testing.channel import MemoryChannel
from costrel.testing.exchange import MemoryExchange
from costrel.testing.outgoing import OutgoingRequest
from costrel.testing.response import RenderedTemplate, TestResponse
from costrel.testing.waiting import cancel, wait_for

__all__ = ["AFTER_RESPONSE_SECONDS", "Call"]

AFTER_RESPONSE_SECONDS = 5.0


class Call:
    """A request that the application answers, seen from the client.

    Args:
        application: what answers.
        outgoing: what is asked.
        request: the same as the application sees it.
        exchange: carries both ways.
        timeout_seconds: how long each wait may take; `math.inf` is for ever.
        raise_app_exceptions: whether what the application raised is raised in the test.

    Attributes:
        exception: what became an error response, or ended the request.
        channel: the socket, once a handshake was accepted.
        templates: what was rendered during the request.
    """

    def __init__(
        self,
        application: Application,
        outgoing: OutgoingRequest,
        request: Request,
        exchange: MemoryExchange,
        timeout_seconds: float,
        raise_app_exceptions: bool,
    ) -> None:
        self.outgoing = outgoing
        self.request = request
        self.exchange = exchange
        self.exception: BaseException | None = None
        self.channel: MemoryChannel | None = None
        self.accepted: Headers = Headers()
        self.templates: list[tuple[RenderedTemplate, dict[str, object]]] = []
        self._application = application
        self._timeout_seconds = timeout_seconds
        self._raise_app_exceptions = raise_app_exceptions
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    # The application's side.

    def start(self, context: Context) -> None:
        """Begin to answer, in a task of its own and in the given context."""
        loop = self.exchange.loop_state.loop
        if sys.version_info >= (3, 12):
            self._task = asyncio.Task(self._run(), loop=loop, eager_start=True, context=context)
        else:
            self._task = loop.create_task(self._run(), context=context)

    async def _run(self) -> None:
        """Answer the request, from the dispatch to its end."""
        request, exchange = self.request, self.exchange
        started_at = time.perf_counter()
        response: Response | None = None
        status_code = 0
        try:
            response = await self._application.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            self.exception = response.exception
            socket = find_socket_body(request, response)
            if socket is None:
                await send_response(exchange, request, response)
            else:
                self.accepted = response.headers
                exchange.status_code = 101
                exchange.channel = self.channel = MemoryChannel(exchange.loop_state.loop)
                exchange.notify()
                await socket.run(self.channel)
                self.exception = getattr(socket, "failure", None)
            status_code = exchange.status_code
        except ClientDisconnected:
            status_code = 499
            self._application.emit("client_disconnected", {"request": request})
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # What `_refuse_unsent` answers, as servers do.
            status_code = exchange.status_code or 500
            self.exception = self._failure = error
            if not exchange.status_code and not exchange.is_disconnected and not self._raise_app_exceptions:
                await self._refuse_unsent()
        finally:
            if self.channel is not None:
                self.channel.lose()
            await end_exchange(request, response)
            if self._application.listens("request_finished"):
                emit_finished(self._application, request, status_code, exchange.bytes_sent, started_at)
            if request.late_work is not None:
                await run_late_work(request.late_work)

    # The client's side.

    @property
    def has_ended(self) -> bool:
        """Whether the application is done with the request, its teardown included."""
        return self._task is not None and self._task.done()

    async def wait_head(self) -> TestResponse:
        """Wait for the head of the response and return it, its content still to be read.

        Raises:
            BaseException: what the application raised and did not handle.
            TimeoutError: no head came in time.
        """
        exchange = self.exchange
        while not exchange.status_code and not self.has_ended:
            await self._wait(f"has not answered {self._name}")
        if self._raise_app_exceptions and not exchange.is_disconnected:
            self._raise_unhandled()
        if not exchange.status_code:
            await self._refuse_unsent()
        response = TestResponse(
            self.outgoing,
            exchange.status_code,
            Headers.from_raw(list(exchange.fields)) if self.channel is None else self.accepted.copy(),
            None,
            source=self,
        )
        response.request = self.request
        response.exception = self.exception
        response.informational = [(status, Headers(fields)) for status, fields in exchange.informational]
        response.templates = list(self.templates)
        return response

    async def next_piece(self) -> bytes:
        """Wait for the next piece of the body, ``b""`` at its end.

        Raises:
            BaseException: what the application raised.
            RuntimeError: the application broke the response off.
            TimeoutError: nothing came in time.
        """
        while True:
            piece = self.exchange.take_piece()
            if piece:
                return piece
            if self.has_ended:
                self._check_complete()
                return b""
            await self._wait(f"has sent nothing more of {self._name}")

    async def wait_end(self) -> None:
        """Wait for the end of the request and for what it left to be done after the response.

        Raises:
            TimeoutError: it did not end in time.
        """
        while not self.has_ended:
            await self._wait(f"has not ended {self._name}")
        supervisor = self.exchange.loop_state.supervisor
        left = await supervisor.wait_group(self.request, AFTER_RESPONSE_SECONDS)
        if left:
            raise TimeoutError(
                f"{left} of the functions that {self._name} gave to `after_response` did not end within "
                f"{AFTER_RESPONSE_SECONDS:g} seconds."
            )

    async def read_content(self, response: TestResponse) -> None:
        """Read the whole body into the response, and wait for the end."""
        pieces = []
        while piece := await self.next_piece():
            pieces.append(piece)
        await self.wait_end()
        self.complete(response, b"".join(pieces))

    def complete(self, response: TestResponse, content: bytes) -> None:
        """Put into the response what is known at the end only."""
        response.set_content(content)
        response.trailers = Headers(self.exchange.trailers)
        response.templates = list(self.templates)

    async def wait_message(self, change: asyncio.Future[None], timeout_seconds: float | None) -> None:
        """Wait until the other end of the socket has sent something or has ended.

        Raises:
            TimeoutError: nothing came in time.
        """
        task = cast("asyncio.Task[None]", self._task)
        limit = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        await wait_for((task, change), limit, f"has sent no message on {self.outgoing.url.raw_path}", task)

    def raise_failure(self) -> None:
        """Raise what a socket's handler raised, once."""
        error, self.exception = self.exception, None
        if error is not None and self._raise_app_exceptions and not isinstance(error, HTTPError):
            self._failure = None
            raise error

    async def leave(self) -> None:
        """Be a client that goes away, and wait until the application has noticed."""
        self.exchange.disconnect()
        if self.channel is not None:
            self.channel.leave()
        await self.wait_end()

    async def settle(self) -> None:
        """Let a request end that has failed in the test, so that its teardown is over before the test goes on."""
        if self.exchange.is_streaming:
            self.exchange.disconnect()
        try:
            await self.wait_end()
        except TimeoutError:
            # What brought us here tells more.
            pass

    async def cancel(self) -> None:
        """Stop the application's work on the request; what runs in a thread goes on."""
        self.exchange.disconnect()
        if self._task is not None:
            await cancel(self._task)

    @property
    def _name(self) -> str:
        return f"{self.outgoing.method} {self.outgoing.url.raw_path}"

    async def _wait(self, what: str) -> None:
        """Wait until the application has sent something or has ended."""
        task = cast("asyncio.Task[None]", self._task)
        try:
            await wait_for((task, self.exchange.next_change()), self._timeout_seconds, what, task)
        except TimeoutError:
            await self.cancel()
            raise

    def _raise_unhandled(self) -> None:
        """Raise what the application did not handle: an exception that became a 500, or ended the request."""
        error = self._failure
        if error is None and self.exchange.status_code == 500 and not isinstance(self.exception, HTTPError):
            error = self.exception
        if error is not None:
            self._failure = None
            raise error

    async def _refuse_unsent(self) -> None:
        """Answer as a server does when nothing could be sent."""
        body = b"Something went wrong on our side."
        fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        self._failure = None
        await self.exchange.send_head(500, fields, has_trailers=False)
        await self.exchange.send_piece(body, is_last=True)

    def _check_complete(self) -> None:
        """Raise when the response was broken off."""
        if self._failure is not None or self.exchange.is_aborted:
            error, self._failure = self._failure, None
            if error is not None and self._raise_app_exceptions:
                raise error
            raise RuntimeError(
                f"The application broke off its response to {self._name} after {self.exchange.bytes_sent} bytes."
            ) from error
