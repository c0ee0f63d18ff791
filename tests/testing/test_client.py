"""The test client for plain tests: one loop, one thread, and a call for every method."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from costrel.app import App
from costrel.errors import ConfigurationError, ProgrammerError
from costrel.messages import Request, StreamResponse, WebSocket
from costrel.testing import TestClient


def make_app() -> App:
    """Make an application without extensions."""
    return App("tested", extensions=())


@pytest.mark.capability("C159")
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "query"])
def test_every_method_has_a_call(method: str) -> None:
    """The calls are named after the methods."""
    app = make_app()

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
    async def show(request: Request) -> str:
        return request.method

    with app.test_client() as client:
        assert method.upper() == getattr(client, method)("/").text


@pytest.mark.capability("C159")
def test_a_form_with_a_file_arrives() -> None:
    """Fields and files pass the real parser."""
    app = make_app()

    @app.post("/")
    def upload(request: Request) -> dict[str, str]:
        file = request.files["f"]
        return {"note": request.form["note"], "name": file.filename, "content": file.read().decode()}

    with app.test_client() as client:
        answer = client.post("/", data={"note": "n"}, files={"f": ("a.txt", b"abc")}).json()

    assert {"note": "n", "name": "a.txt", "content": "abc"} == answer


def test_a_head_request_has_no_content() -> None:
    """The fields are those of GET."""
    app = make_app()

    @app.get("/")
    async def index() -> str:
        return "hello"

    with app.test_client() as client:
        response = client.head("/")

    assert (200, b"", "5") == (response.status_code, response.content, response.headers["content-length"])


@pytest.mark.pain("P15")
def test_everything_runs_in_one_loop_and_in_the_callers_thread() -> None:
    """The lifespan, the requests and what the test runs share one loop; there is no second thread."""
    app = make_app()
    seen: list[tuple[asyncio.AbstractEventLoop, threading.Thread]] = []

    def look() -> None:
        seen.append((asyncio.get_running_loop(), threading.current_thread()))

    @app.lifespan
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        look()
        yield
        look()

    @app.get("/")
    async def index() -> str:
        look()
        return ""

    async def test_code() -> str:
        look()
        return "done"

    with app.test_client() as client:
        client.get("/")
        client.get("/")
        result = client.run(test_code())

    assert "done" == result
    assert 5 == len(seen)
    assert 1 == len(set(seen))
    assert threading.current_thread() is seen[0][1]


@pytest.mark.pain("P15")
def test_the_first_call_starts_the_application_and_close_stops_it() -> None:
    """Without a block the lifespan runs too, and again after a close."""
    app = make_app()
    log: list[str] = []
    app.on_start(lambda: log.append("start"))
    app.on_stop(lambda: log.append("stop"))

    @app.get("/")
    async def index() -> str:
        log.append("request")
        return ""

    client = app.test_client()
    client.get("/")
    client.get("/")
    client.close()
    client.close()
    with client:
        pass

    assert ["start", "request", "request", "stop", "start", "stop"] == log


def test_a_client_that_nobody_closed_stops_its_application() -> None:
    """What is forgotten is closed when it is collected, and leaves no open loop."""
    app = make_app()
    log: list[str] = []
    app.on_stop(lambda: log.append("stop"))
    client = app.test_client()
    client.start()
    del client
    gc.collect()

    assert ["stop"] == log


def test_a_coroutine_of_the_test_has_a_limit() -> None:
    """`run` fails when what it was given does not end."""
    with make_app().test_client() as client, pytest.raises(TimeoutError, match="what `run` was given"):
        client.run(asyncio.sleep(5), timeout_seconds=0.01)


@pytest.mark.capability("C163")
def test_events_are_captured_in_a_block() -> None:
    """Only the events of the names given, and only in the block."""
    app = make_app()

    @app.get("/{name}")
    async def visit(name: str) -> str:
        return name

    with app.test_client() as client:
        client.get("/before")
        with client.capture_events("request_finished") as events:
            client.get("/in")
        client.get("/after")

        with pytest.raises(ConfigurationError), client.capture_events("no_such_event"):
            pass

    assert [("request_finished", "/in", 200, 2)] == [
        (event.name, event["path"], event["status_code"], event["bytes_sent"]) for event in events
    ]


def test_a_client_that_is_forgotten_in_another_loop_leaves_no_open_loop() -> None:
    """Where nothing can be run its loop is closed at least."""
    clients = [make_app().test_client()]
    clients[0].start()
    loop = clients[0].run(_running_loop())

    async def main() -> None:
        clients.clear()
        gc.collect()

    asyncio.run(main())

    assert loop.is_closed()


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_a_running_loop_is_refused_with_the_fix() -> None:
    """In an ``async def`` test the error names the client for it."""

    async def main() -> None:
        TestClient(make_app()).get("/")

    with pytest.raises(ProgrammerError, match="async_test_client") as error:
        asyncio.run(main())

    assert "COS-TESTING-001" == error.value.code


def test_a_call_is_quick() -> None:
    """A hundred requests take no time to speak of: nothing polls."""
    app = make_app()

    @app.get("/")
    async def index() -> str:
        return ""

    with app.test_client() as client:
        started_at = time.perf_counter()
        for _ in range(100):
            client.get("/")

        assert time.perf_counter() - started_at < 2


@pytest.mark.parametrize("block", ["stream", "socket"])
def test_an_interrupted_block_does_not_wait_for_the_application(block: str) -> None:
    """Whoever presses Ctrl+C in a test that hangs is let go at once."""
    app = make_app()
    log: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("torn down")

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            await wait()

        return StreamResponse(pieces())

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await wait()

    with app.test_client() as client:
        began = time.monotonic()
        with (
            pytest.raises(KeyboardInterrupt),
            client.stream("GET", "/stream") if block == "stream" else client.websocket("/socket"),
        ):
            raise KeyboardInterrupt

        assert (["torn down"], True) == (log, time.monotonic() - began < 0.5)
