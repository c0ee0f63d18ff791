"""The application that is broken on purpose; it says in `/inside` what it holds."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

from costrel import (
    App,
    BodyStream,
    EventStream,
    File,
    FileResponse,
    Request,
    Response,
    StreamResponse,
    UploadFile,
    WebSocket,
    session,
)
from costrel.messages import Dispatch

PID = os.getpid()
PIECE = b"x" * 65536
SHIFT = 0.0
seen: list[str] = []
app = App("shop")
real_time = time.time


def note(event: str) -> None:
    seen.append(event)
    # Not to standard error: nobody may read that (R33), and a `print` would wait for a reader for ever.
    print(f"{event} by {PID}", flush=True)


@app.lifespan
async def lifespan() -> AsyncIterator[None]:
    if os.environ.get("FAILS_AT") == "start":
        raise RuntimeError("the database is away")
    yield
    note("ended")
    if os.environ.get("FAILS_AT") == "stop":
        raise RuntimeError("the database went away")


async def no_limit(request: Request, call_next: Dispatch) -> Response:
    request.max_body_bytes = 1 << 31
    return await call_next(request)


def open_files() -> list[str]:
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            names.append(str(entry.readlink()))
        except OSError:
            continue
    return names


@app.get("/inside")
async def inside() -> dict[str, int]:
    """What would show a leak."""
    files = open_files()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len([name for name in files if not name.startswith("socket:")]),
        "temporary": len([name for name in files if name.endswith("(deleted)")]),
    }


@app.get("/seen")
async def what_was_seen() -> list[str]:
    return seen


@app.post("/ledger/{id}")
async def ledger(request: Request, id: int) -> Response:
    return Response(b"%d:%08x" % (id, zlib.crc32(request.body)), media_type="text/plain", headers={"worker": str(PID)})


@app.get("/")
async def index() -> str:
    return "hello"


@app.get("/pid")
async def pid() -> Response:
    return Response(str(PID), media_type="text/plain")


# Clients that leave.


@app.post("/up/form", use=[no_limit])
def take_form(file: Annotated[UploadFile, File()]) -> dict[str, int]:
    note("form complete")
    return {"size": file.size_bytes}


@app.post("/up/stream", use=[no_limit])
async def take_stream(body: BodyStream) -> dict[str, int]:
    size = 0
    try:
        async for piece in body:
            size += len(piece)
        note("stream complete")
    except BaseException as error:
        note(f"stream ended with {type(error).__name__}")
        raise
    return {"size": size}


async def compute(name: str, request: Request) -> str:
    try:
        for _ in range(100):
            await asyncio.sleep(0.02)
            if request.is_disconnected:
                note(f"{name} saw it")
                break
        await asyncio.sleep(0.3)
        note(f"{name} finished")
    except asyncio.CancelledError:
        note(f"{name} cancelled")
        raise
    return name


@app.get("/compute")
async def compute_to_the_end(request: Request) -> str:
    return await compute("patient", request)


@app.get("/compute/cancel", cancel_on_disconnect=True)
async def compute_until_cancelled(request: Request) -> str:
    return await compute("hasty", request)


@app.get("/endless")
async def endless() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)
        finally:
            note("endless closed")

    return StreamResponse(pieces(), media_type="application/octet-stream")


@app.get("/events")
async def events() -> EventStream:
    async def ticks() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            note("events closed")

    return EventStream(ticks())


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    try:
        while True:
            await socket.send(str(await socket.receive()))
    except BaseException as error:
        note(f"chat ended with {type(error).__name__} {getattr(error, 'code', '')}")
        raise


# Handlers that fail.


@app.get("/fail/before")
async def fail_before() -> str:
    raise ValueError("before")


@app.get("/fail/after")
async def fail_after(length: int = 0) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a" * 100
        await asyncio.sleep(0.05)
        raise ValueError("after")

    return StreamResponse(pieces(), content_length=length or None)


@app.get("/fail/nothing")
async def fail_nothing() -> object:
    return object()


@app.get("/length/{bytes_said}/{bytes_sent}")
async def length(bytes_said: int, bytes_sent: int) -> Response:
    return StreamResponse(iter([b"a" * bytes_sent]), content_length=bytes_said, media_type="text/plain")


@app.get("/status/{code}")
async def status(code: int) -> Response:
    return Response(b"content", code, media_type="text/plain")


@app.get("/both")
async def both() -> Response:
    return Response(b"content", headers={"Transfer-Encoding": "chunked", "Content-Length": "3"})


# Time.


@app.get("/wait/{hundredths}")
async def wait(hundredths: int) -> str:
    await asyncio.sleep(hundredths / 100)
    return "waited"


@app.get("/block/{hundredths}")
async def block(hundredths: int) -> str:
    time.sleep(hundredths / 100)
    return "blocked"


@app.get("/thread/{hundredths}")
def in_thread(hundredths: int) -> str:
    time.sleep(hundredths / 100)
    return "waited"


@app.post("/clock")
async def set_clock(seconds: float) -> str:
    """Move the wall clock, and nothing else, as a step of the system's clock does."""
    global SHIFT
    SHIFT = seconds
    time.time = lambda: real_time() + SHIFT
    return "moved"


@app.get("/count")
async def count() -> dict[str, int]:
    session["count"] = session.get("count", 0) + 1
    return {"count": session["count"]}


# Much.


@app.get("/down/{mebibytes}")
async def down(mebibytes: int) -> Response:
    def pieces() -> Iterator[bytes]:
        for _ in range(mebibytes * 16):
            yield PIECE

    return StreamResponse(pieces(), media_type="application/octet-stream")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(os.environ["LARGE_FILE"])
