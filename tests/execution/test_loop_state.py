"""What is bound to one loop: made together, ended together."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context, ContextVar

import pytest

from costrel.execution.loop_state import ExecutionSettings, LoopState
from costrel.execution.worker_context import WorkerContext

_WAIT_SECONDS = 10

color: ContextVar[str] = ContextVar("color", default="unset")


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        pytest.param("threads", 1, id="threads"),
        pytest.param("file_threads", 1, id="file-threads"),
        pytest.param("cleanup_threads", 1, id="cleanup-threads"),
        pytest.param("thread_queue_timeout_seconds", 0, id="queue-timeout"),
        pytest.param("max_waiting", 0, id="max-waiting"),
        pytest.param("graceful_timeout_seconds", 0, id="graceful-timeout"),
    ],
)
def test_settings_have_ranges(name: str, smallest: int) -> None:
    """The smallest value is accepted, the one below it is named in the error."""
    assert smallest == getattr(ExecutionSettings(**{name: smallest}), name)

    with pytest.raises(ValueError, match=f"^{name} is {smallest} or more, not {smallest - 1}$"):
        ExecutionSettings(**{name: smallest - 1})


def test_a_state_has_four_lanes_and_a_supervisor() -> None:
    """Sizes come from the settings, and `stats` shows them with the queues."""

    async def main() -> tuple[object, ...]:
        release = threading.Event()
        state = LoopState.start(asyncio.get_running_loop(), ExecutionSettings(threads=1))
        state.handlers.submit(release.wait, _WAIT_SECONDS)
        waiting = state.handlers.submit(len, "abc")
        state.supervisor.spawn(asyncio.sleep, 0, origin="a.py:1")
        while state.stats().handlers.busy == 0:
            await asyncio.sleep(0)
        stats = state.stats()
        release.set()
        await waiting
        await state.aclose(_WAIT_SECONDS)
        lanes = [(lane.name, lane.threads) for lane in (stats.handlers, stats.begun, stats.files, stats.cleanup)]
        return lanes, stats.handlers.waiting, state.stats().supervisor_pending

    assert asyncio.run(main()) == ([("handlers", 1), ("begun", 1), ("files", 8), ("cleanup", 4)], 1, 0)


def test_the_defaults_are_those_of_the_settings() -> None:
    """A state without settings has the default ones."""

    async def main() -> tuple[ExecutionSettings, object, bool, dict[object, object]]:
        state = LoopState.start(asyncio.get_running_loop())
        await state.aclose()
        return state.settings, state.base_context, state.stopping, state.values

    assert asyncio.run(main()) == (ExecutionSettings(), None, True, {})


@pytest.mark.pain("P4")
def test_cleanup_never_waits_behind_handlers() -> None:
    """When every handler thread is stuck, waiting for a cleanup, the cleanup runs."""

    async def main() -> str:
        settings = ExecutionSettings(threads=2, max_waiting=0, thread_queue_timeout_seconds=0.001)
        state = LoopState.start(asyncio.get_running_loop(), settings)
        release = threading.Event()
        stuck = [state.handlers.submit(release.wait, _WAIT_SECONDS) for _ in range(2)]
        await state.cleanup.submit(lambda event: event.set(), release)
        done = await asyncio.gather(*stuck)
        await state.aclose(_WAIT_SECONDS)
        return f"{done}"

    assert asyncio.run(main()) == "[True, True]"


@pytest.mark.parametrize(
    ("held_count", "is_streaming", "lane"),
    [
        pytest.param(0, False, "handlers", id="nothing-yet"),
        pytest.param(1, False, "begun", id="a-provider-is-entered"),
        pytest.param(0, True, "begun", id="a-generator-has-begun"),
    ],
)
def test_what_a_request_holds_decides_its_next_lane(held_count: int, is_streaming: bool, lane: str) -> None:
    """Who holds something leaves the lane of those who may wait for it."""

    async def main() -> str:
        state = LoopState.start(asyncio.get_running_loop())
        worker = WorkerContext()
        worker.held_count, worker.is_streaming = held_count, is_streaming
        found = state.lane_for(worker).name
        await state.aclose(_WAIT_SECONDS)
        return found

    assert lane == asyncio.run(main())


@pytest.mark.pain("P4")
def test_what_has_begun_waits_behind_no_handler_and_is_never_refused() -> None:
    """When every handler thread is stuck and no more may wait, the steps of requests that have begun still run."""

    async def main() -> list[int]:
        settings = ExecutionSettings(threads=2, max_waiting=0, thread_queue_timeout_seconds=0.001)
        state = LoopState.start(asyncio.get_running_loop(), settings)
        release = threading.Event()
        stuck = [state.handlers.submit(release.wait, _WAIT_SECONDS) for _ in range(2)]
        results = await asyncio.gather(*[state.begun.submit(len, "abc") for _ in range(50)])
        release.set()
        await asyncio.gather(*stuck)
        await state.aclose(_WAIT_SECONDS)
        return results

    assert [3] * 50 == asyncio.run(main())


def test_the_supervisor_starts_work_with_the_base_context() -> None:
    """Setting it on the state is enough."""

    async def main() -> tuple[str, bool]:
        state = LoopState.start(asyncio.get_running_loop())
        context = Context()
        context.run(color.set, "of start-up")
        state.base_context = context
        seen: list[str] = []

        async def look() -> None:
            seen.append(color.get())

        state.supervisor.spawn(look, origin="a.py:1")
        await state.aclose(_WAIT_SECONDS)
        return seen[0], state.base_context is context

    assert asyncio.run(main()) == ("of start-up", True)


def test_serving_calls_everybody_once_in_order() -> None:
    """Also when two servers of one loop say so; what one raises is for whoever serves, the rest is not called."""
    calls: list[str] = []
    loop = asyncio.new_event_loop()
    state = LoopState.start(loop)
    state.on_serving(lambda: calls.append("first"))
    state.on_serving(lambda: calls.append("second"))

    state.begin_serving()
    state.begin_serving()
    state.on_serving(lambda: calls[5])
    state.on_serving(lambda: calls.append("never"))
    with pytest.raises(IndexError):
        state.begin_serving()
    loop.close()

    assert ["first", "second"] == calls


@pytest.mark.pain("P9")
def test_stopping_wakes_everybody_once() -> None:
    """In the order of their coming; one that was taken back is not called, one that fails stops nobody."""

    async def main() -> list[str]:
        called: list[str] = []
        state = LoopState.start(asyncio.get_running_loop())

        def fail() -> None:
            called.append("fails")
            raise ValueError("no")

        state.on_stopping(lambda: called.append("first"))
        state.on_stopping(fail)
        remove = state.on_stopping(lambda: called.append("taken back"))
        last = state.on_stopping(lambda: called.append("last"))
        remove()
        remove()
        state.begin_stopping()
        state.begin_stopping()
        last()
        await state.aclose(_WAIT_SECONDS)
        return called

    assert asyncio.run(main()) == ["first", "fails", "last"]


def test_a_failing_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Never silently."""

    async def main() -> None:
        state = LoopState.start(asyncio.get_running_loop())
        state.on_stopping([].pop)
        await state.aclose(_WAIT_SECONDS)

    asyncio.run(main())

    [record] = caplog.records
    assert record.name == "costrel.execution"
    assert record.getMessage().startswith("stopping_callback_failed callback=<built-in method pop")


@pytest.mark.parametrize(
    ("is_removed", "expected"),
    [
        pytest.param(False, ["late"], id="it-is-called-soon"),
        pytest.param(True, [], id="unless-it-is-taken-back-first"),
    ],
)
def test_who_comes_late_is_woken_too(is_removed: bool, expected: list[str]) -> None:
    """A stream that starts while the loop stops hears of it."""

    async def main() -> tuple[list[str], list[str]]:
        called: list[str] = []
        state = LoopState.start(asyncio.get_running_loop())
        state.begin_stopping()
        remove = state.on_stopping(lambda: called.append("late"))
        at_once = list(called)
        if is_removed:
            remove()
        await asyncio.sleep(0)
        await state.aclose(_WAIT_SECONDS)
        return at_once, called

    assert asyncio.run(main()) == ([], expected)


@pytest.mark.pain("P9")
def test_closing_waits_for_work_and_lets_values_go() -> None:
    """After it every lane is closed."""

    async def main() -> tuple[list[str], dict[object, object], bool]:
        ended: list[str] = []
        state = LoopState.start(asyncio.get_running_loop())
        state.values["owner"] = object()
        state.supervisor.spawn(lambda: ended.append("work"), origin="a.py:1")
        await state.aclose(_WAIT_SECONDS)
        lanes = (state.handlers, state.begun, state.files, state.cleanup)
        return ended, state.values, all(lane.is_closed for lane in lanes)

    assert asyncio.run(main()) == (["work"], {}, True)


def test_a_thread_that_is_stuck_when_the_time_is_up_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Closing ends in time, whatever a thread does."""

    async def main() -> None:
        state = LoopState.start(asyncio.get_running_loop())
        release = threading.Event()
        state.files.submit(release.wait, _WAIT_SECONDS)
        await state.aclose(0.002)
        release.set()
        assert await state.files.close(_WAIT_SECONDS) == 0

    asyncio.run(main())

    assert [record.getMessage() for record in caplog.records] == ["lane_left_running lane=files threads=1"]
