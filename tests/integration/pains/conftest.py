"""One application on the native server or on uvicorn, and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from costrel import App
from costrel.server import Server, ServerSettings


@asynccontextmanager
async def serving(app: App, **settings: Any) -> AsyncIterator[tuple[str, int]]:
    """Serve in the running loop and give the address."""
    server = Server(app, ServerSettings(port=0, **settings))
    await server.start()
    try:
        host, _, port = server.addresses[0].rpartition(":")
        yield host, int(port)
    finally:
        await server.stop()


@contextmanager
def native(app: App, root_path: str = "") -> Iterator[int]:
    """Serve with our own server, in a thread, and give the port."""
    ready = threading.Event()
    found: list[Any] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with serving(app) as (_, port):
            found.extend([port, asyncio.get_running_loop(), stop])
            ready.set()
            await stop.wait()

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
def under_uvicorn(app: App, root_path: str = "") -> Iterator[int]:
    """Serve with uvicorn, in a thread, and give the port."""
    config = uvicorn.Config(app, root_path=root_path, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
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


async def until(condition: Any, timeout_seconds: float = 5) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def net() -> SimpleNamespace:
    """Give what the tests need: `serving`, `native`, `under_uvicorn` and `until`."""
    return SimpleNamespace(serving=serving, native=native, under_uvicorn=under_uvicorn, until=until)
