"""The calling thread as the worker of its request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from costrel.errors import ServiceUnavailable
from costrel.execution import Caller, Lane, WorkerContext, hop

color: ContextVar[str] = ContextVar("color", default="none")


def serve(main: Callable[[Caller], Coroutine[Any, Any, None]], timeout_seconds: float = 5) -> list[object]:
    """Run a coroutine on a loop in another thread with this thread as its caller; return what this one was told."""
    made: list[Caller] = []
    ready = threading.Event()

    async def run() -> None:
        made.append(Caller(asyncio.get_running_loop()))
        ready.set()
        try:
            await main(made[0])
        finally:
            made[0].tell("end")

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    told: list[object] = []
    try:
        assert ready.wait(5)
        while not told or told[-1] != "end":
            told.append(made[0].wait(timeout_seconds))
    finally:
        thread.join(5)
    return told


def test_steps_run_in_the_calling_thread_in_order() -> None:
    """Jobs and messages share one mailbox."""
    seen: list[object] = []

    async def main(caller: Caller) -> None:
        first = caller.submit(lambda value: seen.append((value, threading.get_ident())), 1)
        second = caller.submit(str, 2)
        caller.tell("message")
        await first
        seen.append(await second)

    assert ["message", "end"] == serve(main)
    assert [(1, threading.get_ident()), "2"] == seen


def test_a_hop_goes_to_the_caller_in_place_of_any_lane() -> None:
    """With its context variables there and back."""
    seen: list[object] = []

    def step(value: str) -> str:
        seen.append((threading.get_ident(), color.get()))
        color.set("blue")
        return value

    async def main(caller: Caller) -> None:
        worker = WorkerContext()
        worker.caller = caller
        lane = Lane(
            "unused",
            threads=1,
            loop=asyncio.get_running_loop(),
            max_waiting=None,
            queue_timeout_seconds=None,
        )
        color.set("red")
        seen.append((await hop(lane, worker, step, "back"), color.get()))
        seen.append(lane.stats().done_count)

    serve(main)

    assert [(threading.get_ident(), "red"), ("back", "blue"), 0] == seen


@pytest.mark.parametrize(
    ("error", "interrupts"),
    [(ValueError("no"), False), (SystemExit(3), True), (KeyboardInterrupt(), True), (asyncio.CancelledError(), False)],
    ids=lambda value: type(value).__name__,
)
def test_what_a_step_raises_is_delivered(error: BaseException, interrupts: bool) -> None:
    """What is meant to stop the thread is kept for it too."""
    seen: list[BaseException | None] = []

    def fail(value: object) -> None:
        raise error

    async def main(caller: Caller) -> None:
        try:
            await caller.submit(fail, None)
        except BaseException as raised:
            seen.append(raised)
        seen.append(caller.interruption)

    serve(main)

    assert [type(error), type(error) if interrupts else type(None)] == [type(item) for item in seen]


def test_a_step_that_was_cancelled_does_not_run() -> None:
    """Unless it runs already; then its result is dropped."""
    ran: list[str] = []
    running, go = threading.Event(), threading.Event()

    def wait(name: str) -> None:
        ran.append(name)
        running.set()
        go.wait(5)

    async def main(caller: Caller) -> None:
        first = caller.submit(wait, "first")
        second = caller.submit(wait, "second")
        second.cancel()
        while not running.is_set():
            await asyncio.sleep(0.001)
        first.cancel()
        go.set()
        await caller.submit(len, "")
        assert (True, True) == (first.cancelled(), second.cancelled())

    serve(main)

    assert ["first"] == ran


def test_nothing_is_given_to_a_thread_that_has_left() -> None:
    """What it has not taken is refused, and so is what comes."""
    refused: list[str] = []

    async def main() -> None:
        caller = Caller(asyncio.get_running_loop())
        waiting = caller.submit(len, "")
        cancelled = caller.submit(len, "")
        cancelled.cancel()
        caller.tell("dropped")
        caller.leave()
        for job in (waiting, caller.submit(len, "")):
            try:
                await job
            except ServiceUnavailable:
                refused.append("refused")
        with pytest.raises(TimeoutError):
            caller.wait(0.001)

    asyncio.run(main())

    assert ["refused", "refused"] == refused


def test_a_step_that_outlives_its_loop_ends_quietly() -> None:
    """Nobody is left who waits for it."""
    loop = asyncio.new_event_loop()
    caller = Caller(loop)
    job = caller.submit(len, "abc")
    loop.close()
    caller.tell("end")

    assert ("end", 3) == (caller.wait(1), job.value)
