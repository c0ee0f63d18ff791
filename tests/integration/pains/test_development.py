"""What a developer meets: a loop that is blocked, a test suite without glue."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from costrel import App
from costrel.app import AppSettings

pytestmark = pytest.mark.integration


def slow_library_call() -> None:
    """Block for half a second."""
    time.sleep(0.5)


@pytest.mark.pain("P3")
@pytest.mark.parametrize("debug", [True, False], ids=["debug", "production"])
def test_a_handler_that_blocks_the_loop_is_named_in_debug_mode(
    net: Any, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning names the line that blocks, and the handler it is called from; production has no watchdog."""
    app = App("test", extensions=(), settings=AppSettings(debug=debug))

    @app.get("/")
    async def show_order() -> str:
        slow_library_call()
        return "x"

    @app.get("/thread")
    def in_a_thread() -> str:
        slow_library_call()
        return "x"

    async def main() -> None:
        async with net.serving(app) as (host, port):
            await asyncio.sleep(0.3)
            for path in (b"/thread", b"/"):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
                assert b" 200 " in await reader.read()
                writer.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())

    messages = [record.getMessage() for record in caplog.records if record.name == "costrel.watchdog"]
    # Another line may be named too, when the machine is so busy that nothing gets done for a while.
    messages = [message for message in messages if "slow_library_call" in message or not debug]
    if not debug:
        assert [] == messages
        return
    [message] = messages
    assert f"function=slow_library_call at={__file__}:{slow_library_call.__code__.co_firstlineno + 2} " in message
    assert "show_order" in message


SHOP = '''
import asyncio
from contextlib import asynccontextmanager

from costrel import App, WebSocket


class Pool:
    """Connections that belong to the loop on which they were made."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.free = asyncio.Queue()
        for number in range(2):
            self.free.put_nowait(number)
        self.rows = {}

    @asynccontextmanager
    async def connection(self):
        assert asyncio.get_running_loop() is self.loop
        number = await self.free.get()
        try:
            yield self.rows
        finally:
            self.free.put_nowait(number)


async def make_pool():
    yield Pool()


def make_app():
    app = App("shop", extensions=())
    app.provide(Pool, make_pool, lifetime="app")

    @app.put("/items/{id}")
    async def store(id: int, name: str, pool: Pool) -> None:
        async with pool.connection() as rows:
            rows[id] = name

    @app.get("/items/{id}")
    async def show(id: int, pool: Pool) -> str:
        async with pool.connection() as rows:
            return rows[id]

    @app.get("/sync")
    def plain() -> str:
        return "plain"

    @app.websocket("/talk")
    async def talk(socket: WebSocket):
        async for message in socket:
            await socket.send(message.upper())

    return app
'''

TEST_SHOP = """
import asyncio

import pytest

from shop import Pool, make_app


def test_plain(client_factory):
    client = client_factory(make_app())
    client.put("/items/1?name=tea")
    assert "tea" == client.get("/items/1").text
    assert "plain" == client.get("/sync").text


def test_with_a_block_and_a_websocket():
    with make_app().test_client() as client:
        client.put("/items/1?name=tea")
        with client.websocket("/talk") as socket:
            socket.send_text("hello")
            assert "HELLO" == socket.receive_text()


def test_async_side_by_side():
    async def main():
        async with make_app().async_test_client() as client:
            await asyncio.gather(*[client.put(f"/items/{number}?name=n{number}") for number in range(20)])
            return [(await client.get(f"/items/{number}")).text for number in range(20)]

    assert [f"n{number}" for number in range(20)] == asyncio.run(main())


def test_an_error_has_its_own_traceback(client_factory):
    with pytest.raises(KeyError):
        client_factory(make_app()).get("/items/9")


def test_a_silent_socket_does_not_hang():
    with pytest.raises(TimeoutError, match="talk"):
        with make_app().test_client(timeout_seconds=0.1) as client:
            with client.websocket("/talk") as socket:
                socket.receive_text()
"""


@pytest.mark.pain("P15")
def test_an_application_with_a_pool_is_tested_without_a_conftest(tmp_path: Path) -> None:
    """Sync and async tests of an application with an async pool run with pytest alone, and none hangs."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(TEST_SHOP)
    # pytest finds the fixtures of an installed distribution by its entry point.
    found = [point.value for point in entry_points(group="pytest11") if point.name == "costrel"]
    plugin = [] if found else ["-p", "costrel.testing.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *plugin]
    result = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (0, True) == (result.returncode, "5 passed" in result.stdout), result.stdout + result.stderr
