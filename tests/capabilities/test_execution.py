"""What an application may rely on about threads and loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from costrel import App, FileResponse, StreamResponse, WebSocket
from costrel.app import AppSettings
from costrel.testing import AsyncTestClient


@pytest.mark.capability("N04")
@pytest.mark.pain("P4")
def test_taken_handler_threads_hold_up_no_files(tmp_path: Path) -> None:
    """Files are read in threads of their own, and who starves is counted."""
    (tmp_path / "large.bin").write_bytes(b"x" * 300_000)
    app = App("test", extensions=(), settings=AppSettings(threads=2))
    gate = threading.Event()

    @app.get("/block")
    def block() -> str:
        assert gate.wait(5)
        return "done"

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "large.bin")

    @app.get("/stats")
    async def stats() -> list[int]:
        handlers = app.execution.stats().handlers
        return [handlers.threads, handlers.busy, handlers.waiting]

    async def main() -> list[object]:
        async with AsyncTestClient(app) as client:
            taken = [asyncio.create_task(client.get("/block")) for _ in range(2)]
            while [2, 2, 0] != (await client.get("/stats")).json():
                await asyncio.sleep(0)
            starving = asyncio.create_task(client.get("/block"))
            while [2, 2, 1] != (await client.get("/stats")).json():
                await asyncio.sleep(0)
            size = len((await client.get("/file")).content)
            shown = (await client.get("/stats")).json()
            gate.set()
            answers = [(await task).text for task in (*taken, starving)]
            return [size, shown, answers]

    assert [300_000, [2, 2, 1], ["done"] * 3] == asyncio.run(main())


@pytest.mark.capability("N23")
@pytest.mark.capability("C160")
def test_one_async_client_does_all_of_it_in_the_loop_of_the_test() -> None:
    """Lifespan, requests side by side, a stream and a WebSocket meet in one queue that the test has made."""
    app = App("test", extensions=())
    log: list[str] = []

    async def main() -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()

        @app.lifespan
        @asynccontextmanager
        async def life() -> AsyncIterator[None]:
            log.append("start")
            yield
            log.append("stop")

        @app.get("/take")
        async def take() -> str:
            return await queue.get()

        @app.post("/put/{text}")
        async def put(text: str) -> None:
            await queue.put(text)

        @app.get("/stream")
        async def stream() -> StreamResponse:
            async def pieces() -> AsyncIterator[str]:
                while (text := await queue.get()) != "end":
                    yield text

            return StreamResponse(pieces())

        @app.websocket("/socket")
        async def socket(socket: WebSocket) -> None:
            async for message in socket:
                await socket.send(f"{message} {queue.qsize()}")

        async with AsyncTestClient(app) as client:
            waiting = asyncio.create_task(client.get("/take"))
            await client.post("/put/first")
            log.append((await waiting).text)
            queue.put_nowait("piece")
            async with client.stream("GET", "/stream") as response:
                log.append((await anext(response.aiter_bytes())).decode())
                queue.put_nowait("end")
            queue.put_nowait("left")
            async with client.websocket("/socket") as connection:
                await connection.send_text("size")
                log.append(await connection.receive_text())

    asyncio.run(main())

    assert ["start", "first", "piece", "size 1", "stop"] == log
