"""Start, run and stop: one process, one loop, one application.

`Server` binds, starts the application, serves and stops in order: no new connections, then a sign to streams and
sockets, then time for the requests in flight, then the application's own end, which always runs. `serve` does that
inside a loop that exists, `run` makes the loop, listens to signals and returns the exit code of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from types import FrameType

from costrel.execution import LoopState
from costrel.messages import Application
from costrel.server.connection import Connection
from costrel.server.core import SWEEP_SECONDS, ServerCore
from costrel.server.listening import accept_waiting, address_of, connection_limit, open_sockets
from costrel.server.settings import ServerSettings

__all__ = ["START_FAILED", "Server", "run", "serve"]

logger: logging.Logger = logging.getLogger("costrel.server")

START_FAILED = 3
"""The exit code of a process that could not start."""

_CANCEL_SECONDS = 5.0


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
        self._listeners: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._stop_requested = asyncio.Event()
        self._hurry = asyncio.Event()

    async def start(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Start the application, then listen.

        Args:
            sockets: listening sockets to use instead of those that the settings name; they are closed at the end.

        Raises:
            OSError: the address cannot be bound.
        """
        self._sockets = list(sockets) if sockets is not None else open_sockets(self.settings)
        try:
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
        try:
            await self._listen(core)
        except BaseException:
            for listener in self._listeners:
                listener.close()
            self._close_sockets()
            self._lifespan = self._core = None
            await lifespan.__aexit__(None, None, None)
            raise
        core.start_clock()
        self.addresses = tuple(address_of(listening) for listening in self._sockets)
        for address in self.addresses:
            logger.info("listening address=%s", address)

    async def _listen(self, core: ServerCore) -> None:
        for listening in self._sockets:
            # The loop owns a copy, so that what waits in the kernel can still be accepted after it has closed its own.
            copy = listening.dup()
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

    def _exit_with(self, exit_code: int) -> None:
        """Stop because a handler asked for it; it never hurries the stop along."""
        if not self._stop_requested.is_set():
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
        if self.settings.shutdown_delay_seconds:
            await self._wait_or_hurry(self._hurry.wait(), self.settings.shutdown_delay_seconds)
        for listener in self._listeners:
            listener.close()
        for listening in self._sockets:
            await accept_waiting(listening, core.loop, lambda: Connection(core))
        self._close_sockets()
        core.is_stopping = True
        core.loop_state.begin_stopping()
        deadline = core.loop.time() + self.settings.graceful_timeout_seconds
        if core.connections:
            # A request that is on its way to an idle connection is still answered.
            await self._wait_or_hurry(self._hurry.wait(), min(SWEEP_SECONDS, self.settings.graceful_timeout_seconds))
            for connection in list(core.connections):
                connection.close_idle()
        if core.active_count:
            core.drained = core.loop.create_future()
            await self._wait_or_hurry(core.drained, max(deadline - core.loop.time(), 0.0))
        if core.active_count:
            await self._cancel_requests(core)
        if core.connections:
            core.all_closed = core.loop.create_future()
            await self._wait_or_hurry(core.all_closed, min(max(deadline - core.loop.time(), 0.1), 2.0))
            for connection in list(core.connections):
                connection.abort()
            await asyncio.sleep(0)

    async def _cancel_requests(self, core: ServerCore) -> None:
        """Cancel what is left, and say which requests that were."""
        core.drained = core.loop.create_future()
        running = [*core.connections, *core.orphans]
        names = [name for name in (connection.cancel() for connection in running) if name]
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
    return await _serve(Server(application, settings), sockets, started)


async def _serve(
    server: Server, sockets: Sequence[socket.socket] | None, started: Callable[[Server], None] | None
) -> int:
    """Start a server, serve until it is asked to stop, and stop it, also when it did not get that far."""
    try:
        await server.start(sockets)
        if started is not None:
            started(server)
        await server.serve_forever()
    finally:
        await server.stop()
    return server.exit_code


def run(application: Application, settings: ServerSettings | None = None) -> int:
    """Serve an application in this process until a signal or a handler ends it.

    The loop is uvloop's, unless it is not installed or ``COSTREL_LOOP=asyncio``. The first SIGINT or SIGTERM stops
    gracefully, the second at once.

    Returns:
        The exit code for the process: 0 after a stop, `START_FAILED` when it could not start, or what a handler
        asked for with `SystemExit`.
    """
    is_serving = False

    def started(_server: Server) -> None:
        nonlocal is_serving
        is_serving = True

    async def main() -> int:
        server = Server(application, settings)
        _handle_signals(server)
        return await _serve(server, None, started)

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except asyncio.CancelledError:
        if is_serving:
            raise
        logger.info("start_cancelled")
        return 0
    except Exception:
        if is_serving:
            raise
        logger.exception("start_failed")
        return START_FAILED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if os.environ.get("COSTREL_LOOP", "").lower() == "asyncio":
        return None
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:  # it does not exist on Windows
        return None
    return factory


def _handle_signals(server: Server) -> None:
    """Stop at the first signal, at once at the second; a start that is not over is cancelled."""
    loop = asyncio.get_running_loop()
    main_task = asyncio.current_task()

    def stop() -> None:
        is_starting = not server.addresses
        server.request_stop()
        if is_starting and main_task is not None:
            main_task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # the loop of Windows

            def from_handler(_number: int, _frame: FrameType | None) -> None:
                loop.call_soon_threadsafe(stop)

            signal.signal(number, from_handler)
