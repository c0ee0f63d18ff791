"""Start and stop: one list, entered in order, left in reverse, rolled back when a step fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from threading import Event

import pytest

from costrel.app import App
from costrel.app.lifecycle import current_loop_state
from costrel.messages import Dispatch, Request, Response, State
from costrel.testing import TestClient

started: ContextVar[str] = ContextVar("started", default="no")


class Mine(State):
    """Typed values of a running application."""

    db: str
    count: int


def run(app: App) -> None:
    """Start and stop an application."""

    async def main() -> None:
        async with app.lifespan():
            pass

    asyncio.run(main())


@pytest.mark.pain("P13")
@pytest.mark.capability("C072")
def test_every_kind_of_entry_is_in_one_list() -> None:
    """Generators, context managers and functions, async or not, in the order of registration."""
    app = App("test", extensions=())
    log: list[str] = []

    @app.lifespan
    async def first(app: App) -> AsyncIterator[None]:
        log.append(f"+1 {app.name}")
        yield
        log.append("-1")

    @app.lifespan
    def second() -> Iterator[None]:
        log.append("+2")
        yield
        log.append("-2")

    @app.on_start
    async def third() -> None:
        log.append("+3")

    @app.on_stop
    def fourth() -> None:
        log.append("-4")

    @app.lifespan
    @asynccontextmanager
    async def fifth() -> AsyncIterator[None]:
        log.append("+5")
        yield
        log.append("-5")

    @app.lifespan
    @contextmanager
    def sixth() -> Iterator[None]:
        log.append("+6")
        yield
        log.append("-6")

    run(app)

    assert ["+1 test", "+2", "+3", "+5", "+6", "-6", "-5", "-4", "-2", "-1"] == log


@pytest.mark.capability("C072")
@pytest.mark.parametrize("failing", [0, 2, 4])
def test_a_start_that_fails_is_rolled_back(failing: int) -> None:
    """What had started is stopped in reverse, what had not is left alone, and the error goes on."""
    app = App("test", extensions=())
    log: list[str] = []

    def add(number: int) -> None:
        @app.lifespan
        async def step() -> AsyncIterator[None]:
            if number == failing:
                raise ConnectionError("no database")
            log.append(f"+{number}")
            yield
            log.append(f"-{number}")

    for number in range(5):
        add(number)

    with pytest.raises(ConnectionError, match="no database"):
        run(app)

    assert [f"+{n}" for n in range(failing)] + [f"-{n}" for n in reversed(range(failing))] == log


def test_a_stop_that_fails_does_not_keep_the_others_from_stopping() -> None:
    """All steps are left although one raises; the error is not lost."""
    app = App("test", extensions=())
    log: list[str] = []

    @app.on_stop
    def last() -> None:
        log.append("stopped")

    @app.on_stop
    def fails() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        run(app)

    assert ["stopped"] == log


@pytest.mark.capability("C063")
def test_what_a_lifespan_yields_is_state() -> None:
    """A mapping becomes attributes of `app.state`; each running application has its own."""

    app = App("test", extensions=(), state=Mine(count=0))

    @app.lifespan
    async def connect() -> AsyncIterator[dict[str, object]]:
        yield {"db": "connected"}

    @app.get("/")
    async def index(state: Mine) -> list[object]:
        state.count += 1
        return [state.db, state.count]

    for _ in range(2):
        with TestClient(app) as client:
            assert ["connected", 1] == client.get("/").json()
            assert ["connected", 2] == client.get("/").json()

    assert "db" not in app.state


@pytest.mark.capability("C063")
def test_state_that_was_never_set_explains_itself() -> None:
    """A name that nobody set is an error that lists what there is."""
    app = App("test", extensions=(), state=State(db=1))

    with pytest.raises(AttributeError, match="`cache` has not been set here; what has been set is `db`"):
        _ = app.state.cache


@pytest.mark.pain("P13")
def test_variables_set_at_start_are_in_every_request() -> None:
    """The context after start-up is what every request begins with, threads included."""
    app = App("test", extensions=())

    @app.lifespan
    async def begin() -> AsyncIterator[None]:
        started.set("yes")
        yield

    app.add_route("/sync", lambda: started.get(), name="sync")

    @app.get("/async")
    async def of_loop() -> str:
        return started.get()

    with TestClient(app) as client:
        assert ["yes", "yes"] == [client.get("/sync").text, client.get("/async").text]


@pytest.mark.pain("P13")
@pytest.mark.capability("C073")
def test_mounted_applications_start_after_and_stop_before_those_around_them() -> None:
    """At any depth, and each once, also one that is mounted twice."""
    log: list[str] = []

    def make(name: str) -> App:
        app = App(name, extensions=())

        @app.lifespan
        async def life() -> AsyncIterator[None]:
            log.append(f"+{name}")
            yield
            log.append(f"-{name}")

        return app

    parent, child, grandchild = make("parent"), make("child"), make("grandchild")
    child.mount("/g", grandchild)
    parent.mount("/c", child)
    parent.mount("/again", grandchild)

    run(parent)

    assert ["+parent", "+child", "+grandchild", "-grandchild", "-child", "-parent"] == log


def test_one_application_runs_on_several_loops_one_after_the_other() -> None:
    """Nothing of the first loop is left for the second."""
    app = App("test", extensions=())
    states: list[object] = []
    app.on_start(lambda: states.append(current_loop_state.get()))

    run(app)
    run(app)

    assert 2 == len(set(map(id, states)))
    assert not app._running


def test_events_tell_of_start_and_stop() -> None:
    """`app_stopping` comes before anything stops, also in mounted applications."""
    log: list[str] = []
    parent, child = App("parent", extensions=()), App("child", extensions=())
    parent.mount("/c", child)
    for app in (parent, child):
        for event in ("app_built", "app_started", "app_stopping", "app_stopped"):
            app.on(event, lambda fields, event=event: log.append(f"{event} {fields['app'].name}"))
    parent.on_stop(lambda: log.append("on_stop"))

    run(parent)

    assert [
        "app_built child",
        "app_built parent",
        "app_started child",
        "app_started parent",
        "app_stopping parent",
        "app_stopping child",
        "app_stopped child",
        "on_stop",
        "app_stopped parent",
    ] == log


@pytest.mark.pain("P13")
def test_a_stop_waits_for_the_exits_of_an_abandoned_thread() -> None:
    """A handler that outlives its deadline and the stop of the application is torn down before the application is."""
    events: list[str] = []
    may_return = Event()
    app = App(extensions=())

    async def impatient(request: Request, call_next: Dispatch) -> Response:
        request.deadline_seconds = 0.01
        return await call_next(request)

    async def connect() -> AsyncIterator[Mine]:
        yield Mine()
        await asyncio.sleep(0)
        events.append("provider")

    app.provide(Mine, connect)

    @app.teardown_request
    async def tear_down() -> None:
        events.append("teardown")

    @app.on_stop
    async def stop() -> None:
        events.append("stop")

    @app.get("/", use=[impatient])
    def handler(mine: Mine) -> str:
        may_return.wait(5)
        events.append("handler")
        return "late"

    app.on("app_stopping", lambda fields: may_return.set())
    with TestClient(app) as client:
        status_code = client.get("/").status_code

    assert 503 == status_code
    assert {"handler", "teardown", "stop"} <= set(events)
    assert events.index("teardown") < events.index("stop")
