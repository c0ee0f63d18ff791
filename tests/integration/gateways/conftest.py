"""Real ASGI servers on sockets, each in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import uvicorn
from hypercorn.asyncio import serve
from hypercorn.config import Config

from costrel.app import App

ServerFactory = Callable[..., AbstractContextManager[int]]


@contextmanager
def run_uvicorn(app: App, root_path: str = "", lifespan: str = "on") -> Iterator[int]:
    """Serve `app` with uvicorn and give the port."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, root_path=root_path, lifespan=lifespan, log_config=None, ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


@contextmanager
def run_hypercorn(app: App, root_path: str = "", lifespan: str = "on") -> Iterator[int]:
    """Serve `app` with hypercorn, which has no way to switch its lifespan off, and give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.root_path = root_path
    config.graceful_timeout = 1.0
    config.errorlog = logging.getLogger("hypercorn.error")
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(app, config, shutdown_trigger=stop.wait))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        try:
            listener.close()
        except OSError:
            pass
    assert not thread.is_alive()


@pytest.fixture(params=[run_uvicorn, run_hypercorn], ids=["uvicorn", "hypercorn"])
def run_server(request: pytest.FixtureRequest) -> ServerFactory:
    """Give the context manager that serves an app with one of the servers."""
    factory: ServerFactory = request.param
    return factory
