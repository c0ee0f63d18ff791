"""An application whose requests last until their client leaves; it tells what becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

from costrel import App, BodyStream, Disconnect, Request, StreamResponse, WebSocket
from costrel.errors import ClientDisconnected

PIECE = b"x" * 65_536

tenant: ContextVar[str] = ContextVar("tenant")


def make_lasting(tell: Callable[[object], None]) -> App:
    """Make it."""
    app = App("lasting", extensions=())

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        tenant.set("acme")
        tell("start")
        yield
        tell("stop")

    @app.get("/tenant")
    async def show_tenant() -> str:
        return tenant.get()

    @app.get("/wait")
    async def wait(request: Request) -> str:
        tell("waiting")
        await request.wait_disconnected()
        tell("gone")
        return ""

    @app.get("/ask")
    def ask(request: Request) -> str:
        while not request.is_disconnected:
            tell("asking")
            time.sleep(0.01)
        tell("gone")
        return ""

    @app.get("/endless")
    async def endless() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
                    await asyncio.sleep(0.005)
            finally:
                tell("closed")

        return StreamResponse(pieces())

    @app.get("/broken")
    async def broken() -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("the other half is missing")

        return StreamResponse(pieces())

    @app.get("/aborted")
    async def aborted(request: Request) -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            request.exchange.abort()
            yield b"other half"

        return StreamResponse(pieces())

    @app.post("/upload")
    async def upload(body: BodyStream) -> str:
        try:
            async for piece in body:
                tell(piece.decode())
        except ClientDisconnected:
            tell("broken off")
            raise
        tell("whole")
        return ""

    @app.websocket("/patient")
    async def patient(socket: WebSocket) -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(0.01):
                        message = await socket.receive()
                except TimeoutError:
                    continue
                await asyncio.gather(*(socket.send(f"{message} {number}") for number in range(3)))
        except Disconnect as error:
            tell(error.code)

    return app
