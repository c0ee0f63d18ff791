"""Listening to the events of an application for a while, so that a test can look at what happened.

The framework's events are its fakes: a flashed message, a rendered template, a request that failed are told to
listeners, and the recorder here is one. What batteries do (mails, jobs) they tell by events of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from costrel.messages import Application

__all__ = ["CapturedEvent", "capture_events", "listening"]

Listener = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """One event.

    Args:
        name: for example ``message_flashed``.
        fields: what it brought.
    """

    name: str
    fields: Mapping[str, object]

    def __getitem__(self, field: str) -> object:
        return self.fields[field]


class _EventHub(Protocol):
    """What is needed of an application's `events`."""

    def add(self, event: str, listener: Listener) -> None: ...


class _Ear:
    """A listener that can be closed."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener | None = listener

    def __call__(self, fields: Mapping[str, object]) -> None:
        if self._listener is not None:
            self._listener(fields)

    def close(self) -> None:
        self._listener = None


@contextmanager
def listening(application: Application, event: str, listener: Listener) -> Iterator[None]:
    """Call `listener` for each `event` of an application, and of those mounted in it, while the block runs.

    Raises:
        ConfigurationError: there is no such event.
    """
    hubs = list(_hubs(application))
    ear = _Ear(listener)
    for hub in hubs:
        hub.add(event, ear)
    try:
        yield
    finally:
        ear.close()
        for hub in hubs:
            remove = getattr(hub, "remove", None)
            if remove is not None:
                remove(event, ear)


def _hubs(application: object) -> Iterator[_EventHub]:
    """Yield where events are told: by the application, and by those mounted in it, if they have events."""
    hub = getattr(application, "events", None)
    if hub is not None:
        yield cast("_EventHub", hub)
    mounts = cast("Mapping[str, object]", getattr(application, "mounts", {}))
    for mount in mounts.values():
        yield from _hubs(getattr(mount, "app", None))


@contextmanager
def capture_events(application: Application, *names: str) -> Iterator[list[CapturedEvent]]:
    """Collect the events of the given names while the block runs, in the order in which they happen.

    Raises:
        ConfigurationError: there is no event of a name.
    """
    captured: list[CapturedEvent] = []
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(listening(application, name, _recorder(name, captured)))
        yield captured


def _recorder(name: str, captured: list[CapturedEvent]) -> Listener:
    return lambda fields: captured.append(CapturedEvent(name, fields))
