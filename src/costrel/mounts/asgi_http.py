"""One request that a foreign ASGI application answers: what it sends becomes a response.

`HTTPCall.respond` runs the application up to the first message with a body. If that is the last one, the response is
complete; the application goes on up to the first thing that it waits for, and the rest of its background work is done
when the last byte was sent. To pause it before would cost as much as all else. Otherwise
the body is a `ForeignStream`: asking it for a piece lets the application go on. A stream that nobody wants any more
ends the application at once, in the request's task.

Nothing here knows of mounts; whoever has an ASGI callable and a scope may use it.

Spec: ASGI HTTP 2.5.
"""

from __future__ import annotations

import logging
import weakref
from asyncio import TimerHandle
from collections.abc import Awaitable, Coroutine, Mapping
from contextvars import Context
from enum import IntEnum
from inspect import iscoroutine
from types import CoroutineType
from typing import Any, Self

from costrel.errors import ClientDisconnected
from costrel.http import Headers
from costrel.messages import Request, Response
from costrel.mounts.asgi_body import IncomingBody
from costrel.mounts.asgi_messages import read_bytes, read_fields, read_status
from costrel.mounts.asgi_mistakes import incomplete_response, no_response, wrong_message
from costrel.mounts.asgi_types import ASGIApplication, Message, Mode, Scope
from costrel.mounts.child_task import ChildTask
from costrel.mounts.hand_over import Runner
from costrel.mounts.trampoline import Trampoline

__all__ = ["ForeignStream", "HTTPCall"]

logger: logging.Logger = logging.getLogger("costrel.mounts")

MAX_WORK_SECONDS = 600.0
"""How long an application may work after its response."""

_FIRST_SERVER_ERROR = 500

HEAD_SECONDS = 0.05
"""How long the head waits for the first piece of the body, so that an early failure can still be answered."""


class _Phase(IntEnum):
    """How far the response is."""

    NEW = 0
    STARTED = 1
    BODY = 2
    TRAILERS = 3
    COMPLETE = 4


# Looked up once: a member of an enum is a slow global on Python 3.11.
_NEW, _STARTED, _BODY, _TRAILERS, _COMPLETE = _Phase


class ForeignResponse(Response):
    """A response that streams what a foreign application sends."""

    __slots__ = ("send_head_first",)

    send_head_first: bool


class HTTPCall:
    """A foreign ASGI application at work on one request.

    Args:
        request: what it answers.
        name: what the application is called, for the log and in messages.

    Attributes:
        request: what it answers.
    """

    # What hardly any request changes stands on the class; an instance keeps what differs.
    _incoming: IncomingBody | None = None
    _phase: _Phase = _NEW
    _status_code: int = 0
    _fields: list[tuple[bytes, bytes]]
    _has_trailers: bool = False
    _trailers: dict[str, str] | None = None
    _is_last_taken: bool = False
    _is_overtime: bool = False
    _timer: TimerHandle | None = None
    _body: weakref.ref[object] | None = None
    _runner: Runner[tuple[bytes, bool]]

    def __init__(self, request: Request, name: str) -> None:
        self.request: Request = request
        self._name = name

    async def respond(self, application: ASGIApplication, scope: Scope, mode: Mode) -> Response:
        """Run the application until its response can be given back.

        Raises:
            ProgrammerError: COS-MOUNT-005, it has sent no response.
            HTTPError: the body of the request could not be read.
            ClientDisconnected: the client left, and the application returned without a response.
            Exception: whatever the application raised before that.
        """
        request = self.request
        if request.max_body_bytes is not None:
            self.incoming.check_declared()
        loop = request.exchange.loop_state.loop
        running: Any = application(scope, self.receive, self.send)
        if type(running) is not CoroutineType:
            running = _as_coroutine(running)
        runner: Runner[tuple[bytes, bool]] = (
            Trampoline(running, loop, self._name) if mode == "trampoline" else ChildTask(running, loop, self._name)
        )
        self._runner = runner
        try:
            first = runner.begin()
            if first is None and not runner.has_ended:
                first = await runner.advance()
        except Exception:
            self._raise_failure()
            raise
        except BaseException:
            if not runner.has_ended:
                await self.close()
            raise
        finally:
            runner.on_wait = None
            if self._timer is not None:
                self._timer.cancel()
        if not runner.has_ended:
            request.go_on_after(self.go_on)
        if self._incoming is not None:
            self._raise_failure()
        response = self._make_response(first)
        if runner.late_error is not None:
            error, runner.late_error = runner.late_error, None
            self._note_late_failure(error)
            if response.status_code >= _FIRST_SERVER_ERROR:
                # It was answered with this response, so layers may ask for it.
                response.exception = error
        return response

    @property
    def incoming(self) -> IncomingBody:
        """What it receives; most applications that take no body never ask."""
        incoming = self._incoming
        if incoming is None:
            incoming = self._incoming = IncomingBody(self.request)
            incoming.is_over = self._phase is _COMPLETE
        return incoming

    def receive(self) -> Coroutine[Any, Any, Message]:
        """Give the application its next message."""
        return self.incoming.receive()

    async def send(self, message: Message) -> None:
        """Take a message from the application, and wait until the response has room for it."""
        kind = message["type"]
        if kind == "http.response.start":
            self._begin(message)
        elif kind == "http.response.body":
            is_all = self._phase is _STARTED
            if (piece := self._take_body(message)) is None:
                return
            waiting = self._runner.leave(piece) if is_all and piece[1] else self._runner.hand_over(piece)
            if waiting is not None:
                await waiting
        elif kind == "http.response.trailers":
            await self._take_trailers(message)
        elif kind == "http.response.early_hint":
            links = [(b"link", bytes(link)) for link in message["links"]]
            await self.request.exchange.send_informational(103, links)
        else:
            raise wrong_message(self._name, f"a message of type {kind!r}", "An HTTP response has no such message.")

    async def next_piece(self) -> bytes:
        """Let the application go on, and return the next piece of the body; ``b""`` is its end.

        Raises:
            ClientDisconnected: the client left while the application was silent.
            ProgrammerError: COS-MOUNT-005, the application returned before the end.
            Exception: whatever the application raised.
        """
        runner = self._runner
        while not self._is_last_taken:
            taken = await runner.advance()
            if taken is not None:
                piece, self._is_last_taken = taken
                if piece:
                    return piece
            elif self.incoming.is_disconnected:
                raise ClientDisconnected
            elif runner.has_ended:
                raise incomplete_response(self._name)
        return b""

    async def close(self) -> None:
        """End the application if its response is not complete; nobody wants the rest."""
        if not (self._is_last_taken or self._runner.has_ended):
            self.incoming.end()
            await self._runner.close(has_been_told=self.incoming.has_told)

    def go_on(self) -> Awaitable[None] | None:
        """Let the application do what it does after its response, or end it if nobody took that to its end.

        Returns:
            What has to be awaited, `None` when it is done.
        """
        try:
            if self._is_last_taken and self._runner.run_on():
                return None
        except Exception as error:
            self._note_late_failure(error)
            return None
        return self._finish()

    async def _finish(self) -> None:
        try:
            await (self._finish_work() if self._is_last_taken else self.close())
        except Exception as error:
            self._note_late_failure(error)

    def _note_late_failure(self, error: Exception) -> None:
        path = self.request.path
        logger.error("mount_failed_after_response mount=%s path=%.200r", self._name, path, exc_info=error)

    async def _finish_work(self) -> None:
        """Run the application to its end, within a limit that only one that never ends comes to."""
        runner = self._runner
        runner.on_wait = self._start_work_timer
        try:
            while not runner.has_ended:
                await runner.advance()
                if self._is_overtime and not runner.has_ended:
                    logger.error("mount_work_cancelled mount=%s work_seconds=%g", self._name, MAX_WORK_SECONDS)
                    await runner.close(has_been_told=False)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _start_work_timer(self) -> None:
        """Called when the application waits for something after its response."""
        self._runner.on_wait = None
        loop = self.request.exchange.loop_state.loop
        self._timer = loop.call_later(MAX_WORK_SECONDS, self._note_overtime, context=Context())

    def _note_overtime(self) -> None:
        self._is_overtime = True
        self._runner.wake()

    # What the application sends.

    def _begin(self, message: Message) -> None:
        if self._phase is not _NEW:
            raise wrong_message(
                self._name,
                "`http.response.start` a second time",
                "A response has one head. Perhaps an error was answered although the response had begun.",
            )
        self._status_code = read_status(self._name, message["status"])
        self._fields = read_fields(self._name, message.get("headers", ()))
        self._has_trailers = bool(message.get("trailers", False))
        self._phase = _STARTED
        self._runner.on_wait = self._start_head_timer

    def _take_body(self, message: Message) -> tuple[bytes, bool] | None:
        """Return the piece that is to be handed over, with whether it is the last; `None` for none."""
        phase = self._phase
        if not _STARTED <= phase <= _BODY:
            when = "before `http.response.start`" if phase is _NEW else "after the last one"
            raise wrong_message(
                self._name, f"`http.response.body` {when}", "The body of a response comes between its head and its end."
            )
        piece = message.get("body", b"")
        if type(piece) is not bytes:
            piece = read_bytes(self._name, piece)
        if message.get("more_body", False):
            self._phase = _BODY
        elif self._has_trailers:
            self._phase = _TRAILERS
        else:
            self._phase = _COMPLETE
            if self._incoming is not None:
                self._incoming.end()
            return piece, True
        return (piece, False) if piece or phase is _STARTED else None

    async def _take_trailers(self, message: Message) -> None:
        if self._phase is not _TRAILERS:
            raise wrong_message(
                self._name,
                "`http.response.trailers` at the wrong time",
                "They follow the last body of a response whose start has said `trailers`.",
            )
        if self._trailers is None:
            self._trailers = {}
        for name, value in read_fields(self._name, message.get("headers", ())):
            self._trailers[name.decode("latin-1")] = value.decode("latin-1")
        if not message.get("more_trailers", False):
            self._phase = _COMPLETE
            self.incoming.end()
            await self._runner.hand_over((b"", True))

    def _start_head_timer(self) -> None:
        """Called when the application waits for something between its head and its body."""
        runner = self._runner
        runner.on_wait = None
        loop = self.request.exchange.loop_state.loop
        self._timer = loop.call_later(HEAD_SECONDS, runner.wake, context=Context())

    # What becomes of it.

    def _make_response(self, first: tuple[bytes, bool] | None) -> Response:
        """Make the response of what has come up to the first message with a body."""
        if first is None and self._runner.has_ended:
            if self.incoming.is_disconnected:
                raise ClientDisconnected
            raise no_response(self._name, is_started=self._phase is not _NEW)
        if first is not None and first[1] and not self._has_trailers:
            self._is_last_taken = True
            response = Response(first[0], self._status_code)
            response.exchange = self.request.exchange
            if self.request.method == "HEAD" and not first[0] and not _has_length(self._fields):
                response.body = _UnknownContent()
            response.own_headers = Headers.from_raw(self._fields)
            return response
        return self._make_stream(first)

    def _make_stream(self, first: tuple[bytes, bool] | None) -> Response:
        piece, self._is_last_taken = first or (b"", False)
        stream = ForeignStream(self, piece)
        response = ForeignResponse(stream, self._status_code)
        response.exchange = self.request.exchange
        response.own_headers = Headers.from_raw(self._fields)
        response.send_head_first = not piece
        if self._has_trailers:
            response.trailers = self._read_trailers
        self.incoming.watch()
        self.request.exchange.on_disconnect(self._runner.wake)
        self._close_if_dropped(stream)
        return response

    def _close_if_dropped(self, body: object) -> None:
        """See to it that the application ends before another response is sent, if a layer lets go of this one."""
        self._body = weakref.ref(body)
        self.request.on_response(self._close_dropped, last=True)

    async def _close_dropped(self, _: Request, response: Response) -> None:
        if self._body is not None and self._body() is None:
            await self.close()

    def _read_trailers(self) -> Mapping[str, str]:
        return self._trailers or {}

    def _raise_failure(self) -> None:
        """Raise why the body of the request could not be read, whatever the application made of that."""
        if self.incoming.failure is not None and self.request.exchange.status_code == 0:
            raise self.incoming.failure


class ForeignStream:
    """The body of a response while a foreign application sends it; a `ResponseStream`.

    Args:
        call: the application at work.
        first: the first piece, which has come already, or ``b""``.
    """

    __slots__ = ("__weakref__", "_call", "_first", "content_length")

    def __init__(self, call: HTTPCall, first: bytes) -> None:
        self.content_length: int | None = None
        self._call = call
        self._first = first

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = self._first
        if piece:
            self._first = b""
            return piece
        piece = await self._call.next_piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """End the application, unless its response is complete."""
        await self._call.close()


class _UnknownContent:
    """The content of an answer to HEAD of which nobody has said how long that of GET would be (RFC 9110 §8.6)."""

    __slots__ = ("content_length",)

    def __init__(self) -> None:
        self.content_length: int | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Do nothing: there is nothing to let go of."""


def _has_length(fields: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-length" for name, _ in fields)


def _as_coroutine(answer: Any) -> Coroutine[Any, Any, object]:
    """Return what an ASGI callable returned as a coroutine; any awaitable will do."""
    if iscoroutine(answer):
        return answer

    async def wait() -> object:
        return await answer

    return wait()
