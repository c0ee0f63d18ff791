"""Start, run and stop: one process, one loop, one application.

`Server` binds, starts the application, serves and stops in order: no new connections, then a sign to streams and
sockets, then time for the requests in flight, then the application's own end, which always runs. `serve` does that
inside a loop that exists; who makes the loop and listens to signals is `process`.

A server stops in one of two ways. When the whole service ends, it takes what waits in the kernel before it closes its
sockets, and requests that begin to arrive later get 503. When it hands over to another process that listens on the same
sockets, it leaves the queue to that one, and every request that still comes on a connection of its own is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context

from costrel.execution import LoopState
from costrel.messages import Application
from costrel.server.connection import Connection
from costrel.server.core import SWEEP_SECONDS, ServerCore
from costrel.server.entrance import Entrance, balancers_of
from costrel.server.listening import (
    accept_waiting,
    address_of,
    connection_limit,
    is_inherited,
    open_sockets,
    refuse_newcomers,
)
from costrel.server.settings import ServerSettings
from costrel.server.tls import Certificates
from costrel.server.websocket_upgrade import import_websockets

__all__ = ["Server", "serve"]

logger: logging.Logger = logging.getLogger("costrel.server")

_CANCEL_SECONDS = 5.0
# How long an idle connection is kept when the server stops: what its client has sent on the way is still answered.
_IDLE_SECONDS = 1.0
_HAND_OVER_SECONDS = 5.0
# So many turns of the loop take a connection from the kernel's queue to the start of its request.
_TURNS = 5


class Server:
    """An application that listens.

    `start`, `serve_forever` and `stop` are awaited in one task, in this order; `request_stop` may be called from
    anywhere on the loop.

    Args:
        application: what is served.
        settings: where and with which limits.

    Attributes:
        addresses: where it listens, ``host:port`` or a path, known after `start`.
        exit_code: 0, or what a handler asked for.
    """

    def __init__(self, application: Application, settings: ServerSettings | None = None) -> None:
        self.application = application
        self.settings: ServerSettings = settings or ServerSettings()
        self.addresses: tuple[str, ...] = ()
        self.exit_code: int = 0
        self._core: ServerCore | None = None
        self._lifespan: AbstractAsyncContextManager[LoopState] | None = None
        self._listeners: list[asyncio.Server | Entrance] = []
        self._certificates: Certificates | None = None
        self._entrance: Entrance | None = None
        self._sockets: list[socket.socket] = []
        self._owns_sockets = False
        self._hands_over = self._has_siblings = False
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody has asked it to stop."""
        return self._stop_requested.is_set()

    async def start(
        self,
        sockets: Sequence[socket.socket] | None = None,
        *,
        owns_sockets: bool | None = None,
        has_siblings: bool = False,
    ) -> None:
        """Start the application, then listen.

        Args:
            sockets: listening sockets to use instead of those that the settings name; they are closed at the end.
            owns_sockets: whether nobody listens on them any more when this server has stopped; `None` is true for
                sockets that it opens itself.
            has_siblings: whether other processes listen on them too; a stop that a handler asks for then hands over.

        Raises:
            OSError: the address cannot be bound.
            ConfigurationError: COS-SERVER-003, the certificate cannot be used; COS-SERVER-004, nobody may speak the
                PROXY protocol.
        """
        self._has_siblings = has_siblings
        self._sockets = list(sockets) if sockets is not None else open_sockets(self.settings)
        self._owns_sockets = (
            (sockets is None and not is_inherited(self.settings)) if owns_sockets is None else owns_sockets
        )
        try:
            balancers = balancers_of(self.application, self.settings)
            if self.settings.tls_certificate_path is not None:
                self._certificates = Certificates(self.settings)
            lifespan = self.application.lifespan()
            loop_state = await lifespan.__aenter__()
        except BaseException:
            self._close_sockets()
            raise
        self._lifespan = lifespan
        if loop_state.base_context is None:
            loop_state.base_context = copy_context()
        self._core = core = ServerCore(self.application, self.settings, loop_state, self._exit_with)
        core.max_connections = connection_limit(self.settings.max_connections)
        if balancers is not None or self._certificates is not None or has_siblings:
            self._entrance = Entrance(core, self._certificates, balancers, has_siblings=has_siblings)
            self._listeners.append(self._entrance)
        try:
            await self._listen(core)
        except BaseException:
            for listener in self._listeners:
                listener.close()
            self._close_sockets()
            self._lifespan = self._core = None
            await lifespan.__aexit__(None, None, None)
            raise
        if getattr(self.application, "has_websockets", False):
            import_websockets()
        core.start_clock()
        loop_state.begin_serving()
        self.addresses = tuple(address_of(listening) for listening in self._sockets)
        for address in self.addresses:
            logger.info("listening address=%s", address)

    async def _listen(self, core: ServerCore) -> None:
        for listening in self._sockets:
            # The loop owns a copy, so that what waits in the kernel can still be accepted after it has closed its own.
            copy = listening.dup()
            if self._entrance is not None:
                self._entrance.open(copy)
                continue
            try:
                listener = await core.loop.create_server(
                    lambda: Connection(core), sock=copy, backlog=self.settings.backlog
                )
            except BaseException:
                copy.close()
                raise
            self._listeners.append(listener)

    async def serve_forever(self) -> None:
        """Wait until somebody asks to stop."""
        await self._stop_requested.wait()

    def request_stop(self, exit_code: int | None = None) -> None:
        """Begin to stop; asked a second time, stop now.

        Args:
            exit_code: for the process, `None` to leave it as it is.
        """
        if exit_code is not None:
            self.exit_code = exit_code
        if self._stop_requested.is_set():
            self._hurry.set()
        self._stop_requested.set()

    def request_hand_over(self) -> None:
        """Begin to stop, and leave new connections to another process that listens on the same sockets."""
        if not self._stop_requested.is_set():
            self._hands_over = True
            self._stop_requested.set()

    def hurry(self) -> None:
        """Stop now: what still runs is cancelled."""
        self._hurry.set()
        self._stop_requested.set()

    def reload_certificates(self) -> bool:
        """Take the certificate for TLS from its files again; connections that are open keep theirs.

        Returns:
            Whether it could be used; if not, the log says why and the old one stays. True without TLS.
        """
        return self._certificates is None or self._certificates.reload()

    def call_when_worn_out(self, request_count: int, on_worn_out: Callable[[], None]) -> None:
        """Call back once, at the start of the request with this number; for a server that has started."""
        if self._core is not None:
            self._core.call_when_worn_out(request_count, on_worn_out)

    def _exit_with(self, exit_code: int) -> None:
        """Stop because a handler asked for it; it never hurries the stop along."""
        if not self._stop_requested.is_set():
            self._hands_over = self._has_siblings
            self.request_stop(exit_code)

    async def stop(self) -> None:
        """Stop in order; the application's own end runs in every case."""
        self._stop_requested.set()
        core = self._core
        try:
            if core is not None:
                await self._drain(core)
        finally:
            self._close_sockets()
            if core is not None:
                core.stop_clock()
            lifespan, self._lifespan = self._lifespan, None
            if lifespan is not None:
                await lifespan.__aexit__(None, None, None)
            self._core = None

    async def _drain(self, core: ServerCore) -> None:
        """End everything that clients still wait for, in bounded time."""
        if not self._hands_over:
            core.is_ready = False
            if self.settings.shutdown_delay_seconds:
                await self._wait_or_hurry(self._hurry.wait(), self.settings.shutdown_delay_seconds)
        await self._close_door(core)
        core.begin_stopping(refuses_requests=not self._hands_over)
        core.loop_state.begin_stopping()
        deadline = core.loop.time() + self.settings.graceful_timeout_seconds
        await self._end_idle(core)
        await self._wait_drained(core, max(deadline - core.loop.time(), 0.0))
        if core.active_count:
            await self._cancel_requests(core)
        for connection in list(core.connections):
            connection.close_idle()
        await self._wait_closed(core, min(max(deadline - core.loop.time(), 0.1), 2.0))
        for connection in list(core.connections):
            connection.abort()
        await asyncio.sleep(0)

    async def _close_door(self, core: ServerCore) -> None:
        """Accept nothing more, and let everything in that has arrived."""
        if not self._hands_over and self._owns_sockets:
            for listening in self._sockets:
                refuse_newcomers(listening)
        for listener in self._listeners:
            listener.close()
        if not self._hands_over:
            for listening in self._sockets:
                if self._entrance is not None:
                    self._entrance.take_waiting(listening)
                else:
                    await accept_waiting(listening, core.loop, lambda: Connection(core))
        self._close_sockets()
        if self._entrance is not None:
            limit_seconds = min(_IDLE_SECONDS, self.settings.graceful_timeout_seconds)
            await self._wait_or_hurry(self._entrance.wait_entered(), limit_seconds)
            self._entrance.clear()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _end_idle(self, core: ServerCore) -> None:
        """Close connections that wait for a next request, after a moment in which one may still arrive."""
        limit_seconds = self.settings.graceful_timeout_seconds
        if self._hands_over:
            await self._wait_closed(core, min(_HAND_OVER_SECONDS, limit_seconds))
        elif core.connections:
            await self._wait_closed(core, min(SWEEP_SECONDS, limit_seconds))
            await self._wait_drained(core, min(_IDLE_SECONDS, limit_seconds) - SWEEP_SECONDS)
        for connection in list(core.connections):
            connection.close_idle()

    async def _wait_drained(self, core: ServerCore, timeout_seconds: float) -> None:
        """Wait until no request is in flight."""
        if core.active_count and timeout_seconds > 0:
            core.drained = core.loop.create_future()
            await self._wait_or_hurry(core.drained, timeout_seconds)

    async def _wait_closed(self, core: ServerCore, timeout_seconds: float) -> None:
        """Wait until no connection is open."""
        if core.connections:
            core.all_closed = core.loop.create_future()
            await self._wait_or_hurry(core.all_closed, timeout_seconds)

    async def _cancel_requests(self, core: ServerCore) -> None:
        """Cancel what is left, and say which requests that were."""
        core.drained = core.loop.create_future()
        running = [*core.connections, *core.orphans]
        names = [name for name in (connection.cancel() for connection in running) if name]
        for task in core.late_tasks:
            task.cancel()
        logger.warning("requests_cancelled count=%d requests=%.1000r", len(names), names)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(core.drained), _CANCEL_SECONDS)

    async def _wait_or_hurry(self, what: Awaitable[object], timeout_seconds: float) -> None:
        """Wait for something, but no longer than until the time is over or somebody is in a hurry."""
        waited = asyncio.ensure_future(what)
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait({waited, hurry}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waited.cancel()
            hurry.cancel()

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets = []


async def serve(
    application: Application,
    settings: ServerSettings | None = None,
    *,
    sockets: Sequence[socket.socket] | None = None,
    started: Callable[[Server], None] | None = None,
) -> int:
    """Serve an application on the running loop until it is asked to stop.

    Args:
        application: what is served.
        settings: where and with which limits.
        sockets: listening sockets to use instead of those that the settings name.
        started: called once with the server when it listens; `Server.request_stop` ends it.

    Returns:
        The exit code that a handler asked for, else 0.

    Raises:
        OSError: the address cannot be bound.
    """
    server = Server(application, settings)
    try:
        await server.start(sockets)
        if started is not None:
            started(server)
        await server.serve_forever()
    finally:
        await server.stop()
    return server.exit_code
