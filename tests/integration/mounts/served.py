"""What the tests of mounts serve an app with: our server and uvicorn, each in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import uvicorn

from costrel import App
from costrel.server import Server, ServerSettings

Serve = Callable[[App], AbstractContextManager[int]]


@contextmanager
def on_our_server(app: App) -> Iterator[int]:
    """Serve in a thread and give the port."""
    ready = threading.Event()
    found: list[Any] = []

    async def main() -> None:
        stop = asyncio.Event()
        server = Server(app, ServerSettings(port=0))
        await server.start()
        found.extend([int(server.addresses[0].rpartition(":")[2]), asyncio.get_running_loop(), stop])
        ready.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(5)
    port, loop, stop = found
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@contextmanager
def on_uvicorn(app: App) -> Iterator[int]:
    """Serve in a thread and give the port."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        with contextlib.suppress(OSError):
            listener.close()
