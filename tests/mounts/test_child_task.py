"""Running a coroutine in a task of its own: pieces, cancellation and the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest
from foreign_box import Box, Foreign, all_pieces, boxed

from costrel.mounts import child_task as module
from costrel.mounts.child_task import ChildTask


def made(foreign: Foreign) -> Box:
    return boxed(foreign, lambda coroutine: ChildTask(coroutine, asyncio.get_running_loop(), "test"))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.02)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(main(), 5)
        assert {asyncio.current_task()} == asyncio.all_tasks()

    asyncio.run(whole())


def test_pieces_come_one_at_a_time() -> None:
    """The coroutine runs in another task and waits with each piece until the next one is wanted."""

    async def foreign(box: Box) -> None:
        box.notes.append(asyncio.current_task())
        await box.send("a")
        box.notes.append("after a")
        await box.send("b")

    async def main() -> None:
        box = made(foreign)
        assert "a" == await box.child.advance()
        await asyncio.sleep(0)
        [task] = box.notes
        assert task is not asyncio.current_task()
        assert ["b"] == await all_pieces(box)
        assert box.child.has_ended
        assert None is await box.child.advance()

    run(main)


@pytest.mark.pain("P1")
def test_scopes_on_both_sides_do_not_meet() -> None:
    """An AnyIO scope that is open while a piece is handed over is no trouble for scopes of who takes it."""

    async def foreign(box: Box) -> None:
        async with anyio.create_task_group():
            await box.send("a")
            await box.send("b")

    async def main() -> None:
        box = made(foreign)
        async with anyio.create_task_group():
            assert "a" == await box.child.advance()
        assert ["b"] == await all_pieces(box)

    run(main)


def test_an_exception_comes_out() -> None:
    """It is the coroutine's own, and the end."""

    async def foreign(box: Box) -> None:
        raise LookupError("mine")

    async def main() -> None:
        box = made(foreign)
        with pytest.raises(LookupError):
            await box.child.advance()
        assert box.child.has_ended

    run(main)


def test_a_wait_can_be_ended_from_outside() -> None:
    """`wake` returns `None`, and `on_wait` is called before each wait."""

    async def foreign(box: Box) -> None:
        await box.notes[0].wait()
        await box.send("a")

    async def main() -> None:
        box = made(foreign)
        event = asyncio.Event()
        box.notes.append(event)
        box.child.on_wait = lambda: box.notes.append("waits")
        asyncio.get_running_loop().call_soon(box.child.wake)
        assert None is await box.child.advance()
        assert not box.child.has_ended
        event.set()
        assert ["a"] == await all_pieces(box)
        assert "waits" == box.notes[1]

    run(main)


def test_a_cancellation_is_passed_on() -> None:
    """The coroutine is cancelled as who waits for it was, and may answer yet."""

    async def dies(box: Box) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            box.notes.append("cancelled")

    async def answers(box: Box) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await box.send("yet")

    async def main() -> None:
        for foreign in (dies, answers):
            box = made(foreign)
            task = asyncio.create_task(all_pieces(box))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if foreign is dies:
                assert task.cancelled()
                assert ["cancelled"] == box.notes
            else:
                assert ["yet"] == task.result()

    run(main)


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
def test_a_coroutine_that_swallows_a_cancellation_is_given_up(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It is closed and named; what it raises then is logged too."""

    async def foreign(box: Box) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
            except GeneratorExit:
                if fails:
                    raise LookupError("at the end") from None
                raise

    async def main() -> None:
        box = made(foreign)
        task = asyncio.create_task(all_pieces(box))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert box.child.has_ended

    with caplog.at_level(logging.ERROR):
        run(main)
    messages = [record.message for record in caplog.records]
    assert "mount_did_not_end mount=test close_seconds=0.02" == messages[0]
    assert (["mount_close_failed mount=test"] if fails else []) == messages[1:]


def test_closing_what_never_began_runs_nothing() -> None:
    """The coroutine is closed."""

    async def foreign(box: Box) -> None:
        box.notes.append("ran")

    async def main() -> None:
        box = made(foreign)
        await box.child.close(has_been_told=False)
        await box.child.close(has_been_told=False)
        assert [] == box.notes
        assert box.child.has_ended

    run(main)


def test_closing_raises_in_a_waiting_send() -> None:
    """`OSError`, again for what is sent later, and the clean-up is waited for."""

    async def foreign(box: Box) -> None:
        for _ in range(module.MAX_REFUSED_COUNT + 3):
            try:
                await box.send("a")
            except OSError:
                box.notes.append("OSError")
        await asyncio.sleep(0)
        box.notes.append("cleaned up")

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        await box.child.close(has_been_told=False)
        assert ["OSError"] * (module.MAX_REFUSED_COUNT + 3) + ["cleaned up"] == box.notes

    run(main)


@pytest.mark.parametrize("has_been_told", [True, False])
def test_closing_cancels_what_waits_unless_it_has_been_told(has_been_told: bool) -> None:
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
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, box.child.wake)
        await box.child.advance()
        loop.call_soon(loop.call_soon, event.set)
        await box.child.close(has_been_told=has_been_told)
        assert ["by itself" if has_been_told else "cancelled"] == box.notes

    run(main)


@pytest.mark.parametrize("count", [1, 2], ids=["once", "for-ever"])
def test_closing_is_bounded(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """What does not end when it is told is cancelled, and what swallows that is given up."""

    async def foreign(box: Box) -> None:
        for _ in range(count):
            try:
                await box.send("a")
                await asyncio.Event().wait()
            except (OSError, asyncio.CancelledError):
                pass
        while count > 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        await box.child.close(has_been_told=False)
        assert box.child.has_ended

    with caplog.at_level(logging.ERROR):
        run(main)
    expected = [] if count == 1 else ["mount_did_not_end mount=test close_seconds=0.02"]
    assert expected == [record.message for record in caplog.records]


def test_an_exception_of_the_clean_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What has nothing to do with the closing is named."""

    async def foreign(box: Box) -> None:
        try:
            await box.send("a")
        except OSError:
            pass
        raise LookupError("other")

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        await box.child.close(has_been_told=False)

    with caplog.at_level(logging.ERROR):
        run(main)
    assert ["mount_close_failed mount=test"] == [record.message for record in caplog.records]


@pytest.mark.parametrize("is_stubborn", [False, True], ids=["ends", "swallows"])
def test_a_cancellation_during_the_closing_goes_on(is_stubborn: bool) -> None:
    """The coroutine is ended with it."""

    async def foreign(box: Box) -> None:
        try:
            await box.send("a")
        except OSError:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if not is_stubborn:
                        raise

    async def main() -> None:
        box = made(foreign)
        await box.child.advance()
        task = asyncio.create_task(box.child.close(has_been_told=False))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main)
