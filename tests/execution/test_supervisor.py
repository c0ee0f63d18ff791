"""Work after the response: isolated, bounded, waited for."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar

import pytest

from costrel.errors import ServiceUnavailable
from costrel.execution.lanes import Lane
from costrel.execution.supervisor import Supervisor

_WAIT_SECONDS = 10
_ORIGIN = "shop/orders.py:41"

color: ContextVar[str] = ContextVar("color", default="unset")


@asynccontextmanager
async def open_supervisor(
    *, max_pending: int = 1000, threads: int = 2, max_waiting: int | None = None
) -> AsyncIterator[Supervisor]:
    loop = asyncio.get_running_loop()
    lane = Lane("test", threads=threads, loop=loop, max_waiting=max_waiting, queue_timeout_seconds=_WAIT_SECONDS)
    supervisor = Supervisor(loop, lane, max_pending=max_pending)
    try:
        yield supervisor
    finally:
        await supervisor.drain(0)
        assert await lane.close(_WAIT_SECONDS) == 0


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "costrel.after_response"]


class _AsyncCallable:
    async def __call__(self, ran: list[object]) -> None:
        ran.append(asyncio.current_task() is not None)


async def _on_the_loop(ran: list[object]) -> None:
    ran.append(asyncio.get_running_loop().is_running())


def _in_a_thread(ran: list[object]) -> None:
    ran.append(threading.current_thread().name.startswith("costrel-test-"))


@pytest.mark.parametrize(
    "fn",
    [
        pytest.param(_on_the_loop, id="an-async-function-on-the-loop"),
        pytest.param(functools.partial(_on_the_loop), id="a-partial-of-an-async-function"),
        pytest.param(_AsyncCallable(), id="an-object-with-an-async-call"),
        pytest.param(_in_a_thread, id="a-function-in-a-thread"),
        pytest.param(lambda ran: _on_the_loop(ran), id="a-function-that-returns-an-awaitable"),
    ],
)
def test_where_work_runs(fn: Callable[[list[object]], object]) -> None:
    """It runs where its kind belongs, and has gone from the supervisor afterwards."""

    async def main() -> tuple[list[object], int, bool, int]:
        ran: list[object] = []
        async with open_supervisor() as supervisor:
            work = supervisor.spawn(fn, ran, origin=_ORIGIN)
            pending = supervisor.pending
            left = await supervisor.drain(_WAIT_SECONDS)
            assert supervisor.pending == 0
        return ran, pending, work.is_done, left

    assert asyncio.run(main()) == ([True], 1, True, 0)


def test_arguments_are_passed_on() -> None:
    """Positional and by name; those that `spawn` has itself go through `functools.partial`."""
    seen: list[object] = []

    async def work(*args: object, **kwargs: object) -> None:
        seen.append((args, kwargs))

    async def main() -> None:
        async with open_supervisor() as supervisor:
            supervisor.spawn(functools.partial(work, origin="here"), 1, 2, name="three", origin=_ORIGIN)
            await supervisor.drain(_WAIT_SECONDS)

    asyncio.run(main())

    assert seen == [((1, 2), {"name": "three", "origin": "here"})]


@pytest.mark.pain("P8")
def test_a_failure_is_logged_once_and_touches_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The line names the function and who asked for it, with the traceback; other work goes on."""

    async def fail() -> None:
        raise ValueError("no")

    def exit_process() -> None:
        raise SystemExit(3)

    ran: list[object] = []

    async def main() -> None:
        async with open_supervisor() as supervisor:
            supervisor.spawn(fail, origin=_ORIGIN)
            supervisor.spawn(exit_process, origin=_ORIGIN)
            supervisor.spawn(_on_the_loop, ran, origin=_ORIGIN)
            await supervisor.drain(_WAIT_SECONDS)

    asyncio.run(main())

    prefix = "test_a_failure_is_logged_once_and_touches_nothing_else.<locals>"
    assert ran == [True]
    assert sorted(messages(caplog)) == [
        f"after_response_failed function={prefix}.exit_process origin={_ORIGIN}",
        f"after_response_failed function={prefix}.fail origin={_ORIGIN}",
    ]
    assert {type(record.exc_info[1]) for record in caplog.records if record.exc_info} == {ValueError, SystemExit}


@pytest.mark.parametrize("is_async", [pytest.param(True, id="on-the-loop"), pytest.param(False, id="in-a-thread")])
def test_work_starts_with_a_copy_of_the_base_context(is_async: bool) -> None:
    """It sees what start-up has set, nothing of the request that spawned it, and keeps its changes to itself."""
    seen: list[str] = []

    def paint() -> None:
        seen.append(color.get())
        color.set("painted")

    async def paint_async() -> None:
        paint()

    async def main() -> None:
        async with open_supervisor() as supervisor:
            color.set("of the request")
            supervisor.spawn(paint_async if is_async else paint, origin=_ORIGIN)
            supervisor.base_context = _context_with("of start-up")
            for _ in range(2):
                supervisor.spawn(paint_async if is_async else paint, origin=_ORIGIN)
            supervisor.spawn(paint_async if is_async else paint, origin=_ORIGIN, context=_context_with("given"))
            await supervisor.drain(_WAIT_SECONDS)

    asyncio.run(main())

    assert sorted(seen) == ["given", "of start-up", "of start-up", "unset"]


def _context_with(value: str) -> Context:
    context = Context()
    context.run(color.set, value)
    return context


@pytest.mark.parametrize(
    ("spawned", "is_refused"),
    [
        pytest.param(2, False, id="one-less-than-may-be-pending"),
        pytest.param(3, False, id="as-many-as-may-be-pending"),
        pytest.param(4, True, id="one-more-than-may-be-pending"),
    ],
)
def test_pending_work_is_bounded(spawned: int, is_refused: bool) -> None:
    """What is over the bound is refused with 503, and there is room again when work has ended."""

    async def main() -> bool:
        gate = asyncio.Event()
        refused = False
        async with open_supervisor(max_pending=3) as supervisor:
            for _ in range(spawned):
                try:
                    supervisor.spawn(gate.wait, origin=_ORIGIN)
                except ServiceUnavailable as error:
                    refused = error.headers == {"Retry-After": "1"}
            gate.set()
            while supervisor.pending:
                await asyncio.sleep(0)
            supervisor.spawn(gate.wait, origin=_ORIGIN)
            await supervisor.drain(_WAIT_SECONDS)
        return refused

    assert asyncio.run(main()) is is_refused


def test_work_is_not_collected_half_way() -> None:
    """The supervisor holds what it runs, though nobody else does."""

    async def main() -> list[str]:
        ended: list[str] = []

        async def wait() -> None:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.002, lambda: future.done() or future.set_result(None))
            await future
            ended.append("ended")

        async with open_supervisor() as supervisor:
            supervisor.spawn(wait, origin=_ORIGIN)
            await asyncio.sleep(0)
            gc.collect()
            await supervisor.drain(_WAIT_SECONDS)
        return ended

    assert asyncio.run(main()) == ["ended"]


@pytest.mark.pain("P8")
def test_drain_cancels_and_names_what_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    """After the time is up the rest is cancelled, and nothing more is accepted."""

    async def main() -> tuple[int, bool, type[BaseException] | None]:
        gate = asyncio.Event()
        async with open_supervisor() as supervisor:
            work = supervisor.spawn(gate.wait, origin=_ORIGIN)
            left = await supervisor.drain(0.002)
            refusal = None
            try:
                supervisor.spawn(gate.wait, origin=_ORIGIN)
            except ServiceUnavailable as error:
                refusal = type(error)
            return left, work.task.cancelled(), refusal

    assert asyncio.run(main()) == (1, True, ServiceUnavailable)
    assert messages(caplog) == [f"after_response_cancelled function=Event.wait origin={_ORIGIN} waited_seconds=0.0"]


@pytest.mark.pain("P8")
def test_pending_work_keeps_nothing_of_the_request() -> None:
    """What the request held is free while its work goes on."""

    class Request:
        pass

    current: ContextVar[Request] = ContextVar("current")

    async def main() -> tuple[int, object]:
        gate = asyncio.Event()
        references: list[weakref.ref[Request]] = []

        async def request(supervisor: Supervisor) -> None:
            current.set(Request())
            references.append(weakref.ref(current.get()))
            supervisor.spawn(gate.wait, origin=_ORIGIN)

        async with open_supervisor() as supervisor:
            await asyncio.create_task(request(supervisor))
            await asyncio.sleep(0)
            kept = supervisor.pending, references[0]()
            gate.set()
            await supervisor.drain(_WAIT_SECONDS)
        return kept

    gc.disable()
    try:
        kept = asyncio.run(main())
    finally:
        gc.enable()

    assert kept == (1, None)


def test_drain_waits_for_work_that_work_has_spawned() -> None:
    """What comes in while it waits is waited for as well."""

    async def main() -> tuple[int, list[str]]:
        ran: list[str] = []
        async with open_supervisor() as supervisor:

            async def second() -> None:
                ran.append("second")

            async def first() -> None:
                await asyncio.sleep(0)
                supervisor.spawn(second, origin=_ORIGIN)
                ran.append("first")

            supervisor.spawn(first, origin=_ORIGIN)
            return await supervisor.drain(_WAIT_SECONDS), ran

    assert asyncio.run(main()) == (0, ["first", "second"])


def test_work_that_somebody_cancels_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing ends silently before it was done, not even before it began."""

    async def main() -> int:
        gate = asyncio.Event()
        async with open_supervisor() as supervisor:
            running = supervisor.spawn(gate.wait, origin="a.py:1")
            await asyncio.sleep(0)
            not_started = supervisor.spawn(gate.wait, origin="b.py:2")
            running.task.cancel()
            not_started.task.cancel()
            return await supervisor.drain(_WAIT_SECONDS)

    caplog.set_level(logging.WARNING)

    assert asyncio.run(main()) == 0
    assert sorted(messages(caplog)) == [
        "after_response_cancelled function=Event.wait origin=a.py:1",
        "after_response_cancelled function=Event.wait origin=b.py:2",
    ]


class _Unhashable:
    """A group is told by its identity, so it needs no hash."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return True


def test_the_work_of_one_group_can_be_waited_for() -> None:
    """Work of other groups, and of none, does not matter."""

    async def main() -> tuple[int, int, int, int]:
        mine, other = _Unhashable(), _Unhashable()
        gate = asyncio.Event()
        async with open_supervisor() as supervisor:
            for _ in range(2):
                supervisor.spawn(_on_the_loop, [], origin=_ORIGIN, group=mine)
            supervisor.spawn(gate.wait, origin=_ORIGIN, group=other)
            supervisor.spawn(gate.wait, origin=_ORIGIN)
            left_of_mine = await supervisor.wait_group(mine, _WAIT_SECONDS)
            left_of_other = await supervisor.wait_group(other, 0.002)
            pending = supervisor.pending
            gate.set()
            return left_of_mine, left_of_other, pending, await supervisor.wait_group(other, _WAIT_SECONDS)

    assert asyncio.run(main()) == (0, 1, 2, 0)


def test_work_may_wait_for_its_own_group() -> None:
    """It does not wait for itself."""

    async def main() -> int:
        group = object()
        async with open_supervisor() as supervisor:

            async def wait() -> None:
                supervisor.spawn(_on_the_loop, [], origin=_ORIGIN, group=group)
                await supervisor.wait_group(group, _WAIT_SECONDS)

            supervisor.spawn(wait, origin=_ORIGIN, group=group)
            return await supervisor.wait_group(group, _WAIT_SECONDS)

    assert asyncio.run(main()) == 0


def test_a_lane_that_has_no_thread_does_not_lose_work(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response has been sent, so nobody else would try again."""
    monkeypatch.setattr("costrel.execution.supervisor._REFUSED_PAUSE_SECONDS", 0.001)

    async def main() -> tuple[int, list[object]]:
        release = threading.Event()
        ran: list[object] = []
        async with open_supervisor(threads=1, max_waiting=0) as supervisor:
            supervisor.spawn(release.wait, _WAIT_SECONDS, origin=_ORIGIN)
            supervisor.spawn(_in_a_thread, ran, origin=_ORIGIN)
            await asyncio.sleep(0.003)
            release.set()
            return await supervisor.drain(_WAIT_SECONDS), ran

    assert asyncio.run(main()) == (0, [True])
    assert messages(caplog) == []


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda lane: lane.close(0), id="a-closed-lane"),
        pytest.param(None, id="the-function-itself"),
    ],
)
def test_other_refusals_are_failures(
    make: Callable[[Lane], Awaitable[int]] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A 503 of the work itself, or of a lane that will never take it, is not tried again."""

    def refuse() -> None:
        raise ServiceUnavailable("mine")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        lane = Lane("test", threads=1, loop=loop, max_waiting=None, queue_timeout_seconds=None)
        if make is not None:
            await make(lane)
        supervisor = Supervisor(loop, lane)
        supervisor.spawn(refuse, origin=_ORIGIN)
        assert await supervisor.drain(_WAIT_SECONDS) == 0
        await lane.close(_WAIT_SECONDS)

    asyncio.run(main())

    assert messages(caplog) == [
        f"after_response_failed function=test_other_refusals_are_failures.<locals>.refuse origin={_ORIGIN}"
    ]
