"""The application that the tests of workers serve; each process says in the log when it imports, starts and ends it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import zlib
from collections.abc import AsyncIterator

from costrel import App, EventStream, Request, Response, WebSocket

VERSION = "one"
PID = os.getpid()


def note(event: str) -> None:
    # In one write, or the lines of two processes run into each other.
    os.write(sys.stderr.fileno(), f"{event} by {PID}\n".encode())


note("imported")
app = App("served", extensions=())


@app.lifespan
async def lifespan() -> AsyncIterator[None]:
    note("began")
    yield
    note("ended")


def answer(text: bytes) -> Response:
    return Response(text, media_type="text/plain", headers={"worker": str(PID)})


@app.post("/ledger/{id}")
async def ledger(request: Request, id: int) -> Response:
    await asyncio.sleep(id % 5 / 200)
    return answer(b"%d:%08x" % (id, zlib.crc32(request.body)))


@app.get("/version")
async def version() -> Response:
    return answer(VERSION.encode())


@app.get("/wait/{hundredths}")
async def wait(hundredths: int) -> Response:
    await asyncio.sleep(hundredths / 100)
    return answer(b"waited")


@app.get("/hang")
async def hang_for_long() -> Response:
    time.sleep(60)
    return answer(b"never")


@app.get("/exit/{code}")
async def leave(code: int) -> Response:
    raise SystemExit(code)


@app.websocket("/socket")
async def socket(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(f"{VERSION}: {message}")


@app.get("/events")
async def events() -> EventStream:
    async def numbers() -> AsyncIterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1
            await asyncio.sleep(0.05)

    return EventStream(numbers())
