"""Telling, in debug mode, which line of the user's code keeps the event loop from running.

A thread asks the loop to call it back and looks at the clock. When the answer takes too long, the frames of the
loop's thread show who is in the way. Which of them to name is in `blocking_frame`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from costrel.execution.blocking_frame import find_blocking_frames, find_loop_frame

__all__ = ["Watchdog"]

_logger = logging.getLogger("costrel.watchdog")

_MAX_PLACES = 256


class Watchdog:
    """Logs a warning when the loop has not run a callback for too long; one per block.

    Args:
        threshold_seconds: how long the loop may be silent.
        repeat_seconds: how long one place in the code is not named again.
        clock: seconds that never go back.
    """

    __slots__ = (
        "_asked_at",
        "_clock",
        "_has_warned",
        "_loop",
        "_loop_frame",
        "_repeat_seconds",
        "_stop",
        "_thread",
        "_thread_id",
        "_threshold_seconds",
        "_warned_at",
    )

    def __init__(
        self,
        *,
        threshold_seconds: float = 0.1,
        repeat_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold_seconds = threshold_seconds
        self._repeat_seconds = repeat_seconds
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_frame: FrameType | None = None
        self._thread: threading.Thread | None = None
        self._thread_id = 0
        self._stop = threading.Event()
        self._asked_at: float | None = None
        self._has_warned = False
        self._warned_at: dict[tuple[str, int], float] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a loop until `stop`; call it on the loop's thread.

        Args:
            loop: the loop, running or about to run in this thread.

        Raises:
            RuntimeError: it watches a loop already.
        """
        self.watch(loop)
        self._thread = threading.Thread(target=self._run, name="costrel-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer; nothing happens when it does not."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._loop = None
        self._loop_frame = None
        self._asked_at = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a loop without a thread: somebody else calls `look` again and again.

        Args:
            loop: the loop, running or about to run in this thread.

        Raises:
            RuntimeError: it watches a loop already.
        """
        if self._loop is not None:
            raise RuntimeError("this watchdog watches a loop already; call `stop` first")
        self._loop = loop
        self._thread_id = threading.get_ident()
        self._stop.clear()

    def look(self) -> None:
        """Ask the loop for an answer, or warn if the last one is overdue.

        Raises:
            RuntimeError: the loop is closed.
        """
        loop = self._loop
        if loop is None:
            return
        now = self._clock()
        asked_at = self._asked_at
        if asked_at is None:
            self._asked_at = now
            self._has_warned = False
            loop.call_soon_threadsafe(self._answer)
        elif not loop.is_running():
            self._asked_at = now
        elif not self._has_warned and now - asked_at > self._threshold_seconds:
            self._has_warned = True
            self._warn(now, now - asked_at)

    def _answer(self) -> None:
        """Note that the loop is running, and from where. On the loop."""
        if self._loop is not None:
            self._loop_frame = find_loop_frame(sys._getframe())
        self._asked_at = None

    def _run(self) -> None:
        interval_seconds = self._threshold_seconds / 4
        while not self._stop.wait(interval_seconds):
            try:
                self.look()
            except RuntimeError:
                return

    def _warn(self, now: float, blocked_seconds: float) -> None:
        frames = find_blocking_frames(sys._current_frames().get(self._thread_id), self._loop_frame)
        if frames is None:
            return
        blocking, entered = frames
        place = (blocking.f_code.co_filename, blocking.f_lineno)
        warned_at = self._warned_at.get(place)
        if warned_at is not None and now - warned_at < self._repeat_seconds:
            return
        if len(self._warned_at) >= _MAX_PLACES:
            self._warned_at.clear()
        self._warned_at[place] = now
        _logger.warning(
            "loop_blocked blocked_seconds=%.2f function=%s at=%s:%d called_from=%s at=%s:%d "
            "fix='write the handler as a plain `def`, or await something that does not block'",
            blocked_seconds,
            blocking.f_code.co_qualname,
            *place,
            entered.f_code.co_qualname,
            entered.f_code.co_filename,
            entered.f_lineno,
        )
