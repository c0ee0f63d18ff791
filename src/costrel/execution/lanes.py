"""Bounded lanes of worker threads, each bound to one loop.

A lane takes jobs on its loop, runs them in order in daemon threads and hands the results back in batches: however many
jobs finish before the loop comes round, it is woken once for them.

How many workers are woken for how many jobs decides the speed. A job of unknown or longer run time gets a worker of
its own. Short ones are left to a *hot* worker, one that is running short jobs already: it takes the next as soon as it
has finished one, and nobody has to be woken. When there is none, one is woken at the end of the loop's turn for all the
short jobs of that turn: woken at once, it would take the GIL between two reads of the loop, and give it back, for every
job. That goes wrong when a job that used to be short is not any more, so a
timer, which exists only while jobs wait, looks for one that has waited for 2 ms and then wakes others.

Everything that threads share is written under one lock per lane, which is held for some hundred nanoseconds and
never while something runs, wakes or blocks. That is the whole proof that no wake-up is lost: a worker parks only if,
under the lock, the backlog is empty, and a job that enters later finds it parked.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from costrel.execution.backlog import Backlog
from costrel.execution.lane_job import JobState, LaneJob
from costrel.execution.run_profile import RunProfile
from costrel.execution.stats import LaneStats

__all__ = ["Lane"]

_A = TypeVar("_A")
_R = TypeVar("_R")

_STALL_SECONDS = 0.002
_MIN_TIMER_SECONDS = 0.001

# Looked up once: a member of an enum is a slow global on Python 3.11.
_WAITING, _REFUSED, _FINISHED = JobState.WAITING, JobState.REFUSED, JobState.FINISHED


class _Worker:
    """One thread. Its gate is locked while it parks; who takes it out of the idle list opens it, once."""

    __slots__ = ("gate", "is_hot", "job", "started_at", "thread")

    def __init__(self, is_hot: bool) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.thread: threading.Thread | None = None
        self.job: LaneJob[Any] | None = None
        self.started_at = 0.0
        self.is_hot = is_hot


class Lane:
    """A bounded pool of daemon threads that works for one loop.

    Threads are started one by one when they are needed, or all by `start`. All methods are called on the loop's thread.

    Args:
        name: part of the threads' names, ``costrel-<name>-<number>``.
        threads: the most threads, 1 or more.
        loop: where results are delivered.
        max_waiting: how many jobs may wait when every thread has one, 0 or more; `None` is no limit.
        queue_timeout_seconds: how long a job may wait for a thread; `None` is no limit.

    Raises:
        ValueError: a number is out of its range.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        loop: asyncio.AbstractEventLoop,
        max_waiting: int | None,
        queue_timeout_seconds: float | None,
    ) -> None:
        if threads < 1:
            raise ValueError(f"a lane has at least one thread, not {threads}")
        if max_waiting is not None and max_waiting < 0:
            raise ValueError(f"max_waiting is 0 or more, or None, not {max_waiting}")
        self.name = name
        self._loop = loop
        self._threads = threads
        self._max_unfinished = None if max_waiting is None else threads + max_waiting
        self._queue_timeout_seconds = queue_timeout_seconds

        # Re-entrant, because the garbage collector may run a finalizer here that cancels a job.
        self._lock = threading.RLock()
        self._backlog = Backlog()
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._hot_count = 0
        self._running_count = 0
        self._finished: list[LaneJob[Any]] = []
        self._is_flush_scheduled = False
        self._is_wake_scheduled = False
        self._is_closed = False
        self._started_count = 0
        self._done_count = 0
        self._rejected_count = 0
        self._abandoned_count = 0
        self._longest_wait_seconds = 0.0

        # These belong to the loop's thread alone.
        self._context = contextvars.Context()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._emptied: asyncio.Event | None = None

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called; from then on every job is refused."""
        return self._is_closed

    def start(self) -> None:
        """Start all threads now, so that no job waits for one to start."""
        with self._lock:
            workers = [self._add_worker() for _ in range(self._threads - len(self._workers))]
        self._wake(workers)

    def submit(
        self,
        fn: Callable[[_A], _R],
        arg: _A,
        context: contextvars.Context | None = None,
        profile: RunProfile | None = None,
    ) -> LaneJob[_R]:
        """Run ``fn(arg)`` in a worker thread.

        Jobs start in the order in which they were submitted.

        Args:
            fn: what to run; anything it raises, `SystemExit` included, is delivered to the future.
            arg: its only argument.
            context: entered by the thread while it runs, so by nobody else; `None` runs without one.
            profile: run times of jobs of this kind, read to decide how to wake and written afterwards;
                `None` is a kind that is not known.

        Returns:
            The future of the result. It fails with `ServiceUnavailable` at once when too many jobs wait, and later
            when no thread was free in time. Cancelling it before the job has started withdraws the job; after
            that the job runs on and its result is dropped.
        """
        job: LaneJob[_R] = LaneJob(loop=self._loop)
        job.lane = self
        job.fn = fn
        job.arg = arg
        job.context = context
        job.profile = profile
        job.state = _WAITING
        job.is_abandoned = False
        job.value = job.error = None
        job.submitted_at = now = monotonic()
        is_short = profile is not None and profile.is_short
        wait_seconds: float | None = None
        woken: _Worker | None = None
        must_schedule = False
        with self._lock:
            backlog = self._backlog
            limit = self._max_unfinished
            if self._is_closed or (limit is not None and self._running_count + len(backlog) >= limit):
                job.state = _REFUSED
                self._rejected_count += 1
            else:
                backlog.append(job)
                if is_short and self._hot_count:
                    if self._timer is None or self._timer_due > now + _STALL_SECONDS:
                        wait_seconds = _STALL_SECONDS
                elif is_short and self._idle:
                    must_schedule = not self._is_wake_scheduled
                    self._is_wake_scheduled = True
                else:
                    woken = self._pick_worker(is_short)
                    if woken is None:
                        wait_seconds = self._queue_timeout_seconds
        if job.state is _REFUSED:
            job.refuse()
        elif woken is not None:
            self._wake((woken,))
        elif must_schedule:
            self._loop.call_soon(self._wake_hot, context=self._context)
        elif wait_seconds is not None:
            self._set_timer(now + wait_seconds, now)
        return job

    def withdraw(self, job: LaneJob[Any]) -> None:
        """Take back a job whose future was cancelled; called by `LaneJob.cancel`."""
        with self._lock:
            if job.state is _WAITING:
                self._backlog.withdraw(job)
            elif job.state is JobState.RUNNING:
                job.is_abandoned = True
                self._abandoned_count += 1

    def stats(self) -> LaneStats:
        """Return sizes and counts as they are now."""
        now = monotonic()
        with self._lock:
            oldest = self._backlog.peek()
            waited_seconds = 0.0 if oldest is None else now - oldest.submitted_at
            return LaneStats(
                name=self.name,
                threads=self._threads,
                busy=self._running_count,
                waiting=len(self._backlog),
                longest_wait_seconds=max(self._longest_wait_seconds, waited_seconds),
                done_count=self._done_count,
                rejected_count=self._rejected_count,
                abandoned=self._abandoned_count,
            )

    async def close(self, timeout_seconds: float) -> int:
        """Refuse what waits, let running jobs end, and end the threads.

        Args:
            timeout_seconds: how long to wait for running jobs.

        Returns:
            The number of threads whose job still runs; each ends with its job.
        """
        with self._lock:
            self._is_closed = True
            refused = self._refuse_older(math.inf)
            idle, self._idle = self._idle, []
            workers = list(self._workers)
        if self._emptied is None:
            self._emptied = asyncio.Event()
        self._wake(idle)
        for job in refused:
            job.refuse()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._workers:
            try:
                await asyncio.wait_for(self._emptied.wait(), timeout_seconds)
            except TimeoutError:
                pass
        with self._lock:
            left = list(self._workers)
        for worker in workers:
            if worker not in left and worker.thread is not None:
                worker.thread.join()
        return len(left)

    def _add_worker(self, is_hot: bool = False) -> _Worker:
        """Make a worker whose thread is still to be started by `_wake`. Under the lock."""
        worker = _Worker(is_hot)
        self._workers.append(worker)
        self._hot_count += is_hot
        return worker

    def _pick_worker(self, is_short: bool) -> _Worker | None:
        """Take an idle worker, or a new one if there may be more, to be woken by `_wake`. Under the lock."""
        if self._idle:
            worker = self._idle.pop()
            worker.is_hot = is_short
            self._hot_count += is_short
            return worker
        return self._add_worker(is_short) if len(self._workers) < self._threads else None

    def _wake(self, workers: list[_Worker] | tuple[_Worker, ...]) -> None:
        """Let picked workers go. Not under the lock: starting a thread blocks until it runs."""
        for worker in workers:
            if worker.thread is not None:
                worker.gate.release()
                continue
            self._started_count += 1
            worker.thread = threading.Thread(
                target=contextvars.Context().run,
                args=(self._serve, worker),
                name=f"costrel-{self.name}-{self._started_count}",
                daemon=True,
            )
            try:
                worker.thread.start()
            except RuntimeError:
                self._give_up(worker)

    def _wake_hot(self) -> None:
        """Wake one worker for all the short jobs of this turn of the loop. On the loop."""
        with self._lock:
            self._is_wake_scheduled = False
            waiting_count = len(self._backlog)
            woken = self._pick_worker(is_short=True) if waiting_count and not self._hot_count else None
        if woken is not None:
            self._wake((woken,))
        if waiting_count > (woken is not None):
            now = monotonic()
            self._set_timer(now + _STALL_SECONDS, now)

    def _give_up(self, worker: _Worker) -> None:
        """Cope with a thread that the system would not start: the others do the work, if there are others."""
        with self._lock:
            self._workers.remove(worker)
            self._hot_count -= worker.is_hot
            if self._workers:
                return
            refused = self._refuse_older(math.inf)
        for job in refused:
            job.refuse()

    def _serve(self, worker: _Worker) -> None:
        """Run jobs until the lane is closed; the body of every thread."""
        loop = self._loop
        lock = self._lock
        job: LaneJob[Any] | None = None
        take = self._backlog.take
        while True:
            must_flush = must_end = is_last = False
            with lock:
                if job is not None:
                    must_flush = self._take_back(job)
                job = worker.job = take()
                is_hot = False
                if job is not None:
                    self._running_count += 1
                    worker.started_at = now = monotonic()
                    if now - job.submitted_at > self._longest_wait_seconds:
                        self._longest_wait_seconds = now - job.submitted_at
                    is_hot = job.profile is not None and job.profile.is_short
                elif self._is_closed:
                    must_end = True
                    self._workers.remove(worker)
                    is_last = not self._workers
                else:
                    self._idle.append(worker)
                if worker.is_hot is not is_hot:
                    worker.is_hot = is_hot
                    self._hot_count += 1 if is_hot else -1
            try:
                if must_flush:
                    loop.call_soon_threadsafe(self._flush)
                if is_last:
                    loop.call_soon_threadsafe(self._end)
            except RuntimeError:
                # The loop was closed while a job ran: nobody is left who waits for it.
                pass
            if must_end:
                return
            if job is None:
                worker.gate.acquire()
                continue
            job.run(worker.started_at)

    def _take_back(self, job: LaneJob[Any]) -> bool:
        """Note that a job has finished; return whether the loop must be told. Under the lock."""
        job.state = _FINISHED
        self._running_count -= 1
        self._done_count += 1
        if job.is_abandoned:
            self._abandoned_count -= 1
            return False
        self._finished.append(job)
        if self._is_flush_scheduled:
            return False
        self._is_flush_scheduled = True
        return True

    def _flush(self) -> None:
        """Deliver what has finished since the loop was last told. On the loop."""
        with self._lock:
            finished, self._finished = self._finished, []
            self._is_flush_scheduled = False
        for job in finished:
            if job.error is not None:
                job.deliver()
            elif not job.done():
                job.set_result(job.value)

    def _end(self) -> None:
        """Tell `close` that the last thread has ended. On the loop."""
        if self._emptied is not None:
            self._emptied.set()

    def _set_timer(self, due: float, now: float) -> None:
        """Look at the backlog at ``due``, on the clock of `monotonic`, or sooner. On the loop."""
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        # In a context of its own, or the timer would keep that of the request alive which happens to set it.
        self._timer = self._loop.call_later(
            max(due - now, _MIN_TIMER_SECONDS), self._look, context=contextvars.Context()
        )

    def _look(self) -> None:
        """Refuse jobs that waited too long, and wake workers for those left to a stuck one. On the loop."""
        self._timer = None
        now = monotonic()
        refused: list[LaneJob[Any]] = []
        woken: list[_Worker] = []
        due: float | None = None
        with self._lock:
            free_count = len(self._idle) + self._threads - len(self._workers)
            timeout_seconds = self._queue_timeout_seconds
            if not free_count and timeout_seconds is not None:
                refused = self._refuse_older(now - timeout_seconds)
            oldest = self._backlog.peek()
            if oldest is not None and free_count:
                due = oldest.submitted_at + _STALL_SECONDS
                if due <= now:
                    due = now + _STALL_SECONDS
                    woken = self._pick_for_stalled(now, free_count)
            elif oldest is not None and timeout_seconds is not None:
                due = oldest.submitted_at + timeout_seconds
        for job in refused:
            job.refuse()
        self._wake(woken)
        if due is not None:
            self._set_timer(due, now)

    def _refuse_older(self, submitted_at: float) -> list[LaneJob[Any]]:
        """Take jobs out of the backlog that were submitted then or earlier, to be failed. Under the lock."""
        refused = self._backlog.refuse_older(submitted_at)
        if refused:
            self._rejected_count += len(refused)
            self._longest_wait_seconds = max(self._longest_wait_seconds, monotonic() - refused[0].submitted_at)
        return refused

    def _pick_for_stalled(self, now: float, free_count: int) -> list[_Worker]:
        """Pick a worker for each waiting job that is not known to be short, and one at least. Under the lock."""
        for worker in self._workers:
            job = worker.job
            if job is not None and job.profile is not None and now - worker.started_at >= _STALL_SECONDS:
                job.profile.record_running(now - worker.started_at)
        count = 0
        for job in self._backlog:
            if count == free_count:
                break
            if job.profile is None or not job.profile.is_short:
                count += 1
        picked = [self._pick_worker(is_short=False) for _ in range(max(count, 1))]
        return [worker for worker in picked if worker is not None]
