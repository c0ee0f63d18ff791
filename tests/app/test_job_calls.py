"""A job's handler is called with what its parameters ask for, outside of any request."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from costrel.app import App, current_app, g, has_request_context, request
from costrel.errors import OutsideRequest, ProgrammerError
from costrel.handling import Depends
from costrel.messages import Request
from costrel.scheduling import RunTimedOut, ScheduledRun


class Database:
    """What a provider makes; it notes how it was left."""

    def __init__(self) -> None:
        self.left: list[BaseException | None] = []


def run(app: App, name: str = "job") -> object:
    """Run a job in a test client."""
    with app.test_client() as client:
        return client.run(app.scheduled[name].run())


def connect() -> str:
    """A provider that fails."""
    raise ConnectionError("away")


def with_database(database: Database) -> App:
    app = App("app")

    def provide() -> Iterator[Database]:
        try:
            yield database
        except BaseException as error:
            database.left.append(error)
            raise
        database.left.append(None)

    app.provide(Database, provide)
    return app


@pytest.mark.parametrize("colour", ["def", "async def", "partial", "object", "method"])
def test_parameters_are_bound_by_type(colour: str) -> None:
    """Providers, what they depend on, the run and defaults; ``def`` in a thread, ``async def`` on the loop."""
    database = Database()
    app = with_database(database)
    threads: list[bool] = []

    def work(database: Database, run: ScheduledRun, count: int = 3) -> tuple[Database, str, int]:
        threads.append(threading.current_thread() is threading.main_thread())
        return database, run.name, count

    async def work_on_loop(database: Database, run: ScheduledRun, count: int = 3) -> tuple[Database, str, int]:
        return work(database, run, count)

    class Worker:
        async def __call__(self, database: Database, run: ScheduledRun, count: int = 3) -> tuple[Database, str, int]:
            return work(database, run, count)

        def method(self, database: Database, run: ScheduledRun, count: int = 3) -> tuple[Database, str, int]:
            return work(database, run, count)

    handlers: dict[str, Any] = {
        "def": work,
        "async def": work_on_loop,
        "partial": functools.partial(work, count=3),
        "object": Worker(),
        "method": Worker().method,
    }
    app.every("1h", name="job")(handlers[colour])

    assert (database, "job", 3) == run(app)
    assert [colour in ("async def", "object")] == threads
    assert [None] == database.left


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_what_a_handler_raises_reaches_its_providers(colour: str) -> None:
    """So a transaction is rolled back; whoever asked for the run gets the exception itself."""
    database, error = Database(), ValueError("x")
    app = with_database(database)

    def fail(database: Database) -> None:
        raise error

    async def fail_on_loop(database: Database) -> None:
        raise error

    app.every("1h", name="job")(fail if colour == "def" else fail_on_loop)
    with pytest.raises(ValueError) as caught:
        run(app)

    assert error is caught.value
    assert [error] == database.left


def test_a_provider_that_fails_is_the_failure_of_the_run() -> None:
    """The handler is not called."""
    app = App("app")

    def job(database: Annotated[str, Depends(connect)]) -> None:
        raise AssertionError

    app.every("1h")(job)
    with pytest.raises(ConnectionError, match="away"):
        run(app)


def test_the_context_is_that_of_an_application() -> None:
    """`current_app`, `g` and `url_for` are there, a request is not."""
    app = App("app")
    app.get("/orders/{id}", name="order")(lambda id: "x")

    def job() -> list[object]:
        g.seen = True
        with pytest.raises(OutsideRequest):
            request.path
        return [current_app.name, g.seen, app.url_for("order", id=3), has_request_context()]

    app.every("1h")(job)

    assert ["app", True, "/orders/3", False] == run(app)


def test_values_of_the_application_are_there() -> None:
    """Those with the lifetime ``app`` too, and overrides in tests."""
    app = App("app")
    app.provide(Database, Database, lifetime="app")

    async def job(database: Database, app: App) -> tuple[Database, App]:
        return database, app

    app.every("1h")(job)
    fake = Database()
    with app.override(Database, lambda: fake):
        assert (fake, app) == run(app)

    found = run(app)
    assert isinstance(found, tuple)
    assert fake is not found[0]


def test_an_async_handler_that_takes_too_long_is_cancelled() -> None:
    """Its providers see that the run was given up, and nothing lingers."""
    app, database, seen = App("app"), Database(), []

    async def provide() -> AsyncIterator[Database]:
        try:
            yield database
        except BaseException as error:
            database.left.append(error)
            raise

    app.provide(Database, provide)

    async def job(database: Database) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    app.every("1h", timeout_seconds=0.005)(job)
    with pytest.raises(RunTimedOut) as caught:
        run(app)

    assert caught.value.lingering is None
    assert ["cancelled"] == seen
    assert ["RequestAbandoned"] == [type(error).__name__ for error in database.left]


def test_a_thread_that_takes_too_long_is_left_and_waited_for() -> None:
    """It cannot be stopped; `RunTimedOut.lingering` is done when it has ended."""
    app = App("app")
    released = threading.Event()

    def job() -> None:
        released.wait(5)

    app.every("1h", timeout_seconds=0.1)(job)

    async def watch() -> list[bool]:
        with pytest.raises(RunTimedOut) as caught:
            await app.scheduled["job"].run()
        lingering = caught.value.lingering
        assert lingering is not None
        was_done = lingering.done()
        released.set()
        await lingering
        return [was_done, lingering.done()]

    with app.test_client() as client:
        assert [False, True] == client.run(watch())


def test_a_run_needs_an_application_that_runs() -> None:
    """Elsewhere there are no threads and no values."""
    app = App("app")
    app.every("1h", name="job")(lambda: None)
    with pytest.raises(ProgrammerError) as caught:
        asyncio.run(app.scheduled["job"].run())

    assert "COS-SCHEDULE-008" == caught.value.code


def test_what_was_to_be_done_at_the_end_is_done() -> None:
    """The stand-in for a request ends as a request does."""
    app = App("app")
    ended: list[bool] = []

    async def job(request: Request) -> None:
        request.on_end(lambda request: ended.append(request.ended))

    app.every("1h")(job)
    run(app)

    assert [False] == ended
