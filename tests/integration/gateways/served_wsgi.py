"""An application for WSGI servers in processes of their own, and a way to run two of the servers.

``python served_wsgi.py waitress 7`` serves on the listening socket that was inherited as descriptor 7.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from costrel.app import App, AppSettings
from costrel.messages import BodyStream, Request, Response, send_file

app = App("served", settings=AppSettings(secret_key="x" * 32, max_body_bytes=3_000_000))


def note(line: str) -> None:
    """Append a line to the log that the test reads."""
    with Path(os.environ["SERVED_LOG"]).open("a") as log:
        log.write(f"{line}\n")


@app.lifespan
async def life() -> AsyncIterator[None]:
    """Note start and stop."""
    note("start")
    yield
    await asyncio.sleep(0)
    note("stop")


@app.get("/thread")
def thread() -> str:
    """Give the name of the thread that handles."""
    return threading.current_thread().name


@app.get("/loop")
async def loop() -> str:
    """Give the name of the thread of the loop."""
    return threading.current_thread().name


@app.post("/echo")
async def echo(request: Request) -> dict[str, object]:
    """Give back what came."""
    return {"path": request.path, "raw": request.raw_path.decode(), "query": request.query["q"], "body": request.json()}


@app.post("/length")
async def length(body: BodyStream) -> str:
    """Give the length of the body."""
    return str(sum([len(piece) async for piece in body]))


@app.get("/stream")
def stream() -> Iterator[str]:
    """Give three pieces."""
    for number in range(3):
        yield f"{number}"
        time.sleep(0.002)


@app.get("/broken")
async def broken() -> AsyncIterator[str]:
    """Break off."""
    yield "half"
    raise ValueError("the other half is missing")


@app.get("/endless")
async def endless() -> AsyncIterator[bytes]:
    """Send until the client leaves."""
    try:
        while True:
            yield b"x" * 100_000
    finally:
        note("closed")


@app.get("/file")
def file() -> Response:
    """Send a file."""
    return send_file(os.environ["SERVED_FILE"])


def main(server: str, descriptor: int) -> None:
    """Serve until the process is interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listener = socket.socket(fileno=descriptor)
    if server == "waitress":
        import waitress

        waitress.serve(app, sockets=[listener], threads=4)
        return
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    served = WSGIServer(listener.getsockname(), WSGIRequestHandler, bind_and_activate=False)
    served.socket.close()
    served.socket = listener
    served.server_name, served.server_port = "localhost", listener.getsockname()[1]
    served.setup_environ()
    served.set_app(app)
    # An exception of a handler may come where exceptions are ignored, in a destructor for example.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=served.shutdown).start())
    served.serve_forever(0.05)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except KeyboardInterrupt:
        pass
