"""Mounted ASGI applications on real sockets: below our own server, and below a foreign one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response as StarletteResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket
from websockets.asyncio.client import connect

from costrel import App
from costrel.mounts import ASGIMount
from costrel.server import Server, ServerSettings

pytestmark = pytest.mark.integration

LIMIT_SECONDS = 5


class Child:
    """A Starlette application that notes what becomes of its requests."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.noted = asyncio.Event()
        self.release = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/hello", self.hello),
                Route("/stream", self.stream),
                Route("/silent", self.silent),
                Route("/echo", self.echo, methods=["POST"]),
                Route("/work", self.work),
                WebSocketRoute("/socket", self.socket),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=self.stamp)],
        )

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.noted.set()

    async def stamp(self, request: StarletteRequest, call_next: Any) -> StarletteResponse:
        response: StarletteResponse = await call_next(request)
        response.headers["x-stamp"] = "yes"
        return response

    async def hello(self, request: StarletteRequest) -> StarletteResponse:
        return PlainTextResponse(f"hello {request.url.path}")

    async def echo(self, request: StarletteRequest) -> StarletteResponse:
        return StarletteResponse(await request.body())

    async def stream(self, request: StarletteRequest) -> StarletteResponse:
        async def produce() -> AsyncIterator[bytes]:
            for number in range(100):
                yield b"%02d" % number * 1000

        return StreamingResponse(produce())

    async def silent(self, request: StarletteRequest) -> StarletteResponse:
        async def produce() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await asyncio.Event().wait()
            finally:
                self.note("closed")

        return StreamingResponse(produce())

    async def work(self, request: StarletteRequest) -> StarletteResponse:
        async def work() -> None:
            try:
                await self.release.wait()
                self.note("worked")
            except asyncio.CancelledError:
                self.note("cancelled")
                raise

        return PlainTextResponse("answered", background=BackgroundTask(work))

    async def socket(self, socket: StarletteSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text.upper())
        self.note("left")


@asynccontextmanager
async def on_our_server(app: App) -> AsyncIterator[int]:
    server = Server(app, ServerSettings(port=0, graceful_timeout_seconds=0.05))
    await server.start()
    try:
        yield int(server.addresses[0].rpartition(":")[2])
    finally:
        await server.stop()


@asynccontextmanager
async def on_uvicorn(app: App) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


class Wire:
    """One connection that speaks raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, path: str, method: str = "GET", content: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        length = f"Content-Length: {len(content)}\r\n" if content else ""
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n{length}\r\n".encode() + content)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        status_code = int(head[0].split(" ")[1])
        if "content-length" in fields:
            return status_code, fields, await self.reader.readexactly(int(fields["content-length"]))
        pieces = []
        while size := int(await self.reader.readline(), 16):
            pieces.append((await self.reader.readexactly(size + 2))[:-2])
            if path.endswith("/silent"):
                break
        else:
            await self.reader.readline()
        return status_code, fields, b"".join(pieces)


@pytest.fixture(params=[on_our_server, on_uvicorn], ids=["ours", "uvicorn"])
def running(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["trampoline", "task"])
def mode(request: pytest.FixtureRequest) -> Any:
    return request.param


def talk(running: Any, mode: Any, test: Any) -> Child:
    """Run a test against a child below a server, and see that no task is left."""

    async def main() -> Child:
        child = Child()
        app = App("outer")
        app.mount("/old", ASGIMount(child.app, mode=mode))
        async with asyncio.timeout(LIMIT_SECONDS), running(app) as port:
            wire = Wire(*await asyncio.open_connection("127.0.0.1", port))
            try:
                await test(wire, child, port)
            finally:
                wire.writer.close()
                with contextlib.suppress(ConnectionError):
                    await wire.writer.wait_closed()
        await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() - {asyncio.current_task()} if "costrel" in repr(task)]
        assert [] == left
        return child

    return asyncio.run(main())


@pytest.mark.capability("C017")
def test_one_connection_carries_answers_streams_and_bodies(running: Any, mode: Any) -> None:
    """Everything comes as the application sends it, one after the other on one connection."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        status_code, fields, body = await wire.ask("/old/hello")
        assert (200, "yes", b"hello /old/hello") == (status_code, fields["x-stamp"], body)
        _, _, body = await wire.ask("/old/stream")
        assert b"".join(b"%02d" % number * 1000 for number in range(100)) == body
        content = bytes(range(256)) * 1000
        _, _, body = await wire.ask("/old/echo", "POST", content)
        assert content == body
        status_code, _, _ = await wire.ask("/old/nothing")
        assert 404 == status_code

    talk(running, mode, test)


@pytest.mark.pain("P1")
def test_a_client_that_leaves_a_silent_stream_ends_it(running: Any, mode: Any) -> None:
    """The generator inside Starlette is closed although it sends nothing more."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        assert b"first" == (await wire.ask("/old/silent"))[2]
        wire.writer.close()
        await child.noted.wait()

    assert ["closed"] == talk(running, mode, test).notes


@pytest.mark.pain("P1")
def test_work_after_the_response_does_not_keep_it_back(running: Any, mode: Any) -> None:
    """The answer is there before the work is done, and the next request on the connection is answered."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        assert b"answered" == (await wire.ask("/old/work"))[2]
        assert [] == child.notes
        assert b"hello /old/hello" == (await wire.ask("/old/hello"))[2]
        assert [] == child.notes
        child.release.set()
        await child.noted.wait()

    assert ["worked"] == talk(running, mode, test).notes


def test_a_server_that_stops_cancels_work_that_goes_on(mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What an application does after its response is waited for within the grace, and cancelled then."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        assert b"answered" == (await wire.ask("/old/work"))[2]

    with caplog.at_level(logging.CRITICAL):
        assert ["cancelled"] == talk(on_our_server, mode, test).notes


@pytest.mark.capability("C017")
def test_websockets_are_carried(running: Any, mode: Any) -> None:
    """Messages go both ways, and the application hears that the client has left."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/old/socket") as socket:
            await socket.send("hello")
            assert "HELLO" == await socket.recv()
        await child.noted.wait()

    assert ["left"] == talk(running, mode, test).notes


def test_a_server_that_stops_ends_what_streams(mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Our server cancels what is left after its grace, and the application is cleaned up in its task."""

    async def test(wire: Wire, child: Child, port: int) -> None:
        assert b"first" == (await wire.ask("/old/silent"))[2]

    with caplog.at_level(logging.CRITICAL):
        assert ["closed"] == talk(on_our_server, mode, test).notes
