"""Joining the lifespan of a foreign ASGI application to ours.

The application gets a task of its own for it, from its start to its stop, so that what it opens at the start, task
groups among it, is closed in the same task. Context variables that it sets while it starts are seen by requests. An
application that knows no lifespan is served without one.

Spec: ASGI lifespan 2.0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any

from costrel.messages import StartupVariables
from costrel.mounts.asgi_mistakes import lifespan_failed, wrong_message
from costrel.mounts.asgi_scope import ASGI_VERSIONS
from costrel.mounts.asgi_types import ASGIApplication, Message
from costrel.mounts.hand_over import CLOSE_SECONDS

__all__ = ["joined_lifespan"]

logger: logging.Logger = logging.getLogger("costrel.mounts")


@asynccontextmanager
async def joined_lifespan(
    application: ASGIApplication, state: dict[str, Any], name: str, stop_seconds: float
) -> AsyncIterator[None]:
    """Start an application on the running loop, and stop it at the end of the block.

    Args:
        application: an ASGI callable.
        state: filled by the application.
        name: what it is called, in messages.
        stop_seconds: how long its stop may take before it is cancelled.

    Raises:
        ConfigurationError: COS-MOUNT-004, it says that its start or its stop has failed, or broke off in between.
    """
    lifespan = _Lifespan(application, state, name)
    await lifespan.start()
    try:
        yield
    finally:
        await lifespan.stop(stop_seconds)


class _Lifespan:
    """The conversation about start and stop with one application."""

    def __init__(self, application: ASGIApplication, state: dict[str, Any], name: str) -> None:
        self._application = application
        self._state = state
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[str | None] = self._loop.create_future()
        self._stopping: asyncio.Future[None] = self._loop.create_future()
        self._stopped: asyncio.Future[str | None] = self._loop.create_future()
        self._receive_count = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start, or find out that the application knows no lifespan."""
        before = copy_context()
        context = before.copy()
        task = self._task = self._loop.create_task(self._run(), name=f"costrel.lifespan.{self._name}", context=context)
        try:
            await asyncio.wait((task, self._started), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel(task)
            raise
        if self._started.done():
            failure = self._started.result()
            if failure is not None:
                await self._end(task, CLOSE_SECONDS)
                raise lifespan_failed(self._name, "start", failure)
            StartupVariables(before, context).set()
            task.add_done_callback(self._note_end)
            return
        error = None if task.cancelled() else task.exception()
        self._task = None
        # An application that fails after it has taken the message may have meant to start.
        level = logging.WARNING if error is not None and self._receive_count else logging.INFO
        logger.log(level, "mount_without_lifespan mount=%s error=%r", self._name, error)

    async def stop(self, stop_seconds: float) -> None:
        """Stop what was started, within a limit."""
        task = self._task
        if task is None:
            return
        if not self._stopping.done():
            self._stopping.set_result(None)
        try:
            await asyncio.wait((task, self._stopped), timeout=stop_seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel(task)
            raise
        if self._stopped.done():
            await self._end(task, CLOSE_SECONDS)
            failure = self._stopped.result()
            if failure is not None:
                raise lifespan_failed(self._name, "stop", failure)
        elif not task.done():
            logger.error("mount_did_not_stop mount=%s stop_seconds=%g", self._name, stop_seconds)
            await self._cancel(task)
            return
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._stopped.done():
            raise lifespan_failed(self._name, "stop", repr(error)) from error

    async def _run(self) -> None:
        scope: Message = {"type": "lifespan", "asgi": ASGI_VERSIONS.copy(), "state": self._state}
        await self._application(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        self._receive_count += 1
        if self._receive_count == 1:
            return {"type": "lifespan.startup"}
        # Shielded: whoever waits with a time limit must not take the sign away from the next.
        await asyncio.shield(self._stopping)
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        outcomes = {
            "lifespan.startup.complete": (self._started, None),
            "lifespan.startup.failed": (self._started, message.get("message", "")),
            "lifespan.shutdown.complete": (self._stopped, None),
            "lifespan.shutdown.failed": (self._stopped, message.get("message", "")),
        }
        if kind not in outcomes:
            raise wrong_message(self._name, f"a message of type {kind!r}", "A lifespan has no such message.")
        future, outcome = outcomes[kind]
        if future.done():
            raise wrong_message(self._name, f"{kind!r} a second time", "Start and stop end once.")
        future.set_result(outcome)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Say at once when a lifespan ends before it was told to; the requests may still be answered."""
        if task.cancelled() or self._stopping.done():
            return
        logger.error("mount_lifespan_ended_early mount=%s", self._name, exc_info=task.exception())

    async def _end(self, task: asyncio.Task[None], timeout_seconds: float) -> None:
        """Wait for a task that has said its last word."""
        await asyncio.wait((task,), timeout=timeout_seconds)
        if not task.done():
            await self._cancel(task)
        elif not task.cancelled():
            # What it raised is what it has said before.
            task.exception()

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait((task,), timeout=CLOSE_SECONDS)
        if not task.done():
            logger.error("mount_did_not_end mount=%s close_seconds=%g", self._name, CLOSE_SECONDS)
        elif not task.cancelled() and task.exception() is not None:
            logger.error("mount_close_failed mount=%s", self._name, exc_info=task.exception())
