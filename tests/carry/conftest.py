"""What the tests with real applications share: the applications, the servers that carry them, and a browser.

An application of `applications` is made by its own framework and knows nothing of Costrel. The packages that they need
are the group `carry`; where one is missing its tests are skipped, and fail where `COSTREL_TEST_REQUIRE` names `carry`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from costrel import App
from costrel.server import Server, ServerSettings

HERE = Path(__file__).parent
PATIENCE_SECONDS = 20


@contextmanager
def serve_natively(app: App) -> Iterator[int]:
    """Serve `app` on its own server, in a thread with a loop of its own, and give the port."""
    loop = asyncio.new_event_loop()
    server = Server(app, ServerSettings(port=0, graceful_timeout_seconds=1))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE_SECONDS)
        try:
            yield int(server.addresses[0].rpartition(":")[2])
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE_SECONDS)
            asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(PATIENCE_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()


@contextmanager
def serve_with_uvicorn(app: App) -> Iterator[int]:
    """Serve `app` with uvicorn, in a thread with a loop of its own, and give the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="on",
        log_config=None,
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started, "uvicorn has not started"
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


SERVERS: dict[str, Callable[[App], AbstractContextManager[int]]] = {
    "native": serve_natively,
    "uvicorn": serve_with_uvicorn,
}


class Here(httpx.HTTPTransport):
    """Finds every host on this machine."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1")  # the field `Host` keeps the name
        found = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return super().handle_request(found)


class Browser(httpx.Client):
    """A client that knows where the application is: paths are given as the application itself has them."""

    def __init__(self, prefix: str = "", **options: Any) -> None:
        super().__init__(timeout=PATIENCE_SECONDS, follow_redirects=True, **options)
        self.prefix = prefix

    def at(self, path: str) -> str:
        """Return where a path of the application is reached."""
        return f"{self.prefix}{path}"

    def place(self, response: httpx.Response) -> str:
        """Return the path that a response came from, as the application itself has it."""
        path = response.url.path
        assert path.startswith(self.prefix), f"{path} has left the mount"
        return path.removeprefix(self.prefix)

    def form(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in the form of a page and send it to where the page is, its hidden fields with it."""
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', page.text)
        values = {attribute(tag, "name"): attribute(tag, "value") for tag in hidden}
        return self.post(page.url, data={**values, **fields}, headers={"referer": str(page.url)})


def attribute(tag: str, name: str) -> str:
    """Return the value of an attribute of a tag, empty without it."""
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


class Carrier:
    """How an application is loaded and served, in one place."""

    Browser = Browser

    @staticmethod
    def load(name: str, *packages: str) -> ModuleType:
        """Import a module of `applications` once; skip the test, or fail it, where a package is missing."""
        for package in packages:
            if importlib.util.find_spec(package) is None:
                if "carry" in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
                    pytest.fail(f"`{package}` is required and not installed.")
                pytest.skip(f"`{package}` is not installed; it comes with `pip install --group carry`.")
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, HERE / "applications" / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name]

    @staticmethod
    def wait_for(condition: Callable[[], object]) -> None:
        """Wait for what an application does after its answer."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.005)

    @staticmethod
    def carry(application: Any, path: str = "/shop") -> App:
        """Mount an application three times in one `App`: by a path, by a host, and as what answers the rest."""
        app = App("carrier")

        @app.get("/ours")
        async def ours() -> str:
            return "ours"

        app.mount(path, application, name="by_path")
        app.mount("/", application, name="by_host", host="shop.example")
        app.mount("/", application, name="fallback", fallback=True)
        return app

    @staticmethod
    def serve(app: App, server: str) -> AbstractContextManager[int]:
        """Serve an app with one of `SERVERS` until the block ends, and give the port."""
        return SERVERS[server](app)

    @staticmethod
    def browsers(port: int, path: str = "/shop") -> dict[str, Browser]:
        """Return a browser for each place at which `carry` mounts."""
        here, there = f"http://127.0.0.1:{port}", f"http://shop.example:{port}"
        return {
            "path": Browser(path, base_url=here),
            "host": Browser(base_url=there, transport=Here()),
            "fallback": Browser(base_url=here),
        }


@pytest.fixture(scope="session")
def carrier() -> type[Carrier]:
    return Carrier
