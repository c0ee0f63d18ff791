"""The test client for ``async def`` tests, in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from costrel.app import App
from costrel.errors import Disconnect
from costrel.messages import Request, StreamResponse, WebSocket
from costrel.testing import AsyncTestClient

transaction: ContextVar[str] = ContextVar("transaction", default="none")
started: ContextVar[str] = ContextVar("started", default="no")


def make_app() -> App:
    """Make an application without extensions."""
    return App("tested", extensions=())


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run an ``async def`` test."""
    return asyncio.run(main)


@pytest.mark.capability("C160")
@pytest.mark.pain("P15")
def test_client_and_application_share_the_loop_and_its_objects() -> None:
    """A queue and a lock made by the test work in the handlers."""
    app = make_app()
    log: list[object] = []

    async def main() -> Any:
        queue: asyncio.Queue[str] = asyncio.Queue()
        lock = asyncio.Lock()

        @app.lifespan
        @asynccontextmanager
        async def life() -> AsyncIterator[None]:
            log.append(asyncio.get_running_loop())
            yield
            log.append("stopped")

        @app.get("/")
        async def take() -> str:
            log.append(asyncio.get_running_loop())
            async with lock:
                return await queue.get()

        async with app.async_test_client() as client:
            asyncio.get_running_loop().call_soon(queue.put_nowait, "from the test")
            response = await client.get("/")
        log.append(asyncio.get_running_loop())
        return response

    response = run(main())

    assert "from the test" == response.text
    assert [log[0], log[0], "stopped", log[0]] == log


def test_the_context_of_the_caller_is_kept() -> None:
    """A variable that the test has set is seen, so is one of start-up; what a request sets stays with it."""
    app = make_app()

    @app.on_start
    def start() -> None:
        started.set("yes")

    @app.get("/")
    async def show() -> list[str]:
        seen = [transaction.get(), started.get()]
        transaction.set("of the request")
        return seen

    async def main() -> Any:
        async with AsyncTestClient(app) as client:
            transaction.set("of the test")
            return [(await client.get("/")).json(), (await client.get("/")).json(), transaction.get(), started.get()]

    assert [["of the test", "yes"], ["of the test", "yes"], "of the test", "no"] == run(main())


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "query"])
def test_every_method_has_a_call(method: str) -> None:
    """The calls are named after the methods, and the first starts the application."""
    app = make_app()

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
    async def show(request: Request) -> str:
        return request.method

    async def main() -> Any:
        client = app.async_test_client()
        try:
            return [(await getattr(client, method)("/")).text, (await client.head("/")).status_code]
        finally:
            await client.aclose()

    assert [method.upper(), 200] == run(main())


def test_requests_run_side_by_side() -> None:
    """Two calls of one client are two requests at a time."""
    app = make_app()

    async def main() -> Any:
        both = asyncio.Barrier(2)

        @app.get("/{name}")
        async def meet(name: str) -> str:
            await both.wait()
            return name

        async with app.async_test_client() as client:
            return [response.text for response in await asyncio.gather(client.get("/a"), client.get("/b"))]

    assert ["a", "b"] == run(main())


@pytest.mark.capability("C161")
def test_a_stream_and_a_websocket() -> None:
    """Both are used by ``async with``, and leaving the block ends them."""
    app = make_app()
    log: list[str] = []

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            try:
                while True:
                    yield "tick\n"
            finally:
                log.append("closed")

        return StreamResponse(pieces())

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)
        log.append("left")

    async def main() -> Any:
        async with app.async_test_client() as client:
            async with client.stream("GET", "/stream") as response:
                async for line in response.aiter_lines():
                    break
            async with client.websocket("/echo") as socket:
                await socket.send_text("a")
                answers = [line, await socket.receive_text()]
                await socket.send_json({"b": 1})
                answers.append(await socket.receive_json())
                await socket.close()
                with pytest.raises(Disconnect):
                    await socket.send_bytes(b"late")
            return answers

    assert ["tick", "a", {"b": 1}] == run(main())
    assert ["closed", "left"] == log


@pytest.mark.capability("C163")
def test_events_are_captured() -> None:
    """As with the synchronous client."""
    app = make_app()

    @app.get("/")
    async def index() -> str:
        return ""

    async def main() -> Any:
        async with app.async_test_client() as client:
            with client.capture_events("request_finished") as events:
                await client.get("/")
            return [event["route"] for event in events]

    assert ["/"] == run(main())


def test_a_timeout_of_the_block_is_not_hidden_by_that_of_the_stop() -> None:
    """The first error tells more than the one that follows from it."""
    app = make_app()

    @app.get("/")
    async def hang() -> str:
        await asyncio.get_running_loop().create_future()
        return ""

    async def main() -> None:
        async with app.async_test_client(timeout_seconds=0.05) as client:
            await client.get("/")

    with pytest.raises(TimeoutError, match="has not answered GET /"):
        run(main())


Act = Callable[[AsyncTestClient], Coroutine[Any, Any, object]]


async def ask(client: AsyncTestClient) -> object:
    return await client.get("/hang")


async def read_a_stream(client: AsyncTestClient) -> object:
    async with client.stream("GET", "/stream") as response:
        return [piece async for piece in response.aiter_bytes()]


async def look_away_from_a_stream(client: AsyncTestClient) -> None:
    async with client.stream("GET", "/stream"):
        await asyncio.Event().wait()


async def listen_to_a_socket(client: AsyncTestClient) -> object:
    async with client.websocket("/socket") as socket:
        return await socket.receive()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(ask, id="a-request"),
        pytest.param(read_a_stream, id="the-next-piece-of-a-stream"),
        pytest.param(look_away_from_a_stream, id="something-else-in-the-block-of-a-stream"),
        pytest.param(listen_to_a_socket, id="the-next-message-of-a-socket"),
    ],
)
def test_a_test_that_is_cancelled_leaves_at_once(act: Act) -> None:
    """The application's work is cancelled with it, its teardown is over before, and the client goes on."""
    app = make_app()
    log: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("torn down")

    @app.get("/hang")
    async def hang() -> str:
        await wait()
        return ""

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await wait()

        return StreamResponse(pieces())

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await wait()

    @app.get("/after")
    async def after() -> str:
        return "after"

    async def main() -> list[object]:
        async with app.async_test_client() as client:
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.02):
                    await act(client)
            left_after_seconds = loop.time() - began
            return [str(caught.value), left_after_seconds < 0.5, *log, (await client.get("/after")).text]

    assert ["", True, "torn down", "after"] == run(main())


def test_a_test_that_is_cancelled_twice_waits_for_nothing() -> None:
    """A handler that does not let itself be cancelled is left behind, and ends when the application stops."""
    app = make_app()
    log: list[str] = []

    async def main() -> bool:
        released = asyncio.Event()
        is_asked = asyncio.Event()

        @app.get("/stubborn")
        async def stubborn() -> str:
            is_asked.set()
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    log.append("cancelled")
            return ""

        async with app.async_test_client() as client:
            loop = asyncio.get_running_loop()
            asking = asyncio.create_task(client.get("/stubborn"))
            await is_asked.wait()
            began = loop.time()
            for _ in range(2):
                asking.cancel()
                await asyncio.sleep(0.01)
            is_quick = asking.cancelled() and loop.time() - began < 0.5
            loop.call_soon(released.set)
        return is_quick

    assert run(main())
    assert ["cancelled", "cancelled"] == log
