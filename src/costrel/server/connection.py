"""One connection: requests one after the other, each answered in its turn.

`Connection` is the protocol object of the event loop. It builds on `Wire`, which writes, `Intake`, which reads,
`OwnAnswers`, which needs no application, and `Upgrade`, which makes a WebSocket of it: what the parser has found waits,
and one request at a time is answered, in order. Its times are numbers that the core's sweep looks at.

A request is started from the loop, never in a callback of the parser and never in the task of another request, and
always in a fresh copy of the context taken after start-up, so that nothing leaks from one request into the next.

Spec: RFC 9112 §9.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import Task
from typing import cast

from costrel.errors import ClientDisconnected, RequestTimeout
from costrel.messages import LateWork, Request, Response, begin_late_work, run_response_callbacks
from costrel.server.body_queue import BodyQueue
from costrel.server.core import SWEEP_SECONDS, ServerCore
from costrel.server.exchange import NativeExchange
from costrel.server.framing import (
    HEADER_TIMEOUT,
    INTERNAL_ERROR,
    TOO_MANY_CONNECTIONS,
    UNAVAILABLE,
)
from costrel.server.intake import HIGH_WATER_BYTES, LOW_WATER_BYTES, MAX_DRAIN_BYTES
from costrel.server.pace import judge_body
from costrel.server.parser_state import State
from costrel.server.websocket_upgrade import Upgrade
from costrel.server.wire import Phase
from costrel.server.writer import send_response

__all__ = ["Connection"]

logger: logging.Logger = logging.getLogger("costrel.server")

DRAIN_SECONDS = 1.0
_BETWEEN, _HEAD, _STOPPED = State.BETWEEN, State.HEAD, State.STOPPED


_NEW, _HEAD_PHASE, _HANDLING, _KEEP_ALIVE, _DRAINING, _LINGERING, _CLOSING, _LOST = Phase


_ENDINGS = tuple(b"%d\r\n\r\n" % size for size in range(1024))


class Connection(Upgrade):
    """The protocol of one client's connection.

    Args:
        core: what it shares with all others.

    Attributes:
        peer: address and port of the client, `None` on a Unix socket.
    """

    __slots__ = ("_follow_up_scheduled",)

    peer: tuple[str, int] | None
    phase: Phase
    since: float

    def __init__(self, core: ServerCore) -> None:
        super().__init__(core)
        self._follow_up_scheduled = False

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, unless there are too many connections."""
        core = self._core
        self._transport = stream = cast("asyncio.Transport", transport)
        stream.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and len(peer) >= 2:
            self.peer = (peer[0], peer[1])
        if len(core.connections) >= core.max_connections and not core.shed_idle():
            core.emit("connection_shed", reason="full")
            core.connections[self] = None
            self._say(TOO_MANY_CONNECTIONS)
            self._linger()
            return
        core.connections[self] = None

    def eof_received(self) -> bool:
        """Note that the client sends no more; what it has asked for is still answered."""
        self._got_eof = True
        current = self._current
        if self.phase >= _DRAINING or (current is None and not self._parser.waiting and not self._rest):
            self._close()
            return True
        if current is not None:
            self._tell_end(current)
        return True

    def _tell_end(self, exchange: NativeExchange) -> None:
        """Tell a request that its client sends no more; the connection ends with the last answer that is owed."""
        keep_alive = exchange.keep_alive
        exchange.disconnect()
        exchange.keep_alive = keep_alive and self._owes_more

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything but a request that still runs."""
        core = self._core
        self.phase = _LOST
        self._transport = None
        self._rest = b""
        self._drop_draining()
        self._parser.close()
        core.connections.pop(self, None)
        current = self._current
        if self._drain_waiter is not None and not self._drain_waiter.done():
            self._drain_waiter.set_result(None)
        if current is not None:
            # The task of a request is held by its connection, and the connection by the core until the end of it.
            core.orphans.add(self)
            current.disconnect()
        core.connection_closed()

    def _leave(self) -> None:
        """Give up the place among the open connections, and be kept for the task of the request."""
        self._core.connections.pop(self, None)
        self._core.orphans.add(self)

    # Requests.

    def _on_room(self) -> None:
        self._schedule_follow_up()
        self._schedule_resume()

    def _schedule_follow_up(self) -> None:
        if self._current is None and self.phase < _LINGERING and not self._follow_up_scheduled and self._parser.waiting:
            self._follow_up_scheduled = True
            self._core.loop.call_soon(self._start_follow_up, context=self._core.base_context)

    def _start_follow_up(self) -> None:
        self._follow_up_scheduled = False
        if self._current is None and self.phase < _LINGERING and self._parser.waiting:
            self._start_next()

    def _start_next(self) -> None:
        """Start the oldest request that waits."""
        if self._is_write_paused:
            return
        core = self._core
        exchange = self._parser.waiting.popleft()
        if not exchange.is_plain:
            if exchange.refusal is not None:
                self._refuse(exchange, exchange.refusal)
                return
            if exchange.is_websocket:
                self._start_handshake(exchange)
                return
        if core.active_count >= core.unseen_count and self._answers_itself(exchange):
            return
        core.active_count += 1
        self._current = exchange
        self.phase = _HANDLING
        request = Request(
            exchange.method,
            exchange.path,
            exchange.raw_path,
            exchange.query_string,
            exchange.raw_headers,
            exchange,
            "http",
            exchange.version,
            "",
            False,
            exchange.body is not None or exchange.arrived is not None,
        )
        if core.prepares_requests:
            core.prepare(exchange, request)
        if self._got_eof:
            self._tell_end(exchange)
        if sys.version_info >= (3, 12):
            task = Task(
                self._run(exchange, request), loop=core.loop, eager_start=True, context=core.base_context.copy()
            )
            if not task.done():
                self._task = task
        else:
            # PERF: a name of its own spares the counting and formatting of one, saves 220 ns
            # (benchmarks/tricks.py::named_task, 3.11)
            self._task = Task(
                self._run(exchange, request), loop=core.loop, name="request", context=core.base_context.copy()
            )

    async def _run(self, exchange: NativeExchange, request: Request) -> None:
        """Answer one request, from the application's dispatch to the request's teardown."""
        core = self._core
        response: Response | None = None
        try:
            response = await core.application.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            body = response.body
            transport = self._transport
            head = None
            if (
                exchange.is_plain
                and (exchange.body is None or exchange.body.is_complete)
                and type(body) is bytes
                and self.phase is _HANDLING
                and not core.is_stopping
            ):
                own_headers = response.own_headers
                if own_headers is not None:
                    head = core.heads.make_own(response, own_headers.raw, len(body))
                else:
                    if response.status_code == 200:
                        head = core.ok_heads.get(response.plain_media_type)
                    if head is None:
                        head = core.heads.find(response)
            if head is not None and transport is not None and type(body) is bytes:
                size = len(body)
                # PERF: a ready-made end of the head, saves 45 ns (benchmarks/tricks.py::ready_ending, 3.11)
                data = head + (_ENDINGS[size] if size < 1024 else b"%d\r\n\r\n" % size) + body
                exchange.status_code = response.status_code
                exchange.bytes_sent = size
                self._written_bytes += len(data)
                transport.write(data)
                if request.end_callbacks is None and core.has_plain_ends and not self._is_reading_paused:
                    # The usual end, in one go: nobody waits for it and nobody is told.
                    if exchange.body is not None:
                        exchange.end()
                    response.exception = exchange.carrier = self._current = self._task = None
                    request.ended = True
                    if request.used_worker is not None:
                        request.used_worker.close()
                    core.active_count -= 1
                    self._await_next()
                    if request.late_work is not None:
                        await self._work_late(request.late_work)
                    return
            else:
                if response.needs_resolving:
                    response = await response.resolve(request)
                self._settle_keep_alive(exchange)
                await send_response(self, exchange, response, core.heads)
        except BaseException as error:
            self._fail(exchange, request, error)
        try:
            await request.finish()
        except (SystemExit, KeyboardInterrupt) as error:
            # It must not come out of the task: it would stop the loop where it stands.
            self._ask_to_exit(exchange, error)
        finally:
            if response is not None:
                response.exception = None
            self._finish(exchange, request)
        if request.late_work is not None:
            await self._work_late(request.late_work)

    async def _work_late(self, works: list[LateWork]) -> None:
        """Go on in this task although the connection has the next request; a stop waits for it, as for a request."""
        waiting = begin_late_work(works)
        if waiting is None:
            return
        core = self._core
        task = asyncio.current_task()
        if task is not None:
            core.late_tasks.add(task)
        core.active_count += 1
        try:
            await waiting
        finally:
            core.late_tasks.discard(task)
            core.request_ended()

    def _settle_keep_alive(self, exchange: NativeExchange) -> None:
        """Decide, before the head is sent, whether the connection can be used again after this response."""
        if (self._core.is_stopping or self._got_eof) and not self._owes_more:
            exchange.keep_alive = False
        elif exchange.body is not None and not exchange.body.is_complete:
            body = exchange.body
            # RFC 9110 §10.1.1: a client that never got its 100 may send the body or not, nobody can tell.
            left_bytes = (body.content_length or 0) - body.received_bytes
            if body.expects_continue or body.error is not None or left_bytes > MAX_DRAIN_BYTES:
                exchange.keep_alive = False

    def _fail(self, exchange: NativeExchange, request: Request, error: BaseException) -> None:
        """Deal with what came out of the dispatch or of writing instead of a response."""
        exchange.keep_alive = False
        if isinstance(error, ClientDisconnected):
            exchange.status_code = 499
            logger.info("client_disconnected method=%s path=%.200r status_code=499", exchange.method, exchange.path)
            self._core.emit("client_disconnected", method=exchange.method, path=exchange.path, request=request)
            self.abort()
            return
        if isinstance(error, SystemExit | KeyboardInterrupt):
            self._ask_to_exit(exchange, error)
        elif not isinstance(error, asyncio.CancelledError):
            logger.error("dispatch_failed method=%s path=%.200r", exchange.method, exchange.path, exc_info=error)
        if exchange.head_sent or self.phase is _LOST:
            self.abort()
        else:
            self._answer(exchange, UNAVAILABLE if isinstance(error, asyncio.CancelledError) else INTERNAL_ERROR)

    def _ask_to_exit(self, exchange: NativeExchange, error: SystemExit | KeyboardInterrupt) -> None:
        """Pass on that the application wants the process to end."""
        code = error.code if isinstance(error, SystemExit) else 130
        exit_code = code if isinstance(code, int) else (0 if code is None else 1)
        logger.warning("exit_requested method=%s path=%.200r exit_code=%d", exchange.method, exchange.path, exit_code)
        self._core.on_exit(exit_code)

    def _finish(self, exchange: NativeExchange, request: Request) -> None:
        """End a request and decide how the connection goes on."""
        core = self._core
        self._task = None
        if core.listens_finished:
            core.emit_finished(exchange, request)
        core.request_ended()
        self._current = None
        if self.phase is _LOST:
            exchange.end()
            core.orphans.discard(self)
            return
        is_complete = exchange.body_complete
        if not is_complete and exchange.status_code != 499:
            core.emit("early_response", request=request, status_code=exchange.status_code)
        if exchange.keep_alive and exchange.body is not None and not is_complete:
            self._draining = exchange
            self._drain_start_bytes = exchange.body.received_bytes
            exchange.discard_body()
            self._enter(_DRAINING)
            self._schedule_resume()
        else:
            exchange.end()
            if not exchange.keep_alive:
                self._close_politely(has_unread=not is_complete or self._has_unread)
            else:
                self._await_next()

    def _await_next(self) -> None:
        """Wait for the next request, or start the one that waits already."""
        parser = self._parser
        self.since = self._core.now
        if parser.state is _BETWEEN and not parser.waiting and not self._rest and not self._got_eof:
            self.phase = _KEEP_ALIVE
        elif parser.waiting:
            self.phase = _KEEP_ALIVE
            self._schedule_follow_up()
        elif self._rest:
            self.phase = _KEEP_ALIVE
        elif parser.state is _STOPPED or self._got_eof:
            self._close_politely(has_unread=True)
            return
        else:
            self.phase = _HEAD_PHASE if parser.state is _HEAD else _KEEP_ALIVE
        if self._is_reading_paused:
            self._schedule_resume()

    # Called by the core.

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a next request."""
        return self.phase is _KEEP_ALIVE and not self._parser.waiting and not self._rest

    def close_idle(self) -> None:
        """Close if no request is being answered or has begun to arrive."""
        if self.is_idle or self.phase is _NEW:
            self._close()

    def note_stop(self) -> None:
        """Count the requests that have begun to arrive: they are answered, those that come later are refused."""
        has_part = bool(self._rest) or self._parser.state is _HEAD or self.phase is _NEW
        self._owed_count = len(self._parser.waiting) + has_part

    def cancel(self) -> str:
        """Cancel the request that is being answered and say which one it is; empty when there is none."""
        if self._task is None or self._current is None:
            self._close()
            return ""
        self._task.cancel()
        return f"{self._current.method} {self._current.path}"

    def sweep(self, elapsed_seconds: float) -> None:
        """Look whether something has taken too long; called every quarter of a second."""
        settings = self._core.settings
        phase = self.phase
        # The clock may be one step behind when a wait begins, so every wait gets one step more.
        waited = self._core.now - self.since - SWEEP_SECONDS
        transport = self._transport
        if transport is not None and (transport.get_write_buffer_size() or self._is_waiting_for_socket):
            self._sweep_writing(transport.get_write_buffer_size())
        else:
            self._write_pace = None
        if phase is _HANDLING:
            current = self._current
            if current is not None and current.body is not None and current.body.is_waited_for:
                self._sweep_body(current, current.body, elapsed_seconds)
        elif phase is _KEEP_ALIVE:
            if waited > settings.keep_alive_timeout_seconds and self.is_idle:
                self._close()
        elif phase is _NEW:
            if waited > settings.header_timeout_seconds:
                self._close()
        elif phase is _HEAD_PHASE:
            if waited > settings.header_timeout_seconds:
                exchange = NativeExchange(self, "", "1.1", False, [])
                exchange.path, exchange.raw_path, exchange.query_string = "", b"", b""
                self._refuse(exchange, HEADER_TIMEOUT)
        elif phase is _DRAINING:
            if waited > DRAIN_SECONDS:
                self._linger()
        elif phase is _LINGERING and waited > DRAIN_SECONDS:
            self._close()

    def _sweep_body(self, exchange: NativeExchange, body: BodyQueue, elapsed_seconds: float) -> None:
        """Fail a body that comes too slowly."""
        settings = self._core.settings
        body.waited_seconds += elapsed_seconds
        body.silent_seconds += elapsed_seconds
        reason = judge_body(
            body.waited_seconds,
            body.silent_seconds - SWEEP_SECONDS,
            body.received_bytes,
            settings.body_timeout_seconds,
            settings.min_transfer_bytes_per_second,
        )
        if reason:
            exchange.fail_body(RequestTimeout(reason))
