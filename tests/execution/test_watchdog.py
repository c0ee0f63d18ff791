"""The watchdog's looks at the clock and the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from costrel.execution import watchdog as watchdog_module
from costrel.execution.watchdog import Watchdog


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "costrel.watchdog"]


async def answer(watchdog: Watchdog) -> None:
    """Ask the loop, and let it answer."""
    watchdog.look()
    await asyncio.sleep(0)


def block(watchdog: Watchdog, clock: Clock, seconds: float) -> None:
    """Keep the loop from answering, while the watchdog looks twice."""
    watchdog.look()
    clock.now += seconds
    watchdog.look()


def block_elsewhere(watchdog: Watchdog, clock: Clock) -> None:
    block(watchdog, clock, 0.2)


@pytest.mark.parametrize(
    ("seconds", "count"),
    [
        pytest.param(0.05, 0, id="a-short-block-is-not-named"),
        pytest.param(0.0999, 0, id="nor-one-just-below-the-threshold"),
        pytest.param(0.101, 1, id="one-above-the-threshold-is"),
        pytest.param(30.0, 1, id="a-long-one-is-named-once"),
    ],
)
@pytest.mark.pain("P3")
def test_a_block_longer_than_the_threshold_is_named(
    seconds: float, count: int, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """100 milliseconds without an answer are too many."""

    async def handler() -> None:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        await answer(watchdog)
        block(watchdog, clock, seconds)
        watchdog.look()
        watchdog.stop()

    asyncio.run(handler())

    assert count == len(warnings_of(caplog))


@pytest.mark.pain("P3")
def test_the_warning_names_the_line_and_the_handler(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Function, file and line of what blocks, who called it, for how long, and what to do."""

    async def handler() -> None:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        await answer(watchdog)
        block(watchdog, clock, 0.25)
        watchdog.stop()

    asyncio.run(handler())

    [message] = warnings_of(caplog)
    line = block.__code__.co_firstlineno + 4
    handler_line = handler.__code__.co_firstlineno + 4
    name = "test_the_warning_names_the_line_and_the_handler.<locals>.handler"
    assert message == (
        f"loop_blocked blocked_seconds=0.25 function=block at={__file__}:{line} "
        f"called_from={name} at={__file__}:{handler_line} "
        "fix='write the handler as a plain `def`, or await something that does not block'"
    )


def test_a_loop_that_answers_is_never_named(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """However long nobody looks."""

    async def handler() -> None:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        for _ in range(5):
            await answer(watchdog)
            clock.now += 10
        watchdog.stop()

    asyncio.run(handler())

    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    ("pause_seconds", "count"),
    [
        pytest.param(59.0, 1, id="not-again-within-a-minute"),
        pytest.param(61.0, 2, id="again-after-it"),
    ],
)
def test_one_place_is_not_named_all_the_time(
    pause_seconds: float, count: int, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that blocks at every request fills no log."""

    async def handler() -> None:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        for _ in range(2):
            await answer(watchdog)
            block(watchdog, clock, 0.2)
            await asyncio.sleep(0)
            clock.now += pause_seconds - 0.2
        watchdog.stop()

    asyncio.run(handler())

    assert count == len(warnings_of(caplog))


def test_each_place_is_limited_by_itself(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another line is named at once, and places that are forgotten may be named again."""
    monkeypatch.setattr(watchdog_module, "_MAX_PLACES", 2)

    async def handler() -> None:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        await answer(watchdog)
        watchdog.look()
        clock.now += 0.2
        watchdog.look()
        await asyncio.sleep(0)
        watchdog.look()
        clock.now += 0.2
        watchdog.look()
        await asyncio.sleep(0)
        for _ in range(2):
            block_elsewhere(watchdog, clock)
            await asyncio.sleep(0)
        watchdog.stop()

    asyncio.run(handler())

    first = handler.__code__.co_firstlineno
    places = [message.split(" at=")[1].split()[0] for message in warnings_of(caplog)]
    expected = [first + 6, first + 10, block.__code__.co_firstlineno + 4]
    assert [f"{__file__}:{line}" for line in expected] == places


def test_a_loop_that_does_not_run_is_not_blocked(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Before it starts and after it has stopped there is nothing to answer."""
    loop = asyncio.new_event_loop()
    watchdog = Watchdog(clock=clock)
    watchdog.watch(loop)
    block(watchdog, clock, 5.0)
    loop.close()

    assert warnings_of(caplog) == []


def test_without_a_frame_to_name_there_is_no_warning(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """When the thread that is watched has ended, nobody is to blame."""
    watchdog = Watchdog(clock=clock)

    async def main() -> None:
        thread = threading.Thread(target=watchdog.watch, args=(asyncio.get_running_loop(),))
        thread.start()
        thread.join()
        block(watchdog, clock, 5.0)

    asyncio.run(main())
    watchdog.stop()

    assert warnings_of(caplog) == []


def test_a_watchdog_watches_one_loop(clock: Clock) -> None:
    """A second one is refused until it was stopped; a stopped one sees nothing and may be stopped again."""
    loop = asyncio.new_event_loop()
    watchdog = Watchdog(clock=clock)
    watchdog.watch(loop)
    with pytest.raises(RuntimeError, match="this watchdog watches a loop already; call `stop` first"):
        watchdog.watch(loop)
    watchdog.stop()
    watchdog.stop()
    watchdog.look()
    watchdog.watch(loop)
    watchdog.stop()
    loop.close()


def test_a_late_answer_to_a_stopped_watchdog_does_nothing(clock: Clock) -> None:
    """It keeps no frame of the loop."""

    async def main() -> object:
        watchdog = Watchdog(clock=clock)
        watchdog.watch(asyncio.get_running_loop())
        watchdog.look()
        watchdog.stop()
        await asyncio.sleep(0)
        return watchdog._loop_frame

    assert asyncio.run(main()) is None


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "costrel-watchdog"]


def test_the_thread_starts_and_stops() -> None:
    """It is a daemon, and it is gone after `stop`."""

    async def main() -> tuple[list[str], list[str]]:
        watchdog = Watchdog(threshold_seconds=0.004)
        watchdog.start(asyncio.get_running_loop())
        await asyncio.sleep(0.003)
        running = names_of_threads()
        watchdog.stop()
        return running, names_of_threads()

    assert asyncio.run(main()) == (["costrel-watchdog"], [])


def test_the_thread_ends_with_its_loop() -> None:
    """A closed loop has nothing to answer."""
    watchdog = Watchdog(threshold_seconds=0.001)
    loop = asyncio.new_event_loop()
    loop.close()
    watchdog.start(loop)
    thread = watchdog._thread
    assert thread is not None
    thread.join(10)

    assert not thread.is_alive()

    watchdog.stop()
