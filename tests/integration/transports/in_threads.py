"""Servers that run in a thread of the test: ours, uvicorn, hypercorn, waitress, and wsgiref with its validator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import uvicorn
import waitress
from hypercorn.asyncio import serve as serve_hypercorn
from hypercorn.config import Config

from costrel import App
from costrel.server import Server, ServerSettings

LIMIT_SECONDS = 10.0


@contextlib.contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    """Run something in a thread; it has to end by itself when the block does."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()


@contextlib.contextmanager
def under_native(app: App) -> Iterator[int]:
    """Serve with our own server."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    server = Server(app, ServerSettings(graceful_timeout_seconds=0.2))

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await server.start([listener])
        ready.set()
        try:
            await server.serve_forever()
        finally:
            await server.stop()

    with in_thread(lambda: asyncio.run(main())):
        assert ready.wait(LIMIT_SECONDS)
        yield listener.getsockname()[1]
        loops[0].call_soon_threadsafe(server.request_stop)


@contextlib.contextmanager
def under_uvicorn(app: App) -> Iterator[int]:
    """Serve with uvicorn."""
    config = uvicorn.Config(
        app, log_config=None, timeout_graceful_shutdown=1, ws="websockets-sansio", proxy_headers=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, in_thread(lambda: asyncio.run(server.serve(sockets=[listener]))):
        yield listener.getsockname()[1]
        server.should_exit = True


@contextlib.contextmanager
def under_hypercorn(app: App) -> Iterator[int]:
    """Serve with hypercorn."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.2
    config.errorlog = logging.getLogger("hypercorn.error")
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await serve_hypercorn(app, config, shutdown_trigger=stop.wait)

    with in_thread(lambda: asyncio.run(main())):
        assert ready.wait(LIMIT_SECONDS)
        yield port
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)


@contextlib.contextmanager
def under_waitress(app: App) -> Iterator[int]:
    """Serve with waitress."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app, sockets=[listener], threads=4, clear_untrusted_proxy_headers=False, map=sockets
    )

    def work() -> None:
        with contextlib.suppress(OSError):
            server.run()

    with in_thread(work):
        yield listener.getsockname()[1]
        server.trigger.pull_trigger(server.close)


class _QuietHandler(WSGIRequestHandler):
    """Tells nobody of its requests."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def under_wsgiref(app: App) -> Iterator[int]:
    """Serve with the standard library's server, and have its validator look at all that passes."""
    server = make_server("127.0.0.1", 0, validator(app), handler_class=_QuietHandler)
    with server, in_thread(lambda: server.serve_forever(poll_interval=0.02)):
        yield server.server_address[1]
        server.shutdown()
