"""Events: what the framework tells about itself, to whoever asked.

Access log, counters and tracing are listeners of these and nothing else. An event that nobody listens to costs one
test of a name that is `None`, because who listens is settled when the app is built.

A listener is a plain function or an ``async def``; its error is logged and changes nothing for the request.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from types import MappingProxyType

from costrel.app.lifecycle import current_loop_state
from costrel.errors import ConfigurationError, Mistake

__all__ = ["EVENTS", "EventHub", "Listener"]

logger: logging.Logger = logging.getLogger("costrel.events")

Listener = Callable[[Mapping[str, object]], Awaitable[None] | None]

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_built": "The application was put together: `app`.",
        "app_started": "The start-up of one event loop is complete: `app`.",
        "app_stopping": "The application begins to stop: `app`.",
        "app_stopped": "The application has stopped: `app`.",
        "request_started": "The head of a request was read: `request`.",
        "request_matched": "A route was found, or none: `request`, `route` (or `None`).",
        "response_ready": "The layers have returned the response: `request`, `response`.",
        "request_finished": (
            "The last byte was sent: `request` (or `None`), `method`, `path`, `route` (the template, or `-`), "
            "`handler`, `mount` (its name after those around it, ``outer.inner``, empty without one), `status_code`, "
            "`bytes_sent`, `duration_seconds`, `http_version`, `client`, "
            "`request_id` (`None` when nobody asked for it)."
        ),
        "request_failed": "An exception nobody expected became a 500: `request`, `exception`.",
        "client_disconnected": "The client left before the response was complete: `request`.",
        "template_rendered": "A template was rendered: `template`, `context`.",
        "message_flashed": "A message was flashed: `message`, `category`.",
        "early_response": "A response was complete before the body of its request: `request`, `status_code`.",
        "worker_abandoned": "A deadline passed while a handler ran in a thread: `request`, `handler`.",
        "job_started": "A run of a scheduled job has begun: `name`, `run_id`, `due_at`.",
        "job_finished": (
            "A run has ended: `name`, `run_id`, `due_at`, `outcome` (``succeeded``, ``failed``, ``timed_out`` or "
            "``cancelled``), `duration_seconds`, `exception` (or `None`)."
        ),
        "job_skipped": (
            "A run that was due was not made: `name`, `due_at`, `reason` (``still_running``, ``store_unavailable`` or "
            "``overloaded``)."
        ),
        "connection_shed": "A connection was refused or closed because there were too many: `reason`.",
    }
)
"""The framework's own events and the fields each brings; batteries add theirs in a namespace, ``auth.login``."""


class EventHub:
    """Who listens to what, for one application."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._known = set(EVENTS)
        self.changed: Callable[[], None] = _nothing
        """Called when somebody begins or ceases to listen."""

    @property
    def listeners(self) -> Mapping[str, Sequence[Listener]]:
        """Who listens to each event, in the order in which they are called."""
        return MappingProxyType(self._listeners)

    def declare(self, event: str) -> None:
        """Add an event of a battery; its name has a namespace, for example ``auth.login``.

        Raises:
            ConfigurationError: the name has no namespace.
        """
        if "." not in event:
            raise ConfigurationError(
                Mistake(
                    "COS-APP-020",
                    f"`{event}` is not a name for an event of an extension.",
                    why="Names without a dot are the framework's own.",
                    fix=f'Put the extension\'s name before it:  app.declare_event("myextension.{event}")',
                )
            )
        self._known.add(event)

    def add(self, event: str, listener: Listener) -> None:
        """Call `listener` with the fields of each `event`.

        Raises:
            ConfigurationError: no such event; the nearest name is offered.
        """
        if event not in self._known:
            from difflib import get_close_matches

            near = get_close_matches(event, self._known, n=1)
            raise ConfigurationError(
                Mistake(
                    "COS-APP-021",
                    f"There is no event `{event}`.",
                    why="A listener of a misspelt event would wait for ever.",
                    fix=f"Did you mean `{near[0]}`?" if near else "The events are in the reference, page Events.",
                )
            )
        self._listeners[event] = [*self._listeners.get(event, ()), listener]
        self.changed()

    def remove(self, event: str, listener: Listener) -> None:
        """Stop calling `listener`; does nothing when it is not called."""
        left = [other for other in self._listeners.get(event, ()) if other is not listener]
        if left:
            self._listeners[event] = left
        else:
            self._listeners.pop(event, None)
        self.changed()

    def has(self, event: str) -> bool:
        """Whether anybody listens to `event`."""
        return event in self._listeners

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Tell the listeners of `event`, in the order in which they were added.

        An ``async def`` listener runs in the supervisor of the running loop; outside one it is skipped with a log line.
        """
        for listener in self._listeners.get(event, ()):
            try:
                if iscoroutinefunction(listener) or iscoroutinefunction(type(listener).__call__):
                    self._spawn(event, listener, fields)
                else:
                    listener(fields)
            except Exception:
                logger.exception("listener_failed event=%s listener=%r", event, listener)

    def _spawn(self, event: str, listener: Listener, fields: Mapping[str, object]) -> None:
        """Run an async listener beside the request."""
        loop_state = current_loop_state.get(None)
        if loop_state is None:
            logger.warning("listener_skipped event=%s listener=%r reason=no_running_application", event, listener)
            return
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            loop_state.loop.call_soon_threadsafe(self._spawn, event, listener, fields)
            return
        loop_state.supervisor.spawn(listener, fields, origin=f"listener of {event}")


def _nothing() -> None:
    """Do nothing."""
