"""The supervisor: it opens the sockets, starts the workers and keeps them running, and never imports an application.

All workers listen on the same sockets, which they inherit. The sockets are the supervisor's, so what waits in their
queue outlives every single worker: none of it is reset when one is killed or replaced.

Each worker has a `Slot`. When the worker is lost, hangs, or is to be replaced, another one comes for the slot; it takes
over when it is ready, and only then is the one before told to leave. After repeated failures the next attempt waits
longer and longer. SIGHUP replaces all, one after the other. SIGINT, SIGTERM and SIGQUIT stop the service, a second one
at once.

There is no event loop here and no thread: one selector waits for the lines of the workers, for signals and for time.
"""

from __future__ import annotations

import json
import logging
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from costrel.server.listening import address_of, is_inherited, open_sockets
from costrel.server.process import START_FAILED
from costrel.server.settings import ServerSettings
from costrel.server.worker import HURRY, LEAVE, STOP, beat_seconds
from costrel.server.worker_process import Launch, Stage, WorkerProcess

__all__ = ["WorkerSupervisor", "backoff_seconds", "supervise"]

logger: logging.Logger = logging.getLogger("costrel.server")

_STEADY_SECONDS = 10.0
_FIRST_BACKOFF_SECONDS = 0.1
_MAX_BACKOFF_SECONDS = 30.0
# After the graceful time-out a worker still cancels what is left and ends its application.
_KILL_AFTER_SECONDS = 10.0
_ABORT_SECONDS = 1.0
_STOPPING_SIGNALS = frozenset({"SIGINT", "SIGTERM", "SIGQUIT"})


def supervise(
    settings: ServerSettings,
    launch: Launch,
    brief: str,
    announce: Callable[[Sequence[str], Mapping[str, Any]], None],  # a JSON object
    tell_failure: Callable[[str], None],
) -> int:
    """Open the sockets that the settings name and keep `ServerSettings.workers` processes serving on them.

    Call it in the main thread; it handles signals until the service has ended.

    Args:
        settings: of the server.
        launch: what starts a worker; see `Launch`.
        brief: what each worker is told about what it serves.
        announce: called once with the addresses, and with what the first worker that is ready says of itself.
        tell_failure: called with the reason why a worker could not start, once for each reason in a row.

    Returns:
        The exit code for the process: 0 after a stop, else that of the worker that could not start.

    Raises:
        OSError: an address cannot be bound or does not resolve.
        ConfigurationError: COS-SERVER-002, it cannot listen where the settings say.
    """
    owns_sockets = not is_inherited(settings)
    sockets = open_sockets(settings)
    addresses = [address_of(listening) for listening in sockets]
    return WorkerSupervisor(
        settings,
        sockets,
        launch,
        brief,
        owns_sockets=owns_sockets,
        announce=lambda details: announce(addresses, details),
        tell_failure=tell_failure,
    ).run()


def backoff_seconds(failure_count: int) -> float:
    """Return how long to wait before a worker is started again.

    Args:
        failure_count: failures in a row; after the first there is no wait.

    >>> [backoff_seconds(count) for count in (1, 2, 3, 4, 20)]
    [0.0, 0.1, 0.2, 0.4, 30.0]
    """
    if failure_count <= 1:
        return 0.0
    return min(_FIRST_BACKOFF_SECONDS * 2.0 ** min(failure_count - 2, 30), _MAX_BACKOFF_SECONDS)


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one worker.

    Args:
        current: who serves.
        coming: who will take over when it is ready.
        is_outdated: whether the current one is to be replaced because of SIGHUP.
        failure_count: failures in a row.
        not_before: the time before which nobody is started.
    """

    current: WorkerProcess | None = None
    coming: WorkerProcess | None = None
    is_outdated: bool = False
    failure_count: int = 0
    not_before: float = 0.0

    @property
    def wants_next(self) -> bool:
        """Whether somebody should come for a worker that still serves."""
        return self.current is not None and (self.is_outdated or self.current.wants_replacement)

    def fail(self, now: float) -> None:
        """Count a failure."""
        self.failure_count += 1
        self.not_before = now + backoff_seconds(self.failure_count)


class WorkerSupervisor:
    """Keeps `settings.workers` processes running until a signal ends them.

    Args:
        settings: of the server.
        sockets: listening; `run` closes them.
        owns_sockets: whether nobody listens on them any more when the service has ended.
        launch: what starts a worker.
        brief: what each worker is told about what it serves.
        announce: called once with what the first worker that is ready says of itself.
        tell_failure: called with the reason why a worker could not start, once for each reason in a row.
    """

    def __init__(
        self,
        settings: ServerSettings,
        sockets: Sequence[socket.socket],
        launch: Launch,
        brief: str,
        *,
        owns_sockets: bool,
        announce: Callable[[Mapping[str, Any]], None],  # a JSON object
        tell_failure: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._launch = launch
        self._brief = json.dumps({"brief": brief, "owns_sockets": owns_sockets})
        self._announce = announce
        self._tell_failure = tell_failure
        self._slots = [Slot() for _ in range(settings.workers)]
        self._workers: dict[WorkerProcess, Slot] = {}
        self._lines: set[WorkerProcess] = set()
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._has_served = self._is_stopping = self._is_hurried = False
        self._exit_code = 0
        self._told_failure = ""
        self._looked_at = time.monotonic()

    def run(self) -> int:
        """Serve until a signal comes or the start fails; return the exit code."""
        try:
            with self._handled_signals() as reading:
                while self._workers or not self._is_stopping:
                    self._look_after_workers(time.monotonic())
                    for key, _ in self._selector.select(self._tick_seconds()):
                        if isinstance(key.data, WorkerProcess):
                            self._hear(key.data)
                        else:
                            self._take_signals(reading)
        finally:
            for worker in self._workers:
                worker.kill()
            self._close_sockets()
            self._selector.close()
        return self._exit_code

    def _tick_seconds(self) -> float:
        """Return how long nothing happens at most."""
        now = time.monotonic()
        waits = [slot.not_before - now for slot in self._slots if slot.not_before > now]
        waits += [worker.kill_at - now for worker in self._workers]
        return max(min([beat_seconds(self._settings), *waits]), 0.01)

    # Signals.

    @contextmanager
    def _handled_signals(self) -> Iterator[socket.socket]:
        """Let signals wake the selector, and be noted until it has woken."""
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        self._selector.register(reading, selectors.EVENT_READ)

        def note(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)

        noted = [signal.Signals[name] for name in (*_STOPPING_SIGNALS, "SIGHUP", "SIGCHLD")]
        before = {number: signal.signal(number, note) for number in noted}
        wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            reading.close()
            writing.close()

    def _take_signals(self, reading: socket.socket) -> None:
        reading.recv(4096)
        numbers, self._signals = self._signals, []
        for number in numbers:
            name = signal.Signals(number).name
            if name in _STOPPING_SIGNALS:
                self._stop()
                # Not before: who reads this line may rely on it that every worker has been told.
                logger.info("stop_requested signal=%s", name)
            elif name == "SIGHUP" and not self._is_stopping:
                self._restart()

    def _restart(self) -> None:
        """Replace every worker; those of an earlier restart that are not ready are given up."""
        logger.info("restart_requested workers=%d", len(self._slots))
        for slot in self._slots:
            slot.failure_count, slot.not_before = 0, 0.0
            slot.is_outdated = slot.current is not None
            if slot.coming is not None:
                slot.coming.leave(LEAVE, self._leave_before())
                slot.coming = None

    def _leave_before(self) -> float:
        return time.monotonic() + self._settings.graceful_timeout_seconds + _KILL_AFTER_SECONDS

    def _stop(self) -> None:
        """Tell all workers to stop; the second time at once, the third time without asking."""
        now = time.monotonic()
        if not self._is_stopping:
            self._is_stopping = True
            kill_at = self._leave_before() + self._settings.shutdown_delay_seconds
            for worker in self._workers:
                worker.leave(STOP, kill_at)
            # The workers have copies: the last of them to close its own has emptied the queue.
            self._close_sockets()
        elif not self._is_hurried:
            self._is_hurried = True
            for worker in self._workers:
                worker.tell(HURRY)
                worker.kill_at = min(worker.kill_at, now + _KILL_AFTER_SECONDS)
        else:
            for worker in self._workers:
                worker.kill()

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()

    # Workers.

    def _start(self, slot: Slot, now: float) -> None:
        """Start somebody for a slot."""
        slot.coming = worker = WorkerProcess(self._launch, self._sockets, self._brief, now)
        self._workers[worker] = slot
        self._lines.add(worker)
        self._selector.register(worker, selectors.EVENT_READ, worker)
        logger.debug("worker_started pid=%d", worker.pid)

    def _hear(self, worker: WorkerProcess) -> None:
        """Take in what a worker says, until its line ends."""
        if worker in self._lines and not worker.hear():
            self._lines.discard(worker)
            self._selector.unregister(worker)

    def _look_after_workers(self, now: float) -> None:
        """Do what is due: take leave of who has ended, end who hangs, and start who is missing."""
        # Counted in steps, so that a process group that was paused as a whole is not taken for one that hangs.
        step_seconds = min(now - self._looked_at, 2 * beat_seconds(self._settings))
        self._looked_at = now
        for worker in list(self._workers):
            if worker.has_ended:
                self._bury(worker, now)
            else:
                self._judge(worker, now, step_seconds)
        if not self._is_stopping:
            self._fill_slots(now)

    def _judge(self, worker: WorkerProcess, now: float, step_seconds: float) -> None:
        """End a worker that hangs or takes too long to leave."""
        if now >= worker.kill_at:
            worker.kill()
        elif worker.stage in (Stage.READY, Stage.LEAVING):
            worker.silent_seconds += step_seconds
            if worker.silent_seconds > self._settings.worker_timeout_seconds:
                logger.error("worker_hangs pid=%d silent_seconds=%.1f", worker.pid, worker.silent_seconds)
                worker.abort(now + _ABORT_SECONDS)

    def _fill_slots(self, now: float) -> None:
        """See that each slot has somebody, and one at a time somebody new where that is wanted."""
        for slot in self._slots:
            if slot.coming is not None and slot.coming.stage is Stage.READY:
                self._take_over(slot, slot.coming)
            if slot.current is not None and slot.current.leaves_by_itself:
                logger.warning("worker_leaves pid=%d", slot.current.pid)
                slot.current.leave(LEAVE, self._leave_before())
                self._lose(slot, slot.current, now)
            if slot.current is None and slot.coming is None and now >= slot.not_before:
                self._start(slot, now)
        if not any(slot.coming is not None and slot.current is not None for slot in self._slots):
            for slot in self._slots:
                if slot.wants_next and slot.coming is None and now >= slot.not_before:
                    self._start(slot, now)
                    break

    def _take_over(self, slot: Slot, worker: WorkerProcess) -> None:
        """Let a worker that is ready take the place of the one before."""
        before, slot.current, slot.coming = slot.current, worker, None
        slot.is_outdated = False
        self._told_failure = ""
        if not self._has_served:
            self._has_served = True
            self._announce(worker.details)
        logger.info("worker_ready pid=%d", worker.pid)
        if before is not None:
            slot.failure_count = 0
            before.leave(LEAVE, self._leave_before())

    def _lose(self, slot: Slot, worker: WorkerProcess, now: float) -> None:
        """Note that a slot has lost its worker."""
        slot.current = None
        if now - worker.started_at >= _STEADY_SECONDS:
            slot.failure_count = 0
        slot.fail(now)

    def _bury(self, worker: WorkerProcess, now: float) -> None:
        """Take leave of a worker that has ended, and see what that means for its slot."""
        self._hear(worker)
        if worker in self._lines:
            # Somebody else holds the other end of the line, a process that the worker has started.
            self._lines.discard(worker)
            self._selector.unregister(worker)
        worker.close()
        slot = self._workers.pop(worker)
        if self._is_stopping or worker not in (slot.current, slot.coming):
            logger.info("worker_left pid=%d %s", worker.pid, worker.end)
        elif worker is slot.current:
            logger.error("worker_lost pid=%d %s", worker.pid, worker.end)
            self._lose(slot, worker, now)
        else:
            slot.coming = None
            self._fail_start(slot, worker, now)

    def _fail_start(self, slot: Slot, worker: WorkerProcess, now: float) -> None:
        """Stop when nothing was ever served; else go on with who serves, and try again later."""
        reason = worker.failure or f"A worker ended with {worker.end} while it started."
        if reason != self._told_failure:
            self._told_failure = reason
            self._tell_failure(reason)
        if not self._has_served:
            self._exit_code = START_FAILED if worker.exit_code is None else worker.exit_code
            self._stop()
            return
        slot.fail(now)
        logger.error("worker_start_failed pid=%d %s retry_seconds=%.1f", worker.pid, worker.end, slot.not_before - now)
        if slot.current is not None and slot.is_outdated:
            logger.error("restart_given_up workers=%d", sum(slot.is_outdated for slot in self._slots))
            for outdated in self._slots:
                outdated.is_outdated = False
