"""From a request to a WebSocket: how a connection of HTTP hands its transport over.

`Upgrade` is what `Connection` knows of handshakes. One that passes is dispatched like any request. When its endpoint
has answered with 101, the transport gets a `WebSocketConnection` as its protocol, and the handler runs in the task of
the request; the connection of HTTP has no transport any more and waits for that task alone.

The library `websockets` is imported with the first handshake, or at the start of a server that knows of sockets.

Spec: RFC 6455 §4.2.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from abc import abstractmethod
from asyncio import Task
from typing import TYPE_CHECKING, cast

from costrel.errors import ClientDisconnected
from costrel.messages import Request, Response, SocketBody
from costrel.server.core import ServerCore
from costrel.server.exchange import NativeExchange
from costrel.server.framing import EARLY_FRAMES, INTERNAL_ERROR
from costrel.server.own_answers import OwnAnswers
from costrel.server.wire import Phase

if TYPE_CHECKING:
    from websockets.extensions.permessage_deflate import PerMessageDeflate

    from costrel.server.websocket_connection import WebSocketConnection

__all__ = ["Upgrade", "import_websockets"]

logger: logging.Logger = logging.getLogger("costrel.server")

INTERNAL_ERROR_CODE = 1011

_HANDLING, _LOST = Phase.HANDLING, Phase.LOST


def import_websockets() -> None:
    """Import what sockets need, so that the first handshake does not wait for it."""
    importlib.import_module("costrel.server.websocket_connection")
    importlib.import_module("costrel.server.websocket_handshake")


class Upgrade(OwnAnswers):
    """A connection as something that may become a WebSocket.

    Args:
        core: what it shares with all others.
    """

    __slots__ = ("_socket", "_task")

    peer: tuple[str, int] | None
    phase: Phase
    since: float

    def __init__(self, core: ServerCore) -> None:
        super().__init__(core)
        self._task: Task[None] | None = None
        self._socket: WebSocketConnection | None = None

    @abstractmethod
    async def _run(self, exchange: NativeExchange, request: Request) -> None:
        """Answer one request, from the application's dispatch to the request's teardown."""

    @abstractmethod
    def _leave(self) -> None:
        """Give up the place among the open connections, and be kept for the task of the request."""

    def _start_handshake(self, exchange: NativeExchange) -> None:
        """Refuse what is no handshake, and dispatch what is one."""
        from costrel.server.websocket_handshake import check_handshake

        # SECURITY: RFC 6455 §4.1, the client waits for the answer. What comes with the handshake may be the request of
        # somebody else, whom a proxy in between has put on the same connection.
        early = EARLY_FRAMES if exchange.has_early_bytes else None
        refusal = early or check_handshake(exchange.version, exchange.raw_headers)
        if refusal is not None:
            self._refuse(exchange, refusal)
            return
        core = self._core
        if core.active_count >= core.unseen_count and self._answers_itself(exchange):
            return
        core.active_count += 1
        self._current = exchange
        self.phase = _HANDLING
        # A refusal of the application is the last response here, for the parser has stopped behind the head.
        exchange.keep_alive = False
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
            True,
            False,
        )
        if core.prepares_requests:
            core.prepare(exchange, request)
        # It never starts eagerly: a transport cannot be handed over while it delivers what it has read.
        self._task = Task(
            self._run(exchange, request), loop=core.loop, name="websocket", context=core.base_context.copy()
        )

    async def run_socket(self, exchange: NativeExchange, response: Response) -> None:
        """Send the handshake, and run the conversation; see `ResponseSink`."""
        from costrel.server.websocket_handshake import accept_handshake

        transport, core = self._transport, self._core
        if transport is None or self._got_eof:
            raise ClientDisconnected
        try:
            acceptance = accept_handshake(
                exchange.raw_headers,
                response,
                core.heads.date_line,
                has_deflate=core.settings.ws_compression == "deflate",
            )
        except ValueError as error:
            logger.error("response_not_sendable status_code=%s reason=%s", response.status_code, error)
            self._answer(exchange, INTERNAL_ERROR)
            return
        exchange.status_code = 101
        self.write(acceptance.head)
        connection = self._hand_over(transport, exchange, acceptance.deflate)
        try:
            await cast("SocketBody", response.body).run(connection)
        except BaseException:
            connection.end(INTERNAL_ERROR_CODE, "")
            raise
        finally:
            exchange.bytes_sent = connection.sent_bytes
            exchange.channel = self._socket = None
            connection.release()

    def _hand_over(
        self, transport: asyncio.Transport, exchange: NativeExchange, deflate: PerMessageDeflate | None
    ) -> WebSocketConnection:
        """Let the transport go, and keep nothing but the task of the request."""
        from costrel.server.websocket_connection import WebSocketConnection

        self._leave()
        self._transport = None
        self.phase = _LOST
        self._parser.close()
        connection = WebSocketConnection(self._core, transport, exchange, deflate)
        exchange.channel = self._socket = connection
        transport.set_protocol(connection)
        if self._is_write_paused:
            connection.pause_writing()
        if self._is_reading_paused:
            self._is_reading_paused = False
            transport.resume_reading()
        return connection

    def abort(self) -> None:
        """Cut the connection, whichever protocol it speaks."""
        if self._socket is not None:
            self._socket.abort()
        else:
            super().abort()
