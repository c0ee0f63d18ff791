"""The loop that an application has under a WSGI server: one thread for each process, for as long as the process lives.

Clients and pools of ``async def`` code live on it from one request to the next. It is started with the first request,
so after whatever forks a server does, and stopped when the interpreter ends, with the application's own stop.

A start that fails is the answer of all who waited for it; the next request tries again.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import Protocol

from costrel.gateways.answering import RunningApplication
from costrel.messages import Application

__all__ = ["LoopThread", "ProcessLoops"]

logger: logging.Logger = logging.getLogger("costrel.gateway")


class Waiting(Protocol):
    """A request whose server waits for its answer."""

    def finish(self, failure: BaseException | None) -> None:
        """Tell the server's thread that nothing follows."""
        ...


class LoopThread:
    """One start of an application on a loop in a thread of its own.

    Args:
        application: what is started.
        forget: called, in any thread, when no request can be taken any more.

    Attributes:
        is_started: whether the application has started.
        running: the application; set when it has started.
    """

    running: RunningApplication

    def __init__(self, application: Application, forget: Callable[[LoopThread], None]) -> None:
        self._application = application
        self._forget = forget
        self._started: Future[None] = Future()
        self._stopped: asyncio.Event | None = None
        self._emptied: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._open: set[Waiting] = set()
        self.is_started: bool = False

    def start(self) -> None:
        """Start the thread; `wait_started` waits for the application."""
        # A context of its own: the variables of the request that happens to be first are not the application's.
        thread = threading.Thread(target=Context().run, args=(self._serve,), name="costrel-wsgi-loop", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._forget(self)
            self._started.set_exception(error)
        else:
            self._thread = thread

    def wait_started(self) -> None:
        """Wait until the application has started.

        Raises:
            BaseException: whatever the start raised.
        """
        self._started.result()

    def enter(self, waiting: Waiting, begin: Callable[[], object]) -> None:
        """Begin to answer a request; called in the server's thread.

        Args:
            waiting: told of the end if the loop ends before the request does.
            begin: called on the loop.

        Raises:
            RuntimeError: the loop has ended.
        """
        # Before the loop knows: whoever ends the loop looks at what is open after nothing can be begun any more.
        self._open.add(waiting)
        try:
            self.running.loop_state.loop.call_soon_threadsafe(begin)
        except RuntimeError:
            self._open.discard(waiting)
            raise

    def leave(self, waiting: Waiting) -> None:
        """Note that a request has ended; called on the loop."""
        self._open.discard(waiting)
        if self._emptied is not None and not self._open:
            self._emptied.set()

    def stop(self) -> None:
        """Stop the application and its loop, and wait for that, within its graceful timeout."""
        stopped, thread = self._stopped, self._thread
        if not self.is_started or stopped is None or thread is None:
            return
        loop_state = self.running.loop_state
        try:
            loop_state.loop.call_soon_threadsafe(stopped.set)
        except RuntimeError:
            return
        thread.join(loop_state.settings.graceful_timeout_seconds)
        if thread.is_alive():
            logger.warning("application_stop_unfinished name=%s", self._application.name)

    def _serve(self) -> None:
        """Run the loop; the body of the thread."""
        try:
            with asyncio.Runner() as runner:
                runner.run(self._live())
        except BaseException as error:
            self._forget(self)
            if self._started.done():
                logger.exception("application_stop_failed")
            else:
                logger.exception("application_start_failed")
                self._started.set_exception(error)
        finally:
            for waiting in list(self._open):
                waiting.finish(ConnectionAbortedError("the application has stopped"))

    async def _live(self) -> None:
        stopped = self._stopped = asyncio.Event()
        async with self._application.lifespan() as loop_state:
            if loop_state.base_context is None:
                loop_state.base_context = copy_context()
            self.running = RunningApplication.started(self._application, loop_state)
            loop_state.begin_serving()
            self.is_started = True
            self._started.set_result(None)
            await stopped.wait()
            self._forget(self)
            # Streams that would never end are told first.
            loop_state.begin_stopping()
            await self._wait_empty(loop_state.settings.graceful_timeout_seconds)

    async def _wait_empty(self, timeout_seconds: float) -> None:
        """Wait until the requests that have begun are answered."""
        emptied = self._emptied = asyncio.Event()
        if self._open:
            try:
                await asyncio.wait_for(emptied.wait(), timeout_seconds)
            except TimeoutError:
                logger.warning("requests_left_running count=%d", len(self._open))


class ProcessLoops:
    """The loop of one application in each process that asks for it.

    Args:
        application: what is started.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        # What a child has inherited of its parent's stays there untouched: their descriptors are shared.
        self._threads: dict[int, LoopThread] = {}
        self._is_registered = False

    def ensure(self) -> LoopThread:
        """Return the loop of this process, and start it first if need be; requests that come meanwhile wait.

        Raises:
            BaseException: whatever the start-up raised; the next call tries again.
        """
        process_id = os.getpid()
        thread = self._threads.get(process_id)
        if thread is None:
            made = LoopThread(self._application, self._forget)
            thread = self._threads.setdefault(process_id, made)
            if thread is made:
                self._register()
                thread.start()
        if not thread.is_started:
            thread.wait_started()
        return thread

    def stop(self) -> None:
        """Stop the application in this process; the next request would start it again."""
        thread = self._threads.pop(os.getpid(), None)
        if thread is not None:
            thread.stop()

    def _forget(self, thread: LoopThread) -> None:
        process_id = os.getpid()
        if self._threads.get(process_id) is thread:
            del self._threads[process_id]

    def _register(self) -> None:
        """Stop at the end of the interpreter; a child inherits that too."""
        if not self._is_registered:
            self._is_registered = True
            atexit.register(self.stop)
