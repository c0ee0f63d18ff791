"""The WSGI gateway: a foreign WSGI server calls, and the application answers through the one pipeline.

A server calls `WSGIGateway` in a thread of its own and waits there. The request is dispatched on the application's
loop, which has a thread of its own in each process (`wsgi_loop`); ``def`` code runs in the calling thread and
``async def`` code on the loop. This module is the calling thread's side; `wsgi_answer` and `wsgi_exchange` are the
loop's.

A thread cannot be interrupted: a request whose deadline has passed while a ``def`` handler runs is answered when the
handler returns.

Spec: PEP 3333.
"""

from __future__ import annotations

import logging
import sys
from asyncio import Task
from collections.abc import Iterable
from functools import partial
from typing import Protocol, cast

from costrel.execution import Caller
from costrel.gateways.answering import INTERNAL_ERROR, MALFORMED_HEAD, RunningApplication
from costrel.gateways.wsgi_answer import answer
from costrel.gateways.wsgi_exchange import SMALL_BODY_BYTES, End, FieldLine, Head, WSGIExchange
from costrel.gateways.wsgi_loop import LoopThread, ProcessLoops
from costrel.gateways.wsgi_request import Environ, EnvironReader, body_length, is_handshake
from costrel.http import REASON_PHRASES, TrustedProxies, reason_phrase
from costrel.messages import Application, Request, apply_forwarded

__all__ = ["StartResponse", "WSGIGateway"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

_LEAVE_SECONDS = 10.0
_FILE_BLOCK_BYTES = 64 * 1024
_NO_SOCKETS = b"This server cannot speak WebSocket, because its protocol is WSGI. Use `costrel run` or an ASGI server."
_INCOMPLETE = b"The request was not complete."
_STOPPED = b"The application is stopping."
_STATUSES = {code: f"{code} {phrase}" for code, phrase in REASON_PHRASES.items()}


class StartResponse(Protocol):
    """What a WSGI server takes the head of a response with."""

    def __call__(self, status: str, headers: list[tuple[str, str]], /) -> object:
        """Take status and header fields."""
        ...


class WSGIGateway:
    """An application as a WSGI callable.

    Args:
        application: what is served.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._loops = ProcessLoops(application)
        self._reader = EnvironReader()
        proxies = application.settings.trusted_proxies
        self._trusted = TrustedProxies(proxies) if proxies else None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request.

        Returns:
            The body; the server closes it.

        Raises:
            ConnectionAbortedError: the response was cut off, so the server must not end it as if it were complete; the
                iteration raises it too.
            Exception: what broke a response off after it had begun, raised by the iteration.
        """
        try:
            loop_thread = self._loops.ensure()
        except Exception:
            # The start has been logged by the thread that it failed in.
            return _refuse(start_response, 500, INTERNAL_ERROR)
        running = loop_thread.running
        caller = Caller(running.loop_state.loop)
        try:
            length = body_length(environ)
            exchange = WSGIExchange(running.loop_state, caller, environ, length)
            request = self._reader.make_request(environ, exchange, has_content=length != 0)
        except ValueError as error:
            logger.info("request_refused status_code=400 reason=%s", error)
            return _refuse(start_response, 400, MALFORMED_HEAD)
        if is_handshake(environ):
            logger.info("request_refused status_code=501 reason=websocket path=%.200r", request.path)
            return _refuse(start_response, 501, _NO_SOCKETS)
        if self._trusted is not None:
            apply_forwarded(request, self._trusted)
        request.used_worker = exchange.worker
        if length and length <= SMALL_BODY_BYTES and "HTTP_EXPECT" not in environ:
            exchange.read_beforehand()
        try:
            loop_thread.enter(exchange, partial(self._begin, loop_thread, running, request, exchange))
        except RuntimeError:
            return _refuse(start_response, 503, _STOPPED)
        # The request belongs to the loop now, and is let go of when it has ended there.
        del request
        return _Answer(exchange).start(start_response)

    def stop(self) -> None:
        """Stop the application in this process, within its graceful timeout; a request that comes later starts it."""
        self._loops.stop()

    def _begin(
        self, loop_thread: LoopThread, running: RunningApplication, request: Request, exchange: WSGIExchange
    ) -> None:
        """Begin to answer, in a task of its own and in the context after start-up; on the loop."""
        loop = running.loop_state.loop
        base = running.loop_state.base_context
        context = base.copy() if base is not None else None
        coroutine = answer(self._application, loop_thread, request, exchange)
        if sys.version_info >= (3, 12):
            task = Task(coroutine, loop=loop, eager_start=True, context=context)
        else:
            task = loop.create_task(coroutine, context=context)
        if not task.done():
            exchange.task = task


class _Answer:
    """The iterable that the server sends, pulled from the loop piece by piece."""

    __slots__ = ("_body", "_caller", "_exchange", "_has_given", "_is_over", "_loop")

    def __init__(self, exchange: WSGIExchange) -> None:
        self._loop = exchange.loop_state.loop
        self._exchange = exchange
        self._caller = exchange.caller
        self._body = b""
        self._has_given = False
        self._is_over = False

    def start(self, start_response: StartResponse) -> Iterable[bytes]:
        """Wait for the head, give it to the server and return what is to be sent."""
        try:
            told = self._caller.wait()
            if type(told) is not Head:
                self._end(told)
                return _refuse(start_response, 400, _INCOMPLETE)
            self._is_over = told.is_over
            self._raise_interruption()
            start_response(_status_of(told.status_code), _native(told.fields))
        except BaseException:
            self._abandon()
            raise
        if told.file is not None and self._exchange.file_wrapper is not None:
            return self._exchange.file_wrapper(told.file, _FILE_BLOCK_BYTES)
        if told.is_over:
            return (told.body,) if told.body else ()
        self._body = told.body or b""
        # Of an empty body there is nothing to give before the server comes back.
        self._has_given = told.body == b""
        return self

    def __iter__(self) -> _Answer:
        return self

    def __next__(self) -> bytes:
        """Wait for the next piece.

        Raises:
            BaseException: what broke the response off.
        """
        if self._is_over:
            raise StopIteration
        try:
            if self._has_given:
                self._has_given = False
                self._loop.call_soon_threadsafe(self._exchange.want)
            told, self._body = self._body or self._caller.wait(), b""
            if type(told) is not bytes:
                self._end(told)
        except BaseException:
            self._abandon()
            raise
        if self._is_over:
            raise StopIteration
        self._has_given = True
        return cast("bytes", told)

    def close(self) -> None:
        """End the exchange: what is left to be run in this thread is run now."""
        if self._is_over:
            return
        try:
            self._loop.call_soon_threadsafe(self._exchange.leave)
            while type(self._caller.wait(_LEAVE_SECONDS)) is not End:
                # Pieces that nobody takes any more.
                pass
            self._is_over = True
        except TimeoutError:
            logger.warning("answer_left_open timeout_seconds=%.1f", _LEAVE_SECONDS)
        finally:
            self._abandon()
        self._raise_interruption()

    def _end(self, told: object) -> None:
        """Note the end.

        Raises:
            BaseException: what broke the response off, or what a step has raised to stop this thread.
        """
        self._is_over = True
        self._raise_interruption()
        if type(told) is End and told.failure is not None:
            try:
                raise told.failure
            finally:
                # This frame is in the traceback: a variable with the exception would be a cycle.
                del told

    def _raise_interruption(self) -> None:
        interruption, self._caller.interruption = self._caller.interruption, None
        if interruption is not None:
            try:
                raise interruption
            finally:
                del interruption

    def _abandon(self) -> None:
        """Leave the exchange to the loop, unless it has ended."""
        if not self._is_over:
            self._is_over = True
            try:
                self._loop.call_soon_threadsafe(self._exchange.abandon)
            except RuntimeError:
                # The loop has ended, and with it the exchange.
                pass


def _refuse(start_response: StartResponse, status_code: int, text: bytes) -> Iterable[bytes]:
    """Answer with a fixed text."""
    fields = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(text)))]
    start_response(_status_of(status_code), fields)
    return (text,)


def _status_of(status_code: int) -> str:
    return _STATUSES.get(status_code) or f"{status_code} {reason_phrase(status_code)}"


def _native(fields: list[FieldLine]) -> list[tuple[str, str]]:
    """Return header fields as a server takes them; those of a single connection are its own (PEP 3333)."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields if name not in _HOP_BY_HOP]


# The fields that the reference implementation names; servers refuse a response with any of them.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    }
)
