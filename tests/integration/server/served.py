"""The application that the tests of whole processes serve: ``python served.py SETTINGS``, settings as JSON.

It prints its address when it listens, and its log goes to standard error.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator

from costrel import App, BodyStream, FileResponse, Request, Response, StreamResponse
from costrel.messages import Dispatch
from costrel.server import AccessLog, ServerSettings, run

PIECE = b"x" * 65536
app = App()


@app.get("/")
async def index() -> str:
    return "Hello"


@app.get("/users/{id}")
async def user(id: int, verbose: bool = False) -> dict[str, object]:
    return {"id": id, "verbose": verbose}


@app.get("/blocking")
def blocking() -> str:
    return "blocked"


@app.get("/blocks-the-loop/{hundredths}")
async def block_the_loop(hundredths: int) -> str:
    time.sleep(hundredths / 100)
    return "blocked"


@app.get("/wait/{hundredths}")
async def wait(hundredths: int) -> str:
    await asyncio.sleep(hundredths / 100)
    return "waited"


@app.get("/exit/{code}")
async def leave(code: int) -> str:
    raise SystemExit(code)


@app.get("/broken")
async def broken() -> str:
    raise ValueError("broken")


@app.get("/forever")
async def forever() -> str:
    try:
        await asyncio.sleep(3600)
    finally:
        print("forever ended", file=sys.stderr, flush=True)
    return "never"


@app.get("/endless")
async def endless() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    return StreamResponse(pieces())


@app.get("/down/{mebibytes}")
async def down(mebibytes: int) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(mebibytes * 16):
            yield PIECE

    return StreamResponse(pieces(), media_type="application/octet-stream")


@app.get("/file")
async def file(path: str) -> Response:
    return FileResponse(path)


async def no_limit(request: Request, call_next: Dispatch) -> Response:
    request.max_body_bytes = 1 << 30
    return await call_next(request)


@app.post("/up", use=[no_limit])
async def up(body: BodyStream) -> str:
    size = 0
    async for piece in body:
        size += len(piece)
    return str(size)


@app.post("/echo")
async def echo(body: dict[str, object]) -> dict[str, object]:
    return body


@app.get("/garbage/begin")
async def begin_garbage() -> str:
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    return "ok"


@app.get("/garbage/end")
async def end_garbage() -> dict[str, int]:
    gc.collect()
    found = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.garbage)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
    return dict(found)


@app.get("/collect")
async def collect() -> str:
    return str(gc.collect())


@app.lifespan
async def lifespan() -> AsyncIterator[None]:
    yield
    print("lifespan ended", file=sys.stderr, flush=True)


class Announce(logging.Handler):
    """Prints the first address that the server listens on."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "listening address=%s" and isinstance(record.args, tuple):
            print(record.args[0], flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("costrel.server").addHandler(Announce())
    settings = json.loads(sys.argv[1])
    fails = settings.pop("fails", False)
    if settings.pop("starts_slowly", False):

        @app.on_start
        async def start_slowly() -> None:
            print("starting", flush=True)
            await asyncio.sleep(60)

    if fails:

        @app.on_start
        async def fail() -> None:
            raise RuntimeError("the database is away")

    line_format = settings.get("access_log_format", "text")
    access_log = AccessLog(line_format=line_format) if settings.get("access_log") else None
    if access_log is not None:
        app.on("request_finished", access_log)
    exit_code = run(app, ServerSettings(**{"access_log": False, **settings}))
    if access_log is not None:
        access_log.close()
    sys.exit(exit_code)
