"""Layers run around the handler in the same task, and cost a stream nothing."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import pytest

from costrel import App, Request, Response, StreamResponse
from costrel.messages import Dispatch
from costrel.testing import TestClient

user: ContextVar[str] = ContextVar("user", default="nobody")
MIB = 1024 * 1024
PIECE = bytes(MIB // 4)


async def nothing(request: Request, call_next: Dispatch) -> Response:
    """Do nothing."""
    return await call_next(request)


def app_with_layers(*layers: Any) -> App:
    """Make an application with five layers, three of it and two of a route."""
    return App("test", extensions=(), use=layers or [nothing] * 5)


@pytest.mark.pain("P1")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_variable_of_the_handler_is_seen_by_every_layer(kind: str) -> None:
    """After `call_next` it has the value of the handler, and both ran in one task."""
    seen: list[object] = []

    async def look(request: Request, call_next: Dispatch) -> Response:
        task = asyncio.current_task()
        response = await call_next(request)
        seen.append((user.get(), asyncio.current_task() is task))
        return response

    app = app_with_layers(look, nothing, look)

    async def handler() -> str:
        user.set("Ann")
        return "x"

    def handler_in_thread() -> str:
        user.set("Ann")
        return "x"

    app.add_route("/", handler if kind == "async" else handler_in_thread, use=[look])

    with TestClient(app) as client:
        client.get("/")

    assert [("Ann", True)] * 3 == seen
    assert "nobody" == user.get()


@pytest.mark.pain("P1")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_long_stream_through_five_layers_stays_small(kind: str) -> None:
    """64 MiB pass five layers piece by piece; nothing gathers them, and no task is started for it."""
    app = app_with_layers()
    tasks: set[int] = set()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(256):
            tasks.add(len(asyncio.all_tasks()))
            yield PIECE

    def pieces_in_thread() -> Iterator[bytes]:
        for _ in range(256):
            yield PIECE

    @app.get("/")
    async def download() -> StreamResponse:
        return StreamResponse(pieces() if kind == "async" else pieces_in_thread())

    with TestClient(app) as client:
        client.get("/missing")
        size = 0
        tracemalloc.start()
        try:
            with client.stream("GET", "/") as response:
                for piece in response.iter_bytes():
                    size += len(piece)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert 64 * MIB == size
    assert peak < 4 * MIB
    # The lifespan, the request, and the step of the client that waits for a piece.
    assert max(tasks, default=0) <= 3


def files_of(traceback: TracebackType | None) -> Iterator[str]:
    """Yield the file of each frame."""
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename.replace("\\", "/")
        traceback = traceback.tb_next


@pytest.mark.pain("P1")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_an_error_has_a_short_traceback_and_no_group(kind: str) -> None:
    """Between the layers and the handler there are neither groups nor frames of tasks, and layers add none."""
    lengths = []
    for layer_count in (0, 5):
        failures: list[Exception] = []
        app = App("test", extensions=(), use=[nothing] * layer_count)
        app.on("request_failed", lambda fields, failures=failures: failures.append(fields["exception"]))

        async def fail() -> str:
            raise LookupError("mine")

        def fail_in_thread() -> str:
            raise LookupError("mine")

        app.add_route("/", fail if kind == "async" else fail_in_thread)
        with TestClient(app, raise_app_exceptions=False) as client:
            assert 500 == client.get("/").status_code

        [failure] = failures
        files = list(files_of(failure.__traceback__))

        assert (LookupError, None, None) == (type(failure), failure.__cause__, failure.__context__)
        assert files[-1] == __file__.replace("\\", "/")
        assert [] == [file for file in files if "/asyncio/" in file or "/concurrent/" in file or "anyio" in file]
        lengths.append(len(files))

    assert lengths[0] == lengths[1] <= 6


@pytest.mark.pain("P1")
def test_a_client_that_leaves_is_seen_through_five_layers() -> None:
    """The stream behind them is closed, and its handler's request knows."""
    app = app_with_layers()
    ended = threading.Event()
    seen: list[bool] = []

    @app.get("/")
    async def endless(request: Request) -> StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                seen.append(request.is_disconnected)
                ended.set()

        return StreamResponse(pieces())

    with TestClient(app) as client, client.stream("GET", "/") as response:
        next(response.iter_bytes())

    assert ended.is_set()
    assert [True] == seen
