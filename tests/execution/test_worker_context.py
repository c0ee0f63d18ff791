"""Context variables on both sides of a thread hop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar, Token, copy_context

import pytest
from hypothesis import given, settings, strategies as st

from costrel.execution.lanes import Lane
from costrel.execution.run_profile import RunProfile
from costrel.execution.worker_context import WorkerContext, hop

_WAIT_SECONDS = 10

color: ContextVar[object] = ContextVar("color")
shape: ContextVar[object] = ContextVar("shape")


@asynccontextmanager
async def open_lane(threads: int = 2) -> AsyncIterator[Lane]:
    lane = Lane(
        "test", threads=threads, loop=asyncio.get_running_loop(), max_waiting=None, queue_timeout_seconds=_WAIT_SECONDS
    )
    try:
        yield lane
    finally:
        assert await lane.close(_WAIT_SECONDS) == 0


def get(variable: ContextVar[object]) -> object:
    return variable.get("unset")


def test_a_hop_returns_what_the_function_returned() -> None:
    """The argument goes there, the result comes back, and the profile learns of it."""

    async def main() -> tuple[int, bool]:
        profile = RunProfile()
        async with open_lane() as lane:
            return await hop(lane, WorkerContext(), len, "abc", profile), profile.average_seconds is None

    assert asyncio.run(main()) == (3, False)


@pytest.mark.pain("P14")
def test_the_thread_sees_what_the_task_has_set() -> None:
    """Before the first hop and before every later one."""

    async def main() -> list[object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            color.set("red")
            seen = [await hop(lane, worker, get, color)]
            color.set("blue")
            shape.set("round")
            return [*seen, await hop(lane, worker, get, color), await hop(lane, worker, get, shape)]

    assert asyncio.run(main()) == ["red", "blue", "round"]


@pytest.mark.pain("P14")
def test_the_task_sees_what_the_thread_has_set() -> None:
    """Afterwards, for variables that were set and for new ones, hop after hop."""

    async def main() -> list[object]:
        worker = WorkerContext()
        color.set("red")
        async with open_lane() as lane:
            await hop(lane, worker, color.set, "blue")
            await hop(lane, worker, shape.set, "round")
            seen = [get(color), get(shape)]
            await hop(lane, worker, color.set, "green")
            return [*seen, get(color), get(shape)]

    assert asyncio.run(main()) == ["blue", "round", "green", "round"]


def test_the_task_sees_what_was_set_before_the_function_raised() -> None:
    """A failing hop carries back as any other."""

    def fail(value: str) -> None:
        color.set(value)
        raise ValueError(value)

    async def main() -> object:
        async with open_lane() as lane:
            with pytest.raises(ValueError, match="blue"):
                await hop(lane, WorkerContext(), fail, "blue")
        return get(color)

    assert asyncio.run(main()) == "blue"


def test_all_hops_share_one_context_that_is_not_the_tasks() -> None:
    """One worker context is made per request; the task's own is never entered by a thread."""

    async def main() -> tuple[bool, bool, bool]:
        worker = WorkerContext()
        before = worker.context
        color.set("red")
        async with open_lane() as lane:
            await hop(lane, worker, color.set, "blue")
            first = worker.context
            shape.set("round")
            await hop(lane, worker, color.set, "green")
            shape.set("square")
        assert first is not None
        return before is None, worker.context is first, first[shape] == "round"

    assert asyncio.run(main()) == (True, True, True)


@pytest.mark.pain("P14")
def test_a_token_of_one_hop_can_be_reset_in_another() -> None:
    """Also when the task has changed other variables in between; the task sees the old value again."""

    async def main() -> list[object]:
        worker = WorkerContext()
        color.set("red")
        async with open_lane() as lane:
            token = await hop(lane, worker, color.set, "blue")
            seen = [get(color)]
            shape.set("round")
            await hop(lane, worker, color.reset, token)
            return [*seen, get(color), await hop(lane, worker, get, color)]

    assert asyncio.run(main()) == ["blue", "red", "red"]


def test_a_variable_that_the_thread_unsets_is_unset_in_the_task() -> None:
    """Resetting to nothing is carried back too, and it can be set again."""

    async def main() -> list[object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            token = await hop(lane, worker, color.set, "blue")
            seen = [get(color)]
            await hop(lane, worker, color.reset, token)
            seen.append(get(color))
            await hop(lane, worker, color.set, "green")
            return [*seen, get(color)]

    assert asyncio.run(main()) == ["blue", "unset", "green"]


def test_a_variable_that_the_task_unsets_is_unset_in_the_thread() -> None:
    """When it was carried there, the thread's context forgets it and stays the same context."""

    async def main() -> tuple[list[object], bool]:
        worker = WorkerContext()
        async with open_lane() as lane:
            await hop(lane, worker, len, "")
            context = worker.context
            token = color.set("red")
            seen = [await hop(lane, worker, get, color)]
            color.reset(token)
            seen.append(await hop(lane, worker, get, color))
            return seen, worker.context is context

    assert asyncio.run(main()) == (["red", "unset"], True)


def test_an_inherited_variable_that_the_task_unsets_is_unset_in_the_thread() -> None:
    """As long as no thread has set anything, a new context does it."""

    async def main() -> list[object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            token = color.set("red")
            seen = [await hop(lane, worker, get, color)]
            color.reset(token)
            shape.set("round")
            return [*seen, await hop(lane, worker, get, color), await hop(lane, worker, get, shape)]

    assert asyncio.run(main()) == ["red", "unset", "round"]


def test_tokens_of_the_threads_outweigh_an_unset_variable() -> None:
    """A thread that has set a variable holds a token; its context stays, with the inherited variable in it."""

    async def main() -> list[object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            token = color.set("red")
            shape_token = await hop(lane, worker, shape.set, "round")
            color.reset(token)
            seen = [await hop(lane, worker, get, color), get(color)]
            await hop(lane, worker, shape.reset, shape_token)
            return [*seen, get(shape), get(color)]

    assert asyncio.run(main()) == ["red", "unset", "unset", "unset"]


def test_where_both_sides_change_a_variable_the_thread_wins() -> None:
    """What else was changed in the task's context during the hop reaches the thread at the next one."""

    context = copy_context()
    release = threading.Event()

    def paint(event: threading.Event) -> None:
        assert event.wait(_WAIT_SECONDS)
        color.set("blue")

    def meanwhile() -> None:
        color.set("green")
        shape.set("round")
        release.set()

    async def request(lane: Lane) -> tuple[list[object], list[object]]:
        worker = WorkerContext()
        color.set("red")
        asyncio.get_running_loop().call_soon(meanwhile, context=context)
        await hop(lane, worker, paint, release)
        in_task = [get(color), get(shape)]
        return in_task, [await hop(lane, worker, get, color), await hop(lane, worker, get, shape)]

    async def main() -> tuple[list[object], list[object]]:
        async with open_lane() as lane:
            return await asyncio.get_running_loop().create_task(request(lane), context=context)

    assert asyncio.run(main()) == (["blue", "round"], ["blue", "round"])


class _Incomparable:
    def __eq__(self, other: object) -> bool:
        raise TypeError("incomparable")

    __hash__ = None


def test_values_that_cannot_be_compared_are_carried() -> None:
    """What cannot be compared counts as changed, in both directions."""

    async def main() -> tuple[bool, bool]:
        worker = WorkerContext()
        color.set(_Incomparable())
        async with open_lane() as lane:
            await hop(lane, worker, len, "")
            mine = _Incomparable()
            color.set(mine)
            seen = await hop(lane, worker, get, color)
            theirs = _Incomparable()
            await hop(lane, worker, color.set, theirs)
            return seen is mine, get(color) is theirs

    assert asyncio.run(main()) == (True, True)


@pytest.mark.pain("P14")
@pytest.mark.pain("P7")
def test_cancelling_during_a_hop_leaves_no_stuck_task() -> None:
    """The task ends at once, nothing is carried back, and the loop can still enter the task's context."""

    async def main() -> tuple[object, list[object], list[str]]:
        errors: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, details: errors.append(str(details)))
        worker = WorkerContext()
        entered, release = threading.Event(), threading.Event()
        seen: list[object] = []

        def paint(value: str) -> None:
            color.set(value)
            entered.set()
            assert release.wait(_WAIT_SECONDS)

        async def request() -> None:
            color.set("red")
            try:
                await hop(lane, worker, paint, "blue")
            finally:
                await asyncio.sleep(0)
                seen.append(get(color))

        async with open_lane() as lane:
            task = asyncio.create_task(request())
            while not entered.is_set():
                await asyncio.sleep(0)
            task.cancel()
            [result] = await asyncio.gather(task, return_exceptions=True)
            was_running = not release.is_set()
            release.set()
        assert was_running
        return type(result), seen, errors

    assert asyncio.run(main()) == (asyncio.CancelledError, ["red"], [])


def test_an_abandoned_thread_keeps_its_context_for_its_own_cleanup() -> None:
    """It can reset its token; a hop of the request meanwhile gets a context of its own."""

    async def main() -> tuple[object, object, object]:
        worker = WorkerContext()
        entered, release = threading.Event(), threading.Event()
        left: list[object] = []

        def handle(value: str) -> None:
            token = color.set(value)
            entered.set()
            assert release.wait(_WAIT_SECONDS)
            left.append(get(color))
            color.reset(token)
            left.append(get(color))

        async def request() -> object:
            color.set("red")
            try:
                await hop(lane, worker, handle, "blue")
            except asyncio.CancelledError:
                return await hop(lane, worker, get, color), worker.context
            return None

        async with open_lane() as lane:
            task = asyncio.create_task(request())
            while not entered.is_set():
                await asyncio.sleep(0)
            first = worker.context
            task.cancel()
            result = await task
            release.set()
        assert isinstance(result, tuple)
        return result[0], result[1] is first, left

    assert asyncio.run(main()) == ("red", False, ["blue", "red"])


def test_a_later_hop_uses_the_context_again_when_the_abandoned_thread_has_ended() -> None:
    """Then its tokens are valid, and what it set is carried back after all."""

    async def main() -> tuple[object, object]:
        worker = WorkerContext()
        entered, release = threading.Event(), threading.Event()
        tokens: list[Token[object]] = []

        def handle(value: str) -> None:
            tokens.append(color.set(value))
            shape.set("round")
            entered.set()
            assert release.wait(_WAIT_SECONDS)

        async def request() -> tuple[object, object]:
            color.set("red")
            try:
                await hop(lane, worker, handle, "blue")
            except asyncio.CancelledError:
                release.set()
                while lane.stats().busy:
                    await asyncio.sleep(0)
                await hop(lane, worker, lambda _: color.reset(tokens[0]), None)
            return get(color), get(shape)

        async with open_lane() as lane:
            task = asyncio.create_task(request())
            while not entered.is_set():
                await asyncio.sleep(0)
            task.cancel()
            return await task

    assert asyncio.run(main()) == ("red", "round")


def test_a_hop_that_is_cancelled_before_it_started_never_runs() -> None:
    """The job is withdrawn, and the context is free for the next hop."""

    async def main() -> tuple[list[str], bool]:
        worker = WorkerContext()
        release = threading.Event()
        ran: list[str] = []

        async with open_lane(1) as lane:
            blocker = lane.submit(release.wait, _WAIT_SECONDS)
            await hop_once(worker)
            context = worker.context
            task = asyncio.create_task(hop(lane, worker, ran.append, "never"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            release.set()
            await blocker
            await hop(lane, worker, ran.append, "then")
            return ran, worker.context is context

    async def hop_once(worker: WorkerContext) -> None:
        async with open_lane() as lane:
            await hop(lane, worker, len, "")

    assert asyncio.run(main()) == (["then"], True)


def test_closing_lets_go_of_everything() -> None:
    """A closed worker context keeps no value alive, also when a value refers to it."""

    class Request:
        worker: WorkerContext

    async def main() -> object:
        request = Request()
        request.worker = WorkerContext()
        reference = weakref.ref(request)
        async with open_lane() as lane:
            token = color.set(request)
            await hop(lane, request.worker, shape.set, "round")
            color.reset(token)
            request.worker.close()
            context = request.worker.context
            del request, token
            assert context is None
            # The step that a future woke holds the future, and it what the hop returned.
            await asyncio.sleep(0)
            return reference()

    gc.disable()
    try:
        kept = asyncio.run(main())
    finally:
        gc.enable()

    assert kept is None


def test_closing_during_a_hop_ends_it_quietly() -> None:
    """The result arrives; nothing is carried back, because there is nothing left to carry it from."""

    async def main() -> tuple[object, object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            asyncio.get_running_loop().call_soon(worker.close)
            entered = threading.Event()
            asyncio.get_running_loop().call_soon(entered.set)

            def paint(value: str) -> str:
                assert entered.wait(_WAIT_SECONDS)
                color.set(value)
                return value

            return await hop(lane, worker, paint, "blue"), get(color)

    assert asyncio.run(main()) == ("blue", "unset")


def test_nothing_is_kept_of_a_hop_that_failed() -> None:
    """Exception and argument go without the collector: no frame, job and traceback hold one another."""

    class Argument:
        pass

    def fail(argument: Argument) -> None:
        raise ValueError(argument)

    async def main() -> object:
        worker = WorkerContext()
        async with open_lane() as lane:
            argument = Argument()
            reference = weakref.ref(argument)
            try:
                await hop(lane, worker, fail, argument)
            except ValueError:
                del argument
            await lane.submit(len, "after")
            return reference()

    gc.disable()
    try:
        kept = asyncio.run(main())
    finally:
        gc.enable()

    assert kept is None


def test_a_hop_from_another_context_does_no_harm() -> None:
    """A token is of no use in a context it was not made in, so there the variable stays set."""

    async def main() -> list[object]:
        worker = WorkerContext()
        async with open_lane() as lane:
            token = await hop(lane, worker, color.set, "blue")
            other = copy_context()
            await asyncio.get_running_loop().create_task(hop(lane, worker, color.reset, token), context=other)
            return [other[color], get(color), await hop(lane, worker, get, color)]

    assert asyncio.run(main()) == ["blue", "blue", "unset"]


_STEPS = st.lists(
    st.tuples(st.sampled_from(["task", "thread"]), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_both_sides_agree_after_every_hop(steps: list[tuple[str, int, int]]) -> None:
    """However the sides take turns in setting variables, each sees what the other has set."""
    variables: list[ContextVar[object]] = [ContextVar(f"v{number}") for number in range(4)]

    def read(_: None) -> list[object]:
        return [get(variable) for variable in variables]

    async def main() -> None:
        worker = WorkerContext()
        expected: list[object] = ["unset"] * 4
        async with open_lane(1) as lane:
            for side, number, value in steps:
                expected[number] = value
                set_it: Callable[[int], object] = variables[number].set
                if side == "task":
                    set_it(value)
                else:
                    await hop(lane, worker, set_it, value)

                assert expected == read(None)
                assert expected == await hop(lane, worker, read, None)

    asyncio.run(main())
