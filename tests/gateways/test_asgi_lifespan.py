"""Start and stop under an ASGI server, with its lifespan and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from costrel.app import App
from costrel.errors import BuildError
from costrel.gateways.asgi_lifespan import RunningLoops

color: ContextVar[str] = ContextVar("color")
UP, DOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


def make_app(log: list[str], failures: list[Exception] | None = None) -> App:
    """Make an application that tells of its start and its stop."""
    app = App("tested", extensions=())

    @app.lifespan
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        log.append("start")
        if failures:
            raise failures.pop()
        color.set("blue")
        yield
        log.append("stop")

    return app


@pytest.mark.pain("P13")
def test_the_server_starts_and_stops_the_application(asgi: SimpleNamespace) -> None:
    """The messages follow what happens, and the application runs in between."""
    log: list[str] = []
    server = asgi.Server(UP)

    async def main() -> list[bool]:
        loops = RunningLoops(make_app(log))
        seen = [asyncio.get_running_loop() in loops.running]
        serving = asyncio.create_task(loops.serve(server.receive, server.send))
        while not server.sent:
            await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop() in loops.running)
        server.incoming.put_nowait(DOWN)
        await serving
        return [*seen, asyncio.get_running_loop() in loops.running]

    assert [False, True, False] == asyncio.run(main())
    assert ["start", "stop"] == log
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == server.types


def test_a_failing_start_is_told_with_its_traceback(asgi: SimpleNamespace) -> None:
    """The server prints the message and gives up."""
    server = asgi.Server(UP)
    app = make_app([], [OSError("no database")])

    with pytest.raises(OSError, match="no database"):
        asyncio.run(RunningLoops(app).serve(server.receive, server.send))

    assert ["lifespan.startup.failed"] == server.types
    assert "OSError: no database" in server.sent[0]["message"]
    assert "raise failures.pop()" in server.sent[0]["message"]


def test_a_mistake_in_the_application_explains_itself(asgi: SimpleNamespace) -> None:
    """A build error is shown as it is written, without a traceback."""
    server = asgi.Server(UP)
    app = App("tested", extensions=())

    @app.get("/{a}")
    async def first(nonsense: asyncio.Lock) -> str:
        return ""

    with pytest.raises(BuildError):
        asyncio.run(RunningLoops(app).serve(server.receive, server.send))
    message = server.sent[0]["message"]

    assert "COS-HANDLER" in message
    assert "Traceback" not in message


def test_a_failing_stop_is_told(asgi: SimpleNamespace) -> None:
    """It has a message of its own."""
    server = asgi.Server(UP, DOWN)
    app = App("tested", extensions=())

    @app.on_stop
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(RunningLoops(app).serve(server.receive, server.send))

    assert ["lifespan.startup.complete", "lifespan.shutdown.failed"] == server.types
    assert "disk full" in server.sent[1]["message"]


def test_without_a_lifespan_the_first_requests_start_it_once() -> None:
    """Requests that come together wait for one start; the end of the loop stops it."""
    log: list[str] = []

    async def main() -> tuple[bool, bool]:
        loops = RunningLoops(make_app(log))
        first, second = await asyncio.gather(loops.ensure(), loops.ensure())
        third = await loops.ensure()
        return first is second is third, loops.running[asyncio.get_running_loop()] is first

    assert (True, True) == asyncio.run(main())
    assert ["start", "stop"] == log


def test_a_start_that_failed_is_tried_again() -> None:
    """Each of those who wait gets the exception, the next request tries anew."""
    log: list[str] = []

    async def main() -> list[str]:
        loops = RunningLoops(make_app(log, [OSError("no database")]))
        results = await asyncio.gather(loops.ensure(), loops.ensure(), return_exceptions=True)
        await loops.ensure()
        return [repr(result) for result in results]

    assert ["OSError('no database')"] * 2 == asyncio.run(main())
    assert ["start", "start", "stop"] == log


def test_each_loop_has_a_state_of_its_own() -> None:
    """One application runs on several loops, one after the other or at once."""
    log: list[str] = []
    loops = RunningLoops(make_app(log))

    async def main() -> int:
        return id((await loops.ensure()).loop_state)

    with asyncio.Runner() as outer:
        first = outer.run(main())
        second = asyncio.run(main())

        assert first == outer.run(main())
    assert first != second
    assert ["start", "start", "stop", "stop"] == log


def test_what_start_up_has_set_is_kept() -> None:
    """The variables of the start can be set where a request begins, and nothing else is."""
    other: ContextVar[str] = ContextVar("other")

    async def main() -> list[str]:
        running = await RunningLoops(make_app([])).ensure()
        color.set("of the server")
        other.set("kept")
        running.variables.set()
        return [color.get(), other.get()]

    assert ["blue", "kept"] == asyncio.run(main())


def test_the_first_request_does_not_colour_the_application() -> None:
    """A variable of the request that happens to be first is not part of every later one's context."""

    async def main() -> bool:
        color.set("of the first request")
        seen: list[str | None] = []
        app = App("tested", extensions=())
        app.on_start(lambda: seen.append(color.get(None)))
        await RunningLoops(app).ensure()
        return seen == [None]

    assert asyncio.run(main())


def test_a_stop_at_the_end_of_the_loop_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it, so it is not silent."""
    app = App("tested", extensions=())

    @app.on_stop
    def fail() -> None:
        raise OSError("disk full")

    asyncio.run(RunningLoops(app).ensure())

    assert "application_stop_failed" in caplog.text
