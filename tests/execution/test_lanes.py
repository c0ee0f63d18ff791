"""Lanes of worker threads: order, limits, waking, and that nothing is lost."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from costrel.errors import ServiceUnavailable
from costrel.execution.lane_job import LaneJob
from costrel.execution.lanes import Lane
from costrel.execution.run_profile import RunProfile

_WAIT_SECONDS = 10


@asynccontextmanager
async def open_lane(
    threads: int = 1, *, max_waiting: int | None = None, queue_timeout_seconds: float | None = None
) -> AsyncIterator[Lane]:
    lane = Lane(
        "test",
        threads=threads,
        loop=asyncio.get_running_loop(),
        max_waiting=max_waiting,
        queue_timeout_seconds=queue_timeout_seconds,
    )
    try:
        yield lane
    finally:
        assert await lane.close(_WAIT_SECONDS) == 0


def make_profile(average_seconds: float) -> RunProfile:
    profile = RunProfile()
    profile.record(average_seconds, 0.0)
    return profile


def wait_for(event: threading.Event) -> str:
    assert event.wait(_WAIT_SECONDS)
    return "released"


async def occupy(lane: Lane, release: threading.Event, count: int = 1) -> list[LaneJob[str]]:
    """Keep so many threads busy until the event is set; return when they are."""
    started = threading.Semaphore(0)

    def run(event: threading.Event) -> str:
        started.release()
        return wait_for(event)

    jobs = [lane.submit(run, release) for _ in range(count)]
    for _ in jobs:
        while not started.acquire(blocking=False):
            await asyncio.sleep(0)
    return jobs


async def settle(awaitables: list[LaneJob[str]]) -> list[object]:
    return await asyncio.gather(*awaitables, return_exceptions=True)


@pytest.mark.parametrize(
    ("threads", "max_waiting", "message"),
    [
        pytest.param(0, 1, "a lane has at least one thread, not 0", id="no-threads"),
        pytest.param(1, -1, "max_waiting is 0 or more, or None, not -1", id="fewer-than-nobody-waits"),
    ],
)
def test_a_lane_refuses_numbers_that_make_no_sense(threads: int, max_waiting: int, message: str) -> None:
    """The message names the number."""
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match=message):
        Lane("test", threads=threads, loop=loop, max_waiting=max_waiting, queue_timeout_seconds=None)
    loop.close()


def test_a_job_runs_in_a_daemon_thread_of_the_lane() -> None:
    """The thread's name says whose it is."""

    async def main() -> tuple[str, bool]:
        async with open_lane() as lane:
            thread = await lane.submit(lambda _: threading.current_thread(), None)
            return thread.name, thread.daemon

    assert asyncio.run(main()) == ("costrel-test-1", True)


def test_threads_start_only_when_they_are_needed() -> None:
    """Jobs that follow one another share a thread; jobs that overlap get one each."""

    async def main() -> tuple[int, int]:
        async with open_lane(4) as lane:
            threads = [await lane.submit(lambda _: threading.get_ident(), None) for _ in range(5)]
            release = threading.Event()
            await occupy(lane, release, 3)
            busy_count = lane.stats().busy
            release.set()
            return len(set(threads)), busy_count

    assert asyncio.run(main()) == (1, 3)


def test_start_starts_all_threads() -> None:
    """After that no job waits for a thread to start; a second call has nothing to do."""

    async def main() -> list[str]:
        async with open_lane(3) as lane:
            lane.start()
            lane.start()
            return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("costrel-test-"))

    assert asyncio.run(main()) == ["costrel-test-1", "costrel-test-2", "costrel-test-3"]


@pytest.mark.parametrize("is_short", [pytest.param(True, id="short-jobs"), pytest.param(False, id="long-jobs")])
def test_jobs_start_in_the_order_of_their_coming(is_short: bool) -> None:
    """One thread serves first come, first served."""

    async def main() -> list[int]:
        order: list[int] = []
        async with open_lane() as lane:
            release = threading.Event()
            await occupy(lane, release)
            profile = make_profile(0.00001 if is_short else 1.0)
            jobs = [lane.submit(order.append, number, None, profile) for number in range(50)]
            release.set()
            await asyncio.gather(*jobs)
        return order

    assert asyncio.run(main()) == list(range(50))


def test_a_context_is_entered_and_none_is_shared_without() -> None:
    """A job runs in the context it was given; one without sees nothing of the loop's context."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")

    async def main() -> tuple[str, str]:
        variable.set("of the loop")
        context = contextvars.copy_context()
        async with open_lane() as lane:
            return (
                await lane.submit(lambda _: variable.get(), None, context),
                await lane.submit(lambda _: variable.get(), None),
            )

    assert asyncio.run(main()) == ("of the loop", "default")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("no"), id="an-exception"),
        pytest.param(SystemExit(3), id="system-exit"),
        pytest.param(KeyboardInterrupt(), id="keyboard-interrupt"),
    ],
)
def test_what_a_job_raises_arrives_and_the_worker_lives(error: BaseException) -> None:
    """No exception ends a thread of the lane."""

    def fail(_: None) -> None:
        raise error

    async def main() -> tuple[BaseException | None, bool]:
        async with open_lane() as lane:
            before = await lane.submit(lambda _: threading.get_ident(), None)
            job = lane.submit(fail, None)
            await asyncio.wait([job])
            after = await lane.submit(lambda _: threading.get_ident(), None)
            return job.exception(), before == after

    assert asyncio.run(main()) == (error, True)


@pytest.mark.parametrize(
    ("submitted", "refused_count"),
    [
        pytest.param(2, 0, id="one-less-than-may-wait"),
        pytest.param(3, 0, id="as-many-as-may-wait"),
        pytest.param(4, 1, id="one-more-than-may-wait"),
    ],
)
@pytest.mark.security("R18")
def test_more_than_max_waiting_are_refused_at_once(submitted: int, refused_count: int) -> None:
    """The job over the limit answers 503 before the function returns; the others run."""

    async def main() -> tuple[list[bool], int, list[object]]:
        async with open_lane(2, max_waiting=3) as lane:
            release = threading.Event()
            await occupy(lane, release, 2)
            jobs = [lane.submit(wait_for, release) for _ in range(submitted)]
            refused = [job.done() for job in jobs]
            rejected_count = lane.stats().rejected_count
            release.set()
            return refused, rejected_count, await settle(jobs)

    refused, rejected_count, results = asyncio.run(main())

    expected = [False] * (submitted - refused_count) + [True] * refused_count
    assert expected == refused
    assert refused_count == rejected_count
    assert expected == [isinstance(result, ServiceUnavailable) for result in results]


def test_a_burst_for_which_there_are_threads_is_not_refused() -> None:
    """Jobs that only wait for their thread to wake do not count as waiting."""

    async def main() -> tuple[list[bool], list[object]]:
        async with open_lane(3, max_waiting=0) as lane:
            release = threading.Event()
            jobs = [lane.submit(wait_for, release) for _ in range(4)]
            refused = [job.done() for job in jobs]
            release.set()
            return refused, await settle(jobs)

    refused, results = asyncio.run(main())

    assert refused == [False, False, False, True]
    assert results[:3] == ["released"] * 3


@pytest.mark.security("R18")
@pytest.mark.pain("P4")
def test_a_job_that_waits_too_long_is_refused() -> None:
    """It answers 503 with Retry-After; the job that keeps the thread is left alone."""

    async def main() -> tuple[object, list[object], int, int]:
        async with open_lane(queue_timeout_seconds=0.003) as lane:
            release = threading.Event()
            running = await occupy(lane, release)
            waiting = [lane.submit(wait_for, release) for _ in range(2)]
            errors = await settle(waiting)
            stats = lane.stats()
            release.set()
            return await running[0], errors, stats.rejected_count, stats.waiting

    result, errors, rejected_count, waiting_count = asyncio.run(main())

    assert (result, rejected_count, waiting_count) == ("released", 2, 0)
    for error in errors:
        assert isinstance(error, ServiceUnavailable)
        assert error.headers == {"Retry-After": "1"}


def test_a_cancelled_job_that_waits_never_runs() -> None:
    """Its place is given to the next one."""

    async def main() -> tuple[list[int], int]:
        ran: list[int] = []
        async with open_lane(max_waiting=3) as lane:
            release = threading.Event()
            await occupy(lane, release)
            jobs = [lane.submit(ran.append, number) for number in range(3)]
            jobs[1].cancel()
            jobs.append(lane.submit(ran.append, 3))
            waiting_count = lane.stats().waiting
            release.set()
            await asyncio.wait(jobs)
        return ran, waiting_count

    assert asyncio.run(main()) == ([0, 2, 3], 3)


def test_a_cancelled_job_that_runs_goes_on_and_is_counted() -> None:
    """It is abandoned until it ends; its result is dropped."""

    async def main() -> tuple[tuple[int, int], tuple[int, int, int], bool]:
        async with open_lane() as lane:
            release = threading.Event()
            [job] = await occupy(lane, release)
            job.cancel()
            during = lane.stats()
            release.set()
            await lane.submit(len, "after")
            after = lane.stats()
            return (
                (during.abandoned, during.busy),
                (after.abandoned, after.busy, after.done_count),
                job.cancelled(),
            )

    assert asyncio.run(main()) == ((1, 1), (0, 0, 2), True)


def test_a_result_that_is_on_its_way_meets_a_cancelled_future() -> None:
    """The future was cancelled after the thread had finished and before the loop came round: it stays cancelled."""

    async def main() -> tuple[bool, int]:
        finished = threading.Event()
        async with open_lane() as lane:
            job = lane.submit(lambda _: None, None)
            lane.submit(lambda _: finished.set(), None)
            finished.wait(_WAIT_SECONDS)
            job.cancel()
            await lane.submit(len, "after")
            return job.cancelled(), lane.stats().abandoned

    assert asyncio.run(main()) == (True, 0)


def test_results_come_back_in_one_batch() -> None:
    """However many jobs finish while the loop is busy, it is woken once."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        wake_count = 0
        original = loop.call_soon_threadsafe

        def count(*args: object, **kwargs: object) -> object:
            nonlocal wake_count
            wake_count += 1
            return original(*args, **kwargs)

        async with open_lane() as lane:
            finished = threading.Event()
            profile = make_profile(0.00001)
            loop.call_soon_threadsafe = count
            jobs = [lane.submit(len, "abc", None, profile) for _ in range(100)]
            last = lane.submit(lambda _: finished.set(), None, None, profile)
            await asyncio.sleep(0)
            # The loop stands still meanwhile; a worker that had parked was woken by its turn.
            wait_for(finished)
            await asyncio.gather(*jobs, last)
            loop.call_soon_threadsafe = original
        return wake_count

    # Once for what finished before the loop's turn, once for the rest, and the last result may come just after that.
    assert asyncio.run(main()) <= 3


def test_short_jobs_are_left_to_one_hot_worker() -> None:
    """A burst of jobs known to be short is drained by a single thread, though others are idle."""

    async def main() -> int:
        async with open_lane(4) as lane:
            lane.start()
            profile = make_profile(0.00001)
            finished = threading.Event()
            jobs = [lane.submit(lambda _: threading.get_ident(), None, None, profile) for _ in range(30)]
            last = lane.submit(lambda _: finished.set(), None, None, profile)
            await asyncio.sleep(0)
            # The loop stands still meanwhile, so that no timer can wake another worker.
            wait_for(finished)
            await last
            return len(set(await asyncio.gather(*jobs)))

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(None, id="without-a-profile"),
        pytest.param(RunProfile(), id="with-an-unknown-run-time"),
        pytest.param(make_profile(0.02), id="with-a-long-run-time"),
    ],
)
def test_other_jobs_get_a_worker_each(profile: RunProfile | None) -> None:
    """Jobs that wait for one another all run at the same time."""

    async def main() -> list[int]:
        barrier = threading.Barrier(5)
        async with open_lane(5) as lane:
            return await asyncio.gather(
                *(lane.submit(lambda _: barrier.wait(_WAIT_SECONDS), None, None, profile) for _ in range(5))
            )

    assert sorted(asyncio.run(main())) == [0, 1, 2, 3, 4]


@pytest.mark.pain("P4")
def test_jobs_that_are_suddenly_long_are_rescued_from_the_hot_worker() -> None:
    """When a job that used to be short is stuck, those behind it get workers, and the profile learns."""

    async def main() -> tuple[list[int], bool]:
        barrier = threading.Barrier(5)
        profile = make_profile(0.00001)
        async with open_lane(5) as lane:
            ranks = await asyncio.gather(
                *(lane.submit(lambda _: barrier.wait(_WAIT_SECONDS), None, None, profile) for _ in range(5))
            )
        return ranks, profile.is_short

    ranks, is_short = asyncio.run(main())

    assert sorted(ranks) == [0, 1, 2, 3, 4]
    assert not is_short


def test_a_short_job_does_not_wait_behind_long_ones() -> None:
    """Only a worker that runs short jobs counts as hot; while others run long ones, a short one wakes a worker."""

    async def main() -> str:
        async with open_lane(3) as lane:
            release, finished = threading.Event(), threading.Event()
            await occupy(lane, release, 2)
            job = lane.submit(lambda _: finished.set(), None, None, make_profile(0.00001))
            # The loop stands still meanwhile, so that no timer can come to the rescue.
            result = wait_for(finished)
            await job
            release.set()
            return result

    assert asyncio.run(main()) == "released"


def test_a_stuck_short_job_holds_up_no_job_of_another_kind() -> None:
    """A short job behind a stuck one of another endpoint is rescued as well."""

    async def main() -> int:
        async with open_lane(2) as lane:
            release = threading.Event()
            stuck = lane.submit(wait_for, release, None, make_profile(0.00001))
            result = await asyncio.wait_for(lane.submit(len, "abc", None, make_profile(0.00001)), _WAIT_SECONDS)
            release.set()
            await stuck
            return result

    assert asyncio.run(main()) == 3


def test_a_rescue_does_not_wait_for_the_queue_timeout() -> None:
    """A timer that was set while all threads were busy is brought forward when a short job is left to a hot worker."""

    async def main() -> int:
        async with open_lane(2, queue_timeout_seconds=_WAIT_SECONDS * 2) as lane:
            release = threading.Event()
            jobs = await occupy(lane, release, 2)
            jobs.append(lane.submit(wait_for, release))
            release.set()
            await asyncio.gather(*jobs)
            again = threading.Event()
            stuck = lane.submit(wait_for, again, None, make_profile(0.00001))
            result = await asyncio.wait_for(lane.submit(len, "abc", None, make_profile(0.00001)), _WAIT_SECONDS)
            again.set()
            await stuck
            return result

    assert asyncio.run(main()) == 3


def test_a_rescue_wakes_no_more_workers_than_there_are() -> None:
    """When more jobs wait behind a stuck one than threads are free, those there are take turns."""

    async def main() -> tuple[list[int], int]:
        async with open_lane(2) as lane:
            release = threading.Event()
            profile = make_profile(0.00001)
            stuck = lane.submit(wait_for, release, None, profile)
            waiting = [lane.submit(len, "abc", None, profile) for _ in range(5)]
            results = await asyncio.wait_for(asyncio.gather(*waiting), _WAIT_SECONDS)
            busy_count = lane.stats().busy
            release.set()
            await stuck
            return results, busy_count

    assert asyncio.run(main()) == ([3] * 5, 1)


def test_each_job_waits_its_own_time() -> None:
    """A later job is not refused together with an earlier one."""

    async def main() -> list[float]:
        timeout_seconds = 0.005
        waited: list[float] = []
        async with open_lane(queue_timeout_seconds=timeout_seconds) as lane:
            release = threading.Event()
            await occupy(lane, release)
            jobs = []
            for _ in range(2):
                jobs.append(lane.submit(wait_for, release))
                jobs[-1].add_done_callback(lambda job: waited.append(time.monotonic() - job.submitted_at))
                await asyncio.sleep(0.002)
            assert [ServiceUnavailable] * 2 == [type(error) for error in await settle(jobs)]
            release.set()
        return waited

    assert all(seconds >= 0.005 for seconds in asyncio.run(main()))


def test_the_timer_ends_with_the_backlog() -> None:
    """A lane without waiting jobs keeps nothing scheduled on the loop."""

    async def main() -> object:
        async with open_lane(2) as lane:
            profile = make_profile(0.00001)
            await asyncio.gather(*(lane.submit(len, "abc", None, profile) for _ in range(20)))
            while lane._timer is not None:
                await asyncio.sleep(0.001)
            return await lane.submit(len, "abc", None, profile), lane._timer

    assert asyncio.run(main()) == (3, None)


def test_stats_of_an_untouched_lane() -> None:
    """Nothing has happened yet."""

    async def main() -> object:
        async with open_lane(7) as lane:
            stats = lane.stats()
            return stats.name, stats.threads, stats.busy, stats.waiting, stats.longest_wait_seconds, stats.done_count

    assert asyncio.run(main()) == ("test", 7, 0, 0, 0.0, 0)


def test_the_longest_wait_is_remembered() -> None:
    """A job that waits now counts, and still does when it has been served."""

    async def main() -> tuple[float, float]:
        async with open_lane() as lane:
            release = threading.Event()
            await occupy(lane, release)
            job = lane.submit(len, "abc")
            await asyncio.sleep(0.002)
            waiting = lane.stats().longest_wait_seconds
            release.set()
            await job
            return waiting, lane.stats().longest_wait_seconds

    waiting, served = asyncio.run(main())

    assert 0.002 <= waiting <= served


def test_closing_refuses_what_waits_and_lets_the_rest_end() -> None:
    """A job that runs delivers its result; one that waits answers 503; later ones as well."""

    async def main() -> tuple[object, object, object, int, bool]:
        lane = Lane(
            "test", threads=1, loop=asyncio.get_running_loop(), max_waiting=None, queue_timeout_seconds=_WAIT_SECONDS
        )
        release = threading.Event()
        [running] = await occupy(lane, release)
        waiting = lane.submit(wait_for, release)
        still_running_count = await lane.close(0.001)
        release.set()
        left_count = await lane.close(_WAIT_SECONDS)
        late = lane.submit(wait_for, release)
        results = await settle([running, waiting, late])
        assert still_running_count == 1
        return results[0], type(results[1]), type(results[2]), left_count, lane.is_closed

    assert asyncio.run(main()) == ("released", ServiceUnavailable, ServiceUnavailable, 0, True)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("costrel-test-")]


def test_a_job_may_outlive_its_loop() -> None:
    """When the loop is gone there is nobody to tell; the thread ends without a word."""
    release = threading.Event()

    async def main() -> threading.Thread:
        lane = Lane("test", threads=1, loop=asyncio.get_running_loop(), max_waiting=None, queue_timeout_seconds=None)
        await occupy(lane, release)
        assert await lane.close(0) == 1
        return next(thread for thread in threading.enumerate() if thread.name == "costrel-test-1")

    thread = asyncio.run(main())
    release.set()
    thread.join(_WAIT_SECONDS)

    assert not thread.is_alive()


def test_without_a_single_thread_jobs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system starts no thread at all, a job fails at once instead of waiting for ever."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> tuple[bool, object]:
        async with open_lane(2) as lane:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                job = lane.submit(len, "abc")
                was_refused = job.was_refused
            await asyncio.wait([job])
            return was_refused and isinstance(job.exception(), ServiceUnavailable), await lane.submit(len, "abc")

    assert asyncio.run(main()) == (True, 3)


def test_fewer_threads_than_wanted_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a further thread cannot be started, the job waits for those there are."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> int:
        async with open_lane(2) as lane:
            release = threading.Event()
            await occupy(lane, release)
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                job = lane.submit(len, "abc")
            release.set()
            return await job

    assert asyncio.run(main()) == 3


def test_nothing_is_kept_of_a_job_that_failed() -> None:
    """Exception, traceback and argument go as soon as the caller lets them go, without the collector."""

    class Argument:
        pass

    def fail(argument: Argument) -> None:
        raise ValueError(argument)

    async def main() -> object:
        async with open_lane() as lane:
            argument = Argument()
            reference = weakref.ref(argument)
            try:
                await lane.submit(fail, argument)
            except ValueError:
                del argument
            # The worker parks after it has delivered.
            await lane.submit(len, "after")
            return reference()

    gc.disable()
    try:
        kept = asyncio.run(main())
    finally:
        gc.enable()

    assert kept is None


async def _burst(submit: Callable[[int], Awaitable[int]], count: int) -> list[int]:
    return await asyncio.gather(*(submit(number) for number in range(count)))


async def _one_by_one(submit: Callable[[int], Awaitable[int]], count: int) -> list[int]:
    return [await submit(number) for number in range(count)]


async def _clients(submit: Callable[[int], Awaitable[int]], count: int) -> list[int]:
    async def client(start: int) -> list[int]:
        return [await submit(number) for number in range(start, count, 16)]

    return [number for numbers in await asyncio.gather(*(client(start) for start in range(16))) for number in numbers]


async def _small_bursts(submit: Callable[[int], Awaitable[int]], count: int) -> list[int]:
    results: list[int] = []
    for start in range(0, count, 10):
        results += await asyncio.gather(*(submit(number) for number in range(start, start + 10)))
    return results


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(_burst, id="all-at-once"),
        pytest.param(_one_by_one, id="one-by-one"),
        pytest.param(_clients, id="sixteen-clients"),
        pytest.param(_small_bursts, id="bursts-of-ten"),
    ],
)
@pytest.mark.parametrize("threads", [pytest.param(1, id="one-thread"), pytest.param(8, id="eight-threads")])
def test_no_job_is_lost(
    pattern: Callable[[Callable[[int], Awaitable[int]], int], Awaitable[list[int]]], threads: int
) -> None:
    """However jobs of all kinds come, each one is delivered exactly once."""
    count = 2500
    choices = random.Random(7)

    def run(number: int) -> int:
        if number % 100 == 0:
            time.sleep(0.0001)
        return number

    async def main() -> list[int]:
        profiles = [None, RunProfile(), make_profile(0.00001), make_profile(1.0)]
        async with open_lane(threads) as lane:
            return await asyncio.wait_for(
                pattern(lambda number: lane.submit(run, number, None, choices.choice(profiles)), count), 30
            )

    assert list(range(count)) == sorted(asyncio.run(main()))


@pytest.mark.pain("P4")
def test_a_small_pool_of_connections_serves_many_jobs() -> None:
    """200 jobs that each take one of five connections finish in 40 threads, without deadlock."""
    pool = threading.BoundedSemaphore(5)
    served: list[int] = []

    def handle(number: int) -> None:
        assert pool.acquire(timeout=_WAIT_SECONDS)
        served.append(number)
        time.sleep(0.0002)
        pool.release()

    async def main() -> int:
        async with open_lane(40, max_waiting=1000, queue_timeout_seconds=5) as lane:
            profile = RunProfile()
            await asyncio.gather(*(lane.submit(handle, number, None, profile) for number in range(200)))
            return lane.stats().rejected_count

    assert asyncio.run(main()) == 0
    assert sorted(served) == list(range(200))
