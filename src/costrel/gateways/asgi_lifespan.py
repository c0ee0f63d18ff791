"""Starting an application under an ASGI server: once for each event loop, by the server's lifespan or without one.

A server that speaks the lifespan protocol starts and stops the application through it. One that does not, or that was
told not to, starts it with its first request; then the application is stopped when the loop's tasks are cancelled, as
`asyncio.run` does at its end.

What start-up has set in context variables is kept, because the requests of a foreign server begin in contexts of
their own.

Spec: ASGI lifespan 2.0.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context, copy_context
from typing import Any

from costrel.errors import ProgrammerError
from costrel.execution import LoopState
from costrel.gateways.answering import RunningApplication
from costrel.messages import Application, StartupVariables

__all__ = ["RunningLoops"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

Message = MutableMapping[str, Any]  # what ASGI calls an event; its values are of any type
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RunningLoops:
    """On which loops one application runs; each is looked after by the tasks on it alone.

    Args:
        application: what is started.

    Attributes:
        running: what runs on each loop; a loop that is not there has to `ensure` that it does.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.running: dict[asyncio.AbstractEventLoop, RunningApplication] = {}
        self._starting: dict[asyncio.AbstractEventLoop, asyncio.Task[RunningApplication]] = {}
        self._living: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    async def ensure(self) -> RunningApplication:
        """Return what runs on the current loop, and start it first if need be; requests that come meanwhile wait.

        Raises:
            Exception: whatever the start-up raised; the next request tries again.
        """
        loop = asyncio.get_running_loop()
        running = self.running.get(loop)
        if running is not None:
            return running
        starting = self._starting.get(loop)
        if starting is None:
            self._forget_closed()
            # Not in the context of the request that happens to be first: its variables are not the application's.
            starting = self._starting[loop] = loop.create_task(self._start(loop), context=Context())
        # Shielded, because others wait for it too.
        return await asyncio.shield(starting)

    async def _start(self, loop: asyncio.AbstractEventLoop) -> RunningApplication:
        """Start without the server's help."""
        try:
            started: asyncio.Future[RunningApplication] = loop.create_future()
            living = self._living[loop] = loop.create_task(self._live(started))
            await asyncio.wait((living, started), return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                await living
            return started.result()
        finally:
            del self._starting[loop]

    async def _live(self, started: asyncio.Future[RunningApplication]) -> None:
        """Keep the application running until the loop's tasks are cancelled."""
        loop = asyncio.get_running_loop()
        before = copy_context()
        try:
            async with self._application.lifespan() as loop_state:
                running = self._enter(loop, loop_state, before)
                loop_state.begin_serving()
                started.set_result(running)
                try:
                    await loop.create_future()
                except asyncio.CancelledError:
                    # The end of the loop is a stop like any other.
                    task = asyncio.current_task()
                    if task is not None:
                        task.uncancel()
        except Exception:
            if not started.done():
                raise
            logger.exception("application_stop_failed")
        finally:
            self.running.pop(loop, None)
            self._living.pop(loop, None)

    def begin_stop(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Stop what `ensure` has started on a loop; called on that loop or while it does not run.

        Returns:
            What ends when it has stopped, `None` when nothing runs there.
        """
        living = self._living.get(loop)
        if living is not None:
            living.cancel()
        return living

    async def serve(self, receive: Receive, send: Send) -> None:
        """Serve one lifespan of an ASGI server.

        Raises:
            Exception: what failed, after the server was told. Servers expect it, and test clients of others, which
                read nothing of the message, would take the application for started.
        """
        loop = asyncio.get_running_loop()
        await receive()
        before = copy_context()
        phase = "startup"
        try:
            async with self._application.lifespan() as loop_state:
                self._enter(loop, loop_state, before)
                loop_state.begin_serving()
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": _explain(error)})
            raise
        finally:
            self.running.pop(loop, None)
        await send({"type": "lifespan.shutdown.complete"})

    def _enter(self, loop: asyncio.AbstractEventLoop, loop_state: LoopState, before: Context) -> RunningApplication:
        after = loop_state.base_context
        if after is None:
            after = loop_state.base_context = copy_context()
        variables = StartupVariables(before, after)
        running = self.running[loop] = RunningApplication.started(self._application, loop_state, variables or None)
        return running

    def _forget_closed(self) -> None:
        """Let go of loops that ended without stopping the application."""
        for loop in [loop for loop in self.running if loop.is_closed()]:
            self.running.pop(loop, None)
            self._living.pop(loop, None)


def _explain(error: Exception) -> str:
    """Say what failed: a mistake in the application as it explains itself, anything else with its traceback."""
    if isinstance(error, ProgrammerError):
        return str(error)
    return "".join(traceback.format_exception(error))
