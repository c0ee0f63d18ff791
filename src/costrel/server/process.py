"""One serving process: it makes the event loop, runs a server on it, and turns the end into an exit code.

Who may stop the server is an `Attendant`: signals, in a process that stands alone, or the supervisor of several (see
`worker`).
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from costrel.messages import Application
from costrel.server.serve import Server
from costrel.server.settings import ServerSettings

__all__ = ["START_FAILED", "Attendant", "run"]

logger: logging.Logger = logging.getLogger("costrel.server")

_DEFAULT_THRESHOLDS = (700, 2000)  # of Python up to 3.12, and from 3.13 on
_YOUNG_OBJECTS = 10_000

START_FAILED = 3
"""The exit code of a process that could not start."""


class Attendant(Protocol):
    """Who gives a server its sockets, may stop it, and is told when it serves."""

    @property
    def sockets(self) -> Sequence[socket.socket] | None:
        """The listening sockets; `None` to open those that the settings name."""
        ...

    @property
    def owns_sockets(self) -> bool | None:
        """Whether nobody listens on them any more when the service has ended; see `Server.start`."""
        ...

    @property
    def has_siblings(self) -> bool:
        """Whether other processes listen on them too."""
        ...

    def attend(self, server: Server, cancel_start: Callable[[], None]) -> None:
        """Begin to listen to whoever may stop the server; called on the loop before anything starts.

        Args:
            server: not started yet.
            cancel_start: gives up a start that is not over, and does nothing afterwards.
        """
        ...

    def started(self, server: Server) -> None:
        """Called once when the server listens."""
        ...

    def stopping(self) -> None:
        """Called once when it begins to stop, whoever asked for it."""
        ...


class _Signals:
    """The attendant of a process that stands alone: it stops at the first signal, and at once at the second.

    SIGHUP loads the certificate for TLS again, where there is one.
    """

    sockets = None
    owns_sockets = None
    has_siblings = False

    def attend(self, server: Server, cancel_start: Callable[[], None]) -> None:
        """Handle SIGINT, SIGTERM and SIGQUIT, and SIGHUP with TLS."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            server.request_stop()
            cancel_start()

        for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGQUIT] if sys.platform != "win32" else [])):
            try:
                loop.add_signal_handler(number, stop)
            except NotImplementedError:  # the loop of Windows

                def from_handler(_number: int, _frame: FrameType | None) -> None:
                    loop.call_soon_threadsafe(stop)

                signal.signal(number, from_handler)
        if sys.platform != "win32" and server.settings.tls_certificate_path is not None:
            loop.add_signal_handler(signal.SIGHUP, server.reload_certificates)

    def started(self, server: Server) -> None:
        """Nobody is told."""

    def stopping(self) -> None:
        """Nobody is told."""


def run(application: Application, settings: ServerSettings | None = None, *, attendant: Attendant | None = None) -> int:
    """Serve an application in this process until it is told to stop.

    The loop is uvloop's, unless it is not installed or ``COSTREL_LOOP=asyncio``. Without an attendant the first SIGINT
    or SIGTERM stops gracefully, the second at once.

    Args:
        application: what is served.
        settings: where and with which limits.
        attendant: who may stop it; `None` for signals.

    Returns:
        The exit code for the process: 0 after a stop, `START_FAILED` when it could not start, or what a handler
        asked for with `SystemExit`.
    """
    watcher = attendant or _Signals()
    is_serving = False

    async def main() -> int:
        nonlocal is_serving
        main_task = asyncio.current_task()

        def cancel_start() -> None:
            if not is_serving and main_task is not None:
                main_task.cancel()

        server = Server(application, settings)
        watcher.attend(server, cancel_start)
        try:
            await server.start(watcher.sockets, owns_sockets=watcher.owns_sockets, has_siblings=watcher.has_siblings)
            is_serving = True
            _collect_less_often()
            watcher.started(server)
            await server.serve_forever()
            watcher.stopping()
        finally:
            await server.stop()
        return server.exit_code

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


def _collect_less_often() -> None:
    """Have the garbage collector look at young objects less often, unless the application has set how often itself.

    With dozens of requests in flight the interpreter's default finds nearly all it looks at alive, again and again.
    """
    threshold, *older = gc.get_threshold()
    # PERF: saves 2.4 µs a request of a ``def`` handler (benchmarks/smoke.py, 3.11)
    if threshold in _DEFAULT_THRESHOLDS:
        gc.set_threshold(_YOUNG_OBJECTS, *older)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if os.environ.get("COSTREL_LOOP", "").lower() == "asyncio":
        return None
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:  # it does not exist on Windows
        return None
    return factory
