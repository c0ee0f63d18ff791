"""Driving a coroutine by hand: pieces, waits, cancellation and the end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from foreign_box import Box, Foreign, all_pieces, boxed

from costrel.mounts import trampoline as module
from costrel.mounts.hand_over import closed_error
from costrel.mounts.trampoline import Trampoline

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def made(foreign: Foreign) -> Box:
    return boxed(foreign, lambda coroutine: Trampoline(coroutine, asyncio.get_running_loop(), "test"))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.02)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run a coroutine on each kind of loop, with a limit."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, 5))

    return run


def test_pieces_come_one_at_a_time_and_the_coroutine_is_paused_between_them(run: Callable[[Any], Any]) -> None:
    """What stands behind a piece does not run before the next piece is wanted."""

    async def foreign(box: Box) -> None:
        await box.send("a")
        box.notes.append("after a")
        await asyncio.sleep(0)
        await box.send("b")

    async def main() -> None:
        box = made(foreign)
        assert "a" == await box.child.advance()
        assert [] == box.notes
        assert "b" == await box.child.advance()
        assert ["after a"] == box.notes
        assert not box.child.has_ended
        assert None is await box.child.advance()
        assert box.child.has_ended

    run(main())


def test_task_and_context_are_those_of_who_drives(run: Callable[[Any], Any]) -> None:
    """The coroutine runs in the driving task, and its context variables are seen there."""

    async def foreign(box: Box) -> None:
        await asyncio.sleep(0)
        box.notes.append(asyncio.current_task())
        variable.set("inside")
        await box.send("a")
        box.notes.append(variable.get())

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        assert "inside" == variable.get()
        variable.set("outside")
        await box.child.advance()
        assert [asyncio.current_task(), "outside"] == box.notes

    run(main())


@pytest.mark.parametrize("result", ["value", LookupError("of the future")], ids=["value", "exception"])
def test_futures_are_waited_for_as_a_task_does(run: Callable[[Any], Any], result: Any) -> None:
    """A value comes back, an exception is raised where it was waited for, with no frame of ours inside."""

    async def foreign(box: Box) -> None:
        future = asyncio.get_running_loop().create_future()
        if isinstance(result, Exception):
            asyncio.get_running_loop().call_soon(future.set_exception, result)
        else:
            asyncio.get_running_loop().call_soon(future.set_result, result)
        try:
            box.notes.append(await future)
        except LookupError as error:
            box.notes.append(error)
            traceback = error.__traceback__
            while traceback is not None:
                assert module.__file__ != traceback.tb_frame.f_code.co_filename
                traceback = traceback.tb_next

    async def main() -> None:
        box = made(foreign)
        assert [] == await all_pieces(box)
        assert [result] == box.notes

    run(main())


def test_timeouts_and_task_groups_may_be_held_open_across_pieces(run: Callable[[Any], Any]) -> None:
    """`asyncio.timeout` and `asyncio.TaskGroup` are entered and left in the same task."""

    async def child(box: Box) -> None:
        box.notes.append("child")

    async def foreign(box: Box) -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            await box.send("a")
            group.create_task(child(box))
            await box.send("b")

    async def main() -> None:
        box = made(foreign)
        assert ["a", "b"] == await all_pieces(box)
        assert ["child"] == box.notes

    run(main())


def test_a_time_limit_of_the_coroutine_is_its_own(run: Callable[[Any], Any]) -> None:
    """A limit that ends a wait of the coroutine does not reach who drives it, and is not taken for swallowing."""

    async def foreign(box: Box) -> None:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            box.notes.append("timeout")
        await asyncio.sleep(0.05)
        await box.send("late")

    async def main() -> None:
        box = made(foreign)
        assert ["late"] == await all_pieces(box)
        assert ["timeout"] == box.notes

    run(main())


def test_tasks_of_the_coroutine_may_hand_pieces_over(run: Callable[[Any], Any]) -> None:
    """A piece of another task ends the wait for the coroutine, which goes on where it was."""

    async def child(box: Box, name: str) -> None:
        for number in range(3):
            await box.send(f"{name}{number}")
            box.notes.append(f"{name}{number} taken")

    async def foreign(box: Box) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child(box, "a"))
            group.create_task(child(box, "b"))
            await box.send("main")
            await asyncio.sleep(0.001)
        await box.send("end")

    async def main() -> None:
        box = made(foreign)
        pieces = await all_pieces(box)
        assert ["a0", "a1", "a2", "b0", "b1", "b2", "end", "main"] == sorted(pieces)
        assert "end" == pieces[-1]
        assert 6 == len(box.notes)

    run(main())


def test_a_task_that_is_cancelled_takes_its_piece_back(run: Callable[[Any], Any]) -> None:
    """What nobody has taken yet is not handed out for a sender that has been cancelled."""

    async def foreign(box: Box) -> None:
        task = asyncio.create_task(box.send("never"))
        await box.send("a")
        task.cancel()
        await asyncio.wait([task])
        await box.send("b")

    async def main() -> None:
        assert ["a", "b"] == [piece for piece in await all_pieces(made(foreign)) if piece != "never"]

    run(main())


def test_a_wait_can_be_ended_from_outside_and_resumed(run: Callable[[Any], Any]) -> None:
    """`wake` returns `None` while the coroutine goes on waiting, once for each call."""

    async def foreign(box: Box) -> None:
        await box.notes[0].wait()
        await box.send("a")

    async def main() -> None:
        box = made(foreign)
        event = asyncio.Event()
        box.notes.append(event)
        asyncio.get_running_loop().call_soon(box.child.wake)
        assert None is await box.child.advance()
        assert not box.child.has_ended
        box.child.wake()
        assert None is await box.child.advance()
        event.set()
        assert "a" == await box.child.advance()

    run(main())


def test_a_cancellation_is_thrown_into_the_coroutine_first(run: Callable[[Any], Any]) -> None:
    """It ends the driver only if it comes out of the coroutine again; what was waited for is cancelled with it."""

    async def foreign(box: Box) -> None:
        future = asyncio.get_running_loop().create_future()
        box.notes.append(future)
        try:
            await future
        except asyncio.CancelledError:
            box.notes.append("cancelled")
            raise

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert box.notes[0].cancelled()
        assert "cancelled" == box.notes[1]
        assert box.child.has_ended

    run(main())


def test_a_task_that_is_waited_for_ends_before_the_coroutine_hears_of_a_cancellation(run: Callable[[Any], Any]) -> None:
    """As without us: the cancellation goes to the task that is waited for, and its clean-up comes first."""

    async def inner(box: Box) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            box.notes.append("inner ended")

    async def foreign(box: Box) -> None:
        try:
            await asyncio.create_task(inner(box))
        finally:
            box.notes.append("outer ended")

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ["inner ended", "outer ended"] == box.notes

    run(main())


def test_a_cancellation_reaches_a_coroutine_that_only_lets_the_loop_turn(run: Callable[[Any], Any]) -> None:
    """One that waits for nothing is cancelled where it stands."""

    async def foreign(box: Box) -> None:
        while True:
            await asyncio.sleep(0)

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert box.child.has_ended

    run(main())


@pytest.mark.parametrize("waits", [True, False], ids=["for-a-future", "for-a-turn"])
def test_what_is_thrown_into_the_driver_is_thrown_into_the_coroutine(waits: bool) -> None:
    """Whoever drives the driver by hand may throw anything."""

    async def foreign(box: Box) -> None:
        try:
            await (asyncio.Event().wait() if waits else asyncio.sleep(0))
        except LookupError as error:
            box.notes.append(str(error))
            raise

    async def main() -> Box:
        box = made(foreign)
        driver = all_pieces(box)
        driver.send(None)
        with pytest.raises(LookupError):
            driver.throw(LookupError("thrown"))
        return box

    assert ["thrown"] == asyncio.run(main()).notes


def test_a_coroutine_that_fails_when_it_is_given_up_is_logged(
    run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What it raises then has nobody else to go to."""

    async def foreign(box: Box) -> None:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        except GeneratorExit:
            raise LookupError("at the end") from None

    async def main() -> None:
        box = made(foreign)
        asyncio.get_running_loop().call_soon(box.child.wake)
        await box.child.advance()
        await box.child.close(has_been_told=False)
        assert box.child.has_ended

    with caplog.at_level(logging.ERROR):
        run(main())
    assert ["mount_did_not_end mount=test close_seconds=0.02", "mount_close_failed mount=test"] == [
        record.message for record in caplog.records
    ]


def test_a_coroutine_that_swallows_a_cancellation_is_given_up(
    run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """After a while it is closed and named in the log, and the cancellation goes on."""

    async def foreign(box: Box) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                box.notes.append("swallowed")

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ["swallowed"] == box.notes

    with caplog.at_level(logging.ERROR):
        run(main())
    assert ["mount_did_not_end mount=test close_seconds=0.02"] == [record.message for record in caplog.records]


def test_a_coroutine_may_answer_after_a_cancellation(run: Callable[[Any], Any]) -> None:
    """What comes in time is taken as it is."""

    async def foreign(box: Box) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await box.send("yet")

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        await asyncio.sleep(0)
        task.cancel()
        assert ["yet"] == await task

    run(main())


def test_exceptions_come_out_as_they_are(run: Callable[[Any], Any]) -> None:
    """No group and no frame of a task is put around what the coroutine raises."""

    async def foreign(box: Box) -> None:
        await asyncio.sleep(0)
        raise LookupError("mine")

    async def main() -> None:
        box = made(foreign)
        with pytest.raises(LookupError) as raised:
            await box.child.advance()
        assert "foreign" == raised.traceback[-1].name
        assert box.child.has_ended

    run(main())


@pytest.mark.parametrize("has_begun", [True, False])
def test_closing_raises_in_a_paused_send_and_runs_clean_up(run: Callable[[Any], Any], has_begun: bool) -> None:
    """A coroutine that waits to go on gets `OSError`, as ASGI says, and what it awaits then is waited for."""

    async def foreign(box: Box) -> None:
        try:
            await box.send("a")
        except OSError:
            box.notes.append("OSError")
            raise
        finally:
            await asyncio.sleep(0)
            box.notes.append("cleaned up")

    async def main() -> None:
        box = made(foreign)
        if has_begun:
            await box.child.advance()
        await box.child.close(has_been_told=False)
        await box.child.close(has_been_told=False)
        assert (["OSError", "cleaned up"] if has_begun else []) == box.notes
        assert box.child.has_ended

    run(main())


def test_closing_tells_tasks_of_the_coroutine_too(run: Callable[[Any], Any]) -> None:
    """Whoever waits with a piece gets `OSError`, in whichever task."""

    async def child(box: Box) -> None:
        try:
            await box.send("a")
        except OSError:
            box.notes.append("child")
            raise

    async def foreign(box: Box) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child(box))

    async def main() -> None:
        box = made(foreign)
        assert "a" == await box.child.advance()
        await box.child.close(has_been_told=True)
        assert ["child"] == box.notes

    run(main())


@pytest.mark.parametrize("has_been_told", [True, False])
def test_closing_cancels_what_waits_unless_it_has_been_told(run: Callable[[Any], Any], has_been_told: bool) -> None:
    """A coroutine that knows that it should end gets time to do so by itself."""

    async def foreign(box: Box) -> None:
        event: asyncio.Event = box.notes.pop()
        try:
            await event.wait()
        except asyncio.CancelledError:
            box.notes.append("cancelled")
            raise
        box.notes.append("by itself")

    async def main() -> None:
        box = made(foreign)
        event = asyncio.Event()
        box.notes.append(event)
        asyncio.get_running_loop().call_soon(box.child.wake)
        await box.child.advance()
        asyncio.get_running_loop().call_soon(event.set)
        await box.child.close(has_been_told=has_been_told)
        assert ["by itself" if has_been_told else "cancelled"] == box.notes

    run(main())


@pytest.mark.parametrize("waits", [True, False], ids=["that-waits", "that-never-waits"])
def test_a_coroutine_that_goes_on_sending_is_given_up(
    run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture, waits: bool
) -> None:
    """It gets `OSError` a few times, also without a single turn of the loop, and is closed then."""

    async def foreign(box: Box) -> None:
        while True:
            try:
                await box.send("a")
            except OSError:
                box.notes.append("OSError")
                if waits:
                    await asyncio.sleep(0)

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        await box.child.close(has_been_told=False)
        assert 2 <= len(box.notes) <= module.MAX_REFUSED_COUNT + 1
        assert box.child.has_ended

    with caplog.at_level(logging.ERROR):
        run(main())
    assert ["mount_did_not_end mount=test close_seconds=0.02"] == [record.message for record in caplog.records]


def test_a_task_that_goes_on_sending_lets_the_loop_turn(run: Callable[[Any], Any]) -> None:
    """A task of the coroutine that takes no notice costs a turn of the loop for each further piece."""

    async def child(box: Box) -> None:
        for _ in range(module.MAX_REFUSED_COUNT + 3):
            try:
                await box.send("a")
            except OSError as error:
                box.notes.append(type(error))

    async def foreign(box: Box) -> None:
        await asyncio.create_task(child(box))

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        await box.child.close(has_been_told=True)
        assert {type(closed_error())} == set(box.notes)
        assert module.MAX_REFUSED_COUNT + 3 == len(box.notes)

    run(main())


def test_an_exception_of_the_clean_up_is_logged(run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture) -> None:
    """What has nothing to do with the closing is named; what it was turned into is not."""

    async def turns(box: Box) -> None:
        try:
            await box.send("a")
        except OSError as error:
            raise LookupError("turned") from error

    async def fails(box: Box) -> None:
        try:
            await box.send("a")
        except OSError:
            pass
        raise LookupError("other")

    async def main() -> None:
        for foreign in (turns, fails):
            box = made(foreign)
            await box.child.advance()
            await box.child.close(has_been_told=False)

    with caplog.at_level(logging.ERROR):
        run(main())
    assert ["mount_close_failed mount=test"] == [record.message for record in caplog.records]


def test_a_cancellation_that_came_while_it_was_paused_is_thrown_in_when_it_is_closed(run: Callable[[Any], Any]) -> None:
    """Whoever is cancelled with the coroutine on its hands closes it; the coroutine hears of the cancellation."""

    async def foreign(box: Box) -> None:
        try:
            await box.send("a")
        except asyncio.CancelledError:
            box.notes.append("cancelled")
            raise

    async def main() -> None:
        box = made(foreign)

        async def consume() -> None:
            await box.child.advance()
            try:
                await asyncio.Event().wait()
            finally:
                await box.child.close(has_been_told=False)

        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert ["cancelled"] == box.notes

    run(main())


def test_a_cancellation_during_the_closing_goes_on(run: Callable[[Any], Any]) -> None:
    """It ends the clean-up of the coroutine, and then whoever closes it."""

    async def foreign(box: Box) -> None:
        try:
            await box.send("a")
        finally:
            await asyncio.Event().wait()

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        task = asyncio.create_task(box.child.close(has_been_told=False))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert box.child.has_ended

    run(main())


def test_trampolines_nest(run: Callable[[Any], Any]) -> None:
    """A coroutine that is driven inside another one may hand pieces over to both, and both may be woken."""

    async def innermost(box: Box, outer: Box) -> None:
        await box.send("to the inner")
        await outer.send("to the outer")
        await asyncio.sleep(0.001)
        await box.send("again")

    async def middle(box: Box) -> None:
        inner = made(lambda inner: innermost(inner, box))
        while (piece := await inner.child.advance()) is not None:
            box.notes.append(piece)

    async def main() -> None:
        outer = made(middle)
        assert "to the outer" == await outer.child.advance()
        asyncio.get_running_loop().call_soon(outer.child.wake)
        assert None is await outer.child.advance()
        assert None is await outer.child.advance()
        assert outer.child.has_ended
        assert ["to the inner", "again"] == outer.notes

    run(main())


@pytest.mark.parametrize("seconds", [0, 3600], ids=["for-a-turn", "for-a-timer"])
def test_what_is_driven_ends_with_a_driver_that_is_closed(seconds: int) -> None:
    """A loop that is torn down with the request on its way closes the coroutine too."""

    async def foreign(box: Box) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            box.notes.append("closed")

    async def main() -> Box:
        box = made(foreign)
        driver = all_pieces(box)
        driver.send(None)
        driver.close()
        return box

    box = asyncio.run(main())
    assert ["closed"] == box.notes
    assert box.child.has_ended


def test_what_wants_to_know_is_called_before_each_wait(run: Callable[[Any], Any]) -> None:
    """`on_wait` is called when the coroutine waits for something, and not for a piece."""

    async def foreign(box: Box) -> None:
        await box.send("a")
        await asyncio.sleep(0.001)

    async def main() -> None:
        box = made(foreign)
        box.child.on_wait = lambda: box.notes.append("waits")
        await box.child.advance()
        assert [] == box.notes
        await box.child.advance()
        assert ["waits"] == box.notes

    run(main())
