"""The deployment guides, run: their files are taken from the pages, and nothing is written down twice."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto"
PATIENCE_SECONDS = 30

SHOP = """
import asyncio
from costrel import App, BodyStream, EventStream, Request, WebSocket

app = App("shop")

@app.get("/")
async def index(request: Request):
    return {"client": request.client[0], "scheme": request.scheme, "host": request.host}

async def no_limit(request, call_next):
    request.max_body_bytes = 1 << 30
    return await call_next(request)

@app.post("/up", use=[no_limit])
async def up(body: BodyStream):
    size = 0
    async for piece in body:
        size += len(piece)
    return {"size": size}

@app.get("/events")
async def events():
    async def ticks():
        yield "first"
        await asyncio.sleep(0.5)
        yield "second"
    return EventStream(ticks())

@app.websocket("/chat")
async def chat(socket: WebSocket):
    async for message in socket:
        await socket.send(f"heard {message}")
"""


def missing(name: str, what: str) -> NoReturn:
    """Skip the test, or fail it where `COSTREL_TEST_REQUIRE` names what is missing."""
    if name in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required and not installed.")
    pytest.skip(f"{what} is not installed.")


class Kit:
    """What the tests of the guides need, in one place."""

    root = ROOT
    missing = staticmethod(missing)

    @staticmethod
    def file_of(page: str, name: str) -> str:
        """Return a file that a page shows."""
        pattern = rf"<!-- file: {re.escape(name)} -->\n```\w+\n(.*?)```\n"
        found = re.search(pattern, (HOWTO / page).read_text("utf-8"), re.DOTALL)
        assert found is not None, f"{page} shows no {name}"
        return found[1]

    @staticmethod
    def command_of(page: str, name: str) -> str:
        """Return a command that a page shows for a tool."""
        pattern = rf"<!-- run with: {re.escape(name)} -->\n```console\n(.*?)\n```\n"
        found = re.search(pattern, (HOWTO / page).read_text("utf-8"), re.DOTALL)
        assert found is not None, f"{page} shows no command for {name}"
        return found[1]

    @staticmethod
    def need(command: str, package: str) -> str:
        """Return the path of a command, which a Debian package brings."""
        path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
        return path or missing(command, f"`{command}` of Debian's {package}")

    @staticmethod
    def free_port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
            return port

    @staticmethod
    def wait_for(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}")
            time.sleep(0.05)

    @staticmethod
    def is_listening(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    @staticmethod
    @contextlib.contextmanager
    def running(
        command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in a folder until the block ends; its output stands in ``output.log`` there."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")}
        with (folder / "output.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=folder, env={**environ, **(environment or {})}, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the application of the guides in it."""
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path
