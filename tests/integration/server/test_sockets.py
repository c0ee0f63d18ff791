"""Tests of the server on real sockets, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from costrel.errors import HTTPError
from costrel.execution import LoopState
from costrel.messages import DEFAULT_LIMITS, Request, Response
from costrel.server import Server, ServerSettings

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def loop_factories() -> list[Any]:
    factories = [pytest.param(asyncio.new_event_loop, id="asyncio")]
    with contextlib.suppress(ImportError):
        import uvloop

        factories.append(pytest.param(uvloop.new_event_loop, id="uvloop"))
    return factories


class SmallApplication:
    """An `Application` of one handler."""

    name = "small"
    settings = DEFAULT_LIMITS
    debug = False

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self.handler = handler
        self.life: list[str] = []

    async def dispatch(self, request: Request) -> Response:
        try:
            return await self.handler(request)
        except HTTPError as error:
            return Response(b"", error.status_code)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[LoopState]:
        state = LoopState.start(asyncio.get_running_loop())
        self.life.append("start")
        try:
            yield state
        finally:
            self.life.append("stop")
            await state.aclose(1.0)

    def listens(self, event: str) -> bool:
        return False

    def emit(self, event: str, fields: Mapping[str, object]) -> None: ...

    def url_for(self, name: str, /, **values: object) -> str:
        raise LookupError(name)

    def make_globals(self) -> object:
        return object()


async def echo(request: Request) -> Response:
    await request.read()
    return Response(f"{request.method} {request.path} {len(request.body)}".encode(), media_type="text/plain")


@asynccontextmanager
async def running(handler: Callable[[Request], Awaitable[Response]] = echo, **settings: Any) -> AsyncIterator[Any]:
    server = Server(SmallApplication(handler), ServerSettings(port=0, **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = server.addresses[0].rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def talk(server: Server, data: bytes, timeout_seconds: float = 0.4) -> bytes:
    """Send and return all that comes until the server closes or says nothing more for a while."""
    reader, writer = await connect(server)
    received = b""
    with contextlib.suppress(ConnectionError, TimeoutError, asyncio.TimeoutError):
        writer.write(data)
        while piece := await asyncio.wait_for(reader.read(65536), timeout_seconds):
            received += piece
    writer.close()
    return received


@pytest.fixture(params=loop_factories())
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    def run_main(main: Any) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main())

    return run_main


@pytest.mark.pain("P2")
def test_pipelined_requests_have_fresh_contexts(run: Any) -> None:
    """No context variable passes from one request to the next on a connection."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        await request.read()
        seen.append(variable.get())
        variable.set(request.path)
        return Response(b"ok")

    async def main() -> None:
        async with running(handler) as server:
            big = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000)
            answers = await talk(server, GET % 1 + GET % 2 + big + GET % 3)

            assert 4 == answers.count(b" 200 OK")
            assert ["default"] * 4 == seen

    run(main)


def test_answer_to_a_bad_request_arrives(run: Any) -> None:
    """The answer to a bad request is read by the client although it was still sending."""

    async def main() -> None:
        async with running() as server:
            answer = await talk(server, b"GET / HTTP/1.1\r\n\r\n" + bytes(50_000))

            assert answer.startswith(b"HTTP/1.1 400 ")

    run(main)


def test_large_stream_in_flat_memory(run: Any) -> None:
    """A stream is sent in chunks and waits for the client."""

    class Pieces:
        content_length = None
        left = 200

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return b"x" * 65536

        async def aclose(self) -> None: ...

    async def handler(request: Request) -> Response:
        return Response(Pieces())

    async def main() -> None:
        async with running(handler) as server:
            answer = await talk(server, GET % 1)

            assert answer.count(b"10000\r\n") >= 200
            assert answer.endswith(b"\r\n0\r\n\r\n")

    run(main)


@pytest.mark.security("I4")
def test_reader_that_does_not_read(run: Any) -> None:
    """A client that reads nothing is cut off, and its producer is stopped."""
    closed = []

    class Endless:
        content_length = None
        count = 0

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            self.count += 1
            return b"x" * 65536

        async def aclose(self) -> None:
            closed.append(self.count)

    async def handler(request: Request) -> Response:
        return Response(Endless())

    async def main() -> None:
        async with running(handler, write_timeout_seconds=0.3) as server:
            host, _, port = server.addresses[0].rpartition(":")
            with socket.create_connection((host, int(port))) as client:
                client.setblocking(False)
                client.send(GET % 1)
                for _ in range(40):
                    await asyncio.sleep(0.05)
                    if closed:
                        break

            assert closed
            assert closed[0] < 1000

    run(main)


@pytest.mark.pain("P10")
def test_reset_client_wakes_the_handler(run: Any) -> None:
    """A client that resets its connection wakes whoever waits for it."""
    woken = asyncio.Event()

    async def handler(request: Request) -> Response:
        await request.wait_disconnected()
        woken.set()
        return Response(b"")

    async def main() -> None:
        async with running(handler) as server:
            _, writer = await connect(server)
            writer.write(GET % 1)
            await asyncio.sleep(0.05)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await asyncio.wait_for(woken.wait(), 1)

    run(main)


@pytest.mark.pain("P9")
def test_stop_finishes_what_runs_and_cancels_what_stays(run: Any) -> None:
    """Stopping waits for requests in flight, cancels those that stay, and always ends the application."""
    outcome: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            await asyncio.sleep(0.1 if request.path == "/1" else 30)
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise
        return Response(b"done")

    async def main() -> None:
        server = Server(SmallApplication(handler), ServerSettings(port=0, graceful_timeout_seconds=0.4))
        await server.start()
        answers = [asyncio.ensure_future(talk(server, GET % number, 3)) for number in (1, 2)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await server.stop()

        assert time.monotonic() - began < 3
        assert b"done" in await answers[0]
        assert b"connection: close" in await answers[0]
        assert (await answers[1]).startswith(b"HTTP/1.1 503 ")
        assert ["cancelled"] == outcome
        assert ["start", "stop"] == server.application.life

    run(main)


def test_unix_socket(run: Any, tmp_path: Path) -> None:
    """A Unix socket serves as a TCP one does, and a file that is no socket is left alone."""

    async def main() -> None:
        path = str(tmp_path / "s")
        for _ in range(2):
            async with running(uds=path):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(GET % 1)

                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
                writer.close()

    run(main)


@pytest.mark.security("A1-A47")
@pytest.mark.parametrize(
    "name", ["cl-te", "ch-ext-64k", "hdr-val-1M", "pipeline-bad2nd", "upgrade-body-smuggle", "tls-hello"]
)
def test_vectors_on_sockets(run: Any, name: str) -> None:
    """A choice of the raw vectors gets its answers through real sockets too."""
    spec = importlib.util.spec_from_file_location("appendix_a", ROOT / "tests" / "conformance" / "appendix_a.py")
    assert spec is not None
    assert spec.loader is not None
    vectors: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vectors)

    async def main() -> None:
        async with running() as server:
            answer = await talk(server, vectors.VECTORS[name])
            expected = vectors.ANSWERS.get(name, ({400},))
            statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]

            assert len(expected) == len(statuses)
            assert all(status in allowed for status, allowed in zip(statuses, expected, strict=True))

    run(main)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_process_stops_on_a_signal(loop: str, tmp_path: Path) -> None:
    """The first SIGTERM ends the process with code 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "bare_application.py"), str(port)],
        env={**os.environ, "COSTREL_LOOP": loop, "PYTHONPATH": str(ROOT / "src")},
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
                client.sendall(GET % 1)

                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)

        assert 0 == process.wait(5)
    finally:
        process.kill()
        process.wait()
