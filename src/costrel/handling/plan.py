"""The plan of one route: every value that is read, every provider that is made and every call, in running order.

A plan is frozen and says nothing about threads or source text; `emit` lowers it to a function, and the tests have an
interpreter that runs it step by step. How a parameter becomes a step is in `planning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from costrel.handling.binding import Reader
from costrel.handling.markers import ValueMarker
from costrel.handling.providers import Lifetime, Provider
from costrel.handling.signature import Colour, Parameter, Signature

__all__ = ["Argument", "Call", "Make", "Place", "Plan", "Read", "Stage"]


class Place(Enum):
    """Where a step runs."""

    LOOP = "loop"
    """It is awaited, so it runs on the event loop."""
    THREAD = "thread"
    """It may block, so it runs in a worker thread."""
    ANYWHERE = "inline"
    """It neither blocks nor waits, so it runs wherever the step before it did."""


@dataclass(frozen=True, slots=True)
class Read:
    """A value taken from the request.

    Args:
        variable: its name in the generated code.
        source: ``path``, ``query``, ``header``, ``cookie``, ``form``, ``file``, ``body``, ``stream``, or ``given`` for
            what needs no request.
        name: its name on the wire.
        parameter: the parameter it was planned for.
        read: takes request and errors; `None` for a path parameter that is taken as the router left it.
        can_fail: whether it may add to the errors.
        exact_type: the class that the converter of a path parameter makes, so that no second look is needed.
        marker: its marker, for the documentation.
    """

    variable: str
    source: str
    name: str
    parameter: Parameter
    read: Reader | None
    can_fail: bool = False
    exact_type: type | None = None
    marker: ValueMarker | None = None


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call: a variable, by keyword when it has one."""

    variable: str
    keyword: str | None = None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a user's function."""

    variable: str
    signature: Signature
    arguments: tuple[Argument, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Make:
    """A provider that is called; what has an exit is entered.

    Args:
        variable: its value's name in the generated code.
        provider: the provider.
        call: how its factory is called; the variable of the call names the factory.
        lifetime: when its exit runs.
        has_exit: whether there is anything after its value.
        needs: variables of the providers it needs.
    """

    variable: str
    provider: Provider
    call: Call
    lifetime: Lifetime
    has_exit: bool
    needs: frozenset[str]

    @property
    def place(self) -> Place:
        """Where it is made."""
        return self.call.place

    @property
    def is_async_generator(self) -> bool:
        """Whether it is entered and left on the loop."""
        return self.call.signature.colour is Colour.ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Stage:
    """One function of the user with everything that is made for it just before.

    Args:
        reads: values from the request; all of them before any provider is made, so that all errors are in one answer.
        makes: providers in the order they are made.
        call: the function.
    """

    reads: tuple[Read, ...]
    makes: tuple[Make, ...]
    call: Call


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one route does, in running order.

    Args:
        name: the handler's name as a part of identifiers.
        reads_body: whether the body is read before the first hook.
        before: hooks before the handler.
        handler: the handler.
        after: hooks after it; each is a function of its own with its own variables.
        teardown: hooks when the exchange is over.
        shared: variables of providers that after hooks use as well: their variable there -> the one of the core.
    """

    name: str
    reads_body: bool
    before: tuple[Stage, ...]
    handler: Stage
    after: tuple[Stage, ...]
    teardown: tuple[Stage, ...]
    shared: Mapping[Provider, str]

    @property
    def core(self) -> tuple[Stage, ...]:
        """The stages up to the handler."""
        return (*self.before, self.handler)

    @property
    def makes(self) -> tuple[Make, ...]:
        """All providers up to the handler, in order."""
        return tuple(make for stage in self.core for make in stage.makes)

    @property
    def has_exits(self) -> bool:
        """Whether any provider up to the handler, or of an after hook, has an exit."""
        return any(make.has_exit for stage in (*self.core, *self.after) for make in stage.makes)
