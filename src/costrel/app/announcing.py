"""What an application tells and when it is told something: events, and functions of its start and stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from costrel.app.events import EventHub, Listener
from costrel.app.lifecycle import Lifecycle
from costrel.app.registration import AnyLayer, Registrar

if TYPE_CHECKING:
    from costrel.messages import TextAs, TrailingSlash

__all__ = ["Announcing"]

F = TypeVar("F", bound=Callable[..., object])


class Announcing(Registrar):
    """The verbs for events and for start and stop; `App` inherits them.

    Attributes:
        events: who listens to what.
    """

    def __init__(
        self, *, use: Sequence[AnyLayer], text_as: TextAs | None, trailing_slash: TrailingSlash | None
    ) -> None:
        super().__init__(use=use, text_as=text_as, trailing_slash=trailing_slash)
        self.events: EventHub = EventHub()
        self._lifecycle = Lifecycle()

    def on(self, event: str, listener: Listener, /) -> None:
        """Call `listener` with the fields of each `event`; see `EVENTS`.

        Raises:
            ConfigurationError: no such event, or the application was built.
        """
        self.check_open("on")
        self.events.add(event, listener)

    def declare_event(self, event: str) -> None:
        """Add an event of an extension, with a namespace in its name."""
        self.events.declare(event)

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Tell the listeners of an event."""
        self.events.emit(event, fields)

    def listens(self, event: str) -> bool:
        """Whether an event has a listener."""
        return self.events.has(event)

    def on_start(self, function: F) -> F:
        """Call `function` at start, in the order of registration; it may be ``async def``."""
        self.check_open("on_start")
        self._lifecycle.add_start(function)
        return function

    def on_stop(self, function: F) -> F:
        """Call `function` at stop, in the reverse of the order of registration; it may be ``async def``."""
        self.check_open("on_stop")
        self._lifecycle.add_stop(function)
        return function

    @property
    def lifecycle_names(self) -> list[str]:
        """What is entered at start and left at stop, in the order of start."""
        return self._lifecycle.names
