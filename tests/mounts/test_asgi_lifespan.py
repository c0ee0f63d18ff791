"""Joining the lifespan of a foreign application: start, stop, state, and what can fail."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from costrel import App
from costrel.errors import ConfigurationError
from costrel.execution import LoopState
from costrel.mounts import ASGIMount, asgi_lifespan as module
from costrel.mounts.asgi_types import Message, Receive, Scope, Send

pytestmark = pytest.mark.pain("P13")

variable: ContextVar[str] = ContextVar("variable", default="unset")
COMPLETE: Message = {"type": "lifespan.startup.complete"}
STOPPED: Message = {"type": "lifespan.shutdown.complete"}


class Child:
    """An application with a lifespan that is told what to do.

    Args:
        sends: messages after the start, and after the stop.
        raises: when it raises: ``"scope"``, ``"start"``, ``"running"``, ``"stop"`` or ``""``.
    """

    def __init__(self, *sends: Message, raises: str = "", notes: list[str] | None = None) -> None:
        self.sends = sends or (COMPLETE, STOPPED)
        self.raises = raises
        self.notes: list[str] = notes if notes is not None else []
        self.running = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.fail_at("scope")
        assert {"type": "lifespan.startup"} == await receive()
        self.fail_at("start")
        variable.set("set by the child")
        scope["state"]["pool"] = "open"
        self.notes.append("started")
        await send(self.sends[0])
        self.fail_at("running")
        assert {"type": "lifespan.shutdown"} == await receive()
        self.fail_at("stop")
        self.notes.append("stopped")
        if len(self.sends) > 1:
            await send(self.sends[1])

    def fail_at(self, place: str) -> None:
        if self.raises == place:
            raise LookupError(f"at {place}")


@asynccontextmanager
async def running(application: Any, **settings: Any) -> Any:
    loop_state = LoopState.start(asyncio.get_running_loop())
    mount = ASGIMount(application, name="old")
    try:
        async with mount.lifespan(loop_state):
            yield mount, loop_state
    finally:
        await loop_state.aclose(1)
        assert [] == [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("costrel.")]


def test_a_child_starts_and_stops_with_the_block() -> None:
    """Its state is kept for its requests, and its context variables are seen from then on."""

    async def main() -> None:
        child = Child()
        async with running(child) as (mount, loop_state):
            assert ["started"] == child.notes
            assert {"pool": "open"} == loop_state.values[mount]
            assert "set by the child" == variable.get()
        assert ["started", "stopped"] == child.notes
        assert mount not in loop_state.values

    asyncio.run(main())


def test_a_mount_starts_once_on_a_loop() -> None:
    """Entering it a second time joins what runs."""

    async def main() -> None:
        child = Child()
        async with running(child) as (mount, loop_state):
            async with mount.lifespan(loop_state):
                assert ["started"] == child.notes
            assert ["started"] == child.notes

    asyncio.run(main())


@pytest.mark.parametrize(
    ("raises", "level"), [("scope", logging.INFO), ("start", logging.WARNING)], ids=["at-the-scope", "at-the-start"]
)
def test_a_child_without_lifespan_is_served(raises: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """One that raises before it has answered knows none; if it has taken the message, the log says it louder."""

    async def main() -> None:
        async with running(Child(raises=raises)):
            pass

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    [record] = [record for record in caplog.records if record.name == "costrel.mounts"]
    assert level == record.levelno
    assert f"mount_without_lifespan mount=old error=LookupError('at {raises}')" == record.message


def test_a_child_that_returns_at_once_is_served() -> None:
    """It knows no lifespan either."""

    async def returns(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def sends_http(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def main() -> None:
        for application in (returns, sends_http):
            async with running(application):
                pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("child", "what", "why"),
    [
        pytest.param(
            lambda: Child({"type": "lifespan.startup.failed", "message": "no pool"}, raises="running"),
            "The mounted application `old` failed to start.",
            "It says: no pool",
            id="start-failed",
        ),
        pytest.param(
            lambda: Child(COMPLETE, {"type": "lifespan.shutdown.failed"}),
            "The mounted application `old` failed to stop.",
            "It says: nothing",
            id="stop-failed",
        ),
        pytest.param(
            lambda: Child(raises="stop"),
            "The mounted application `old` failed to stop.",
            "It says: LookupError('at stop')",
            id="raises-at-stop",
        ),
        pytest.param(
            lambda: Child(raises="running"),
            "The mounted application `old` failed to stop.",
            "It says: LookupError('at running')",
            id="raises-meanwhile",
        ),
    ],
)
def test_failures_name_the_child(child: Any, what: str, why: str) -> None:
    """COS-MOUNT-004 says which application has failed, and what it said."""

    async def main() -> None:
        async with running(child()):
            await asyncio.sleep(0)

    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(main())
    mistake = raised.value.mistake
    assert ("COS-MOUNT-004", what, why) == (mistake.code, mistake.what, mistake.why)


def test_a_child_that_returns_without_a_word_at_its_stop_is_forgiven() -> None:
    """The end of the lifespan says enough."""

    async def main() -> None:
        async with running(Child(COMPLETE)):
            pass

    asyncio.run(main())


def test_a_lifespan_that_ends_early_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """What has broken off while requests are served is named when it happens."""

    async def ends(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)

    async def main() -> None:
        async with running(ends):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert ["mount_lifespan_ended_early mount=old"] == [record.message for record in caplog.records]

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())


def test_a_child_that_does_not_stop_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop is bounded, and the log says who took too long."""
    notes = []

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        try:
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    async def main() -> None:
        async with module.joined_lifespan(hangs, {}, "old", 0.01):
            pass

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert ["cancelled"] == notes
    assert ["mount_did_not_stop mount=old stop_seconds=0.01"] == [record.message for record in caplog.records]


def test_a_child_that_goes_on_after_its_last_word_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lifespan.shutdown.complete` is the end, whatever comes behind it."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.01)

    async def lingers(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        await receive()
        await send(STOPPED)
        await asyncio.Event().wait()

    async def main() -> None:
        async with running(lingers):
            pass

    asyncio.run(main())


@pytest.mark.parametrize("phase", ["start", "stop"])
def test_a_cancelled_start_or_stop_leaves_no_task(phase: str) -> None:
    """Whoever is interrupted while a child starts or stops cancels the child too."""

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if phase == "stop":
            await send(COMPLETE)
        await asyncio.Event().wait()

    async def live() -> None:
        async with running(hangs):
            pass

    async def main() -> None:
        task = asyncio.create_task(live())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert {asyncio.current_task()} == asyncio.all_tasks()

    asyncio.run(main())


def test_wrong_messages_are_explained() -> None:
    """A second word about the start, or a word that no lifespan has, is COS-MOUNT-006 in the child."""
    codes = []

    async def repeats(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        for message in (COMPLETE, {"type": "websocket.accept"}):
            try:
                await send(message)
            except Exception as error:
                codes.append(getattr(error, "code", ""))
        await receive()

    async def main() -> None:
        async with running(repeats):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert ["COS-MOUNT-006"] * 2 == codes


def test_children_start_after_their_parents_and_stop_before_them() -> None:
    """A grandchild is the last to start and the first to stop."""
    notes: list[str] = []

    def lifespan(name: str) -> Any:
        async def live() -> Any:
            notes.append(f"{name} started")
            yield
            notes.append(f"{name} stopped")

        return live

    child_notes: list[str] = notes

    async def main() -> None:
        parent, middle = App("parent"), App("middle")
        parent.lifespan(lifespan("parent"))
        middle.lifespan(lifespan("middle"))
        middle.mount("/old", Child(notes=child_notes))
        parent.mount("/middle", middle)
        async with parent.lifespan():
            notes.append("running")

    asyncio.run(main())
    assert [
        "parent started",
        "middle started",
        "started",
        "running",
        "stopped",
        "middle stopped",
        "parent stopped",
    ] == notes


def test_requests_get_a_copy_of_the_state() -> None:
    """What the child has put into its state is in each scope; what a request adds stays in its own."""
    seen = []

    class WithRequests(Child):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await super().__call__(scope, receive, send)
                return
            seen.append((dict(scope["state"]), variable.get()))
            scope["state"]["mine"] = True
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    app = App("outer")
    app.mount("/old", WithRequests())
    with app.test_client() as client:
        client.get("/old/x")
        client.get("/old/x")
    assert [({"pool": "open"}, "set by the child")] * 2 == seen
