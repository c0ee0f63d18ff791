"""Start and stop: one ordered list, entered in order and left in reverse.

``@app.lifespan`` context managers and ``on_start`` / ``on_stop`` functions are entries of the same list, and so are the
mounted applications. If one entry fails to start, those before it are left in reverse and the error goes on. What is
bound to the event loop is made anew each time the list is entered, so one application may run on several loops.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from costrel.execution import LoopState
    from costrel.messages import State

__all__ = ["Lifecycle", "LifespanFactory", "current_loop_state"]

logger: logging.Logger = logging.getLogger("costrel.lifecycle")

T = TypeVar("T")
LifespanFactory = Callable[..., object]
Step: TypeAlias = "Callable[[LoopState], AbstractAsyncContextManager[None]]"


class HasState(Protocol):
    """The part of an application that a lifespan may fill."""

    @property
    def state(self) -> State:
        """The values of the running application."""
        ...


current_loop_state: ContextVar[LoopState] = ContextVar("costrel_loop_state")
"""Set when an application starts; every request's context is a copy of the context after start-up."""


class Lifecycle:
    """The ordered list of what happens at start and at stop."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self.names: list[str] = []
        """Module and name of each entry, in order."""

    def add_lifespan(self, factory: LifespanFactory, app: HasState) -> None:
        """Append a user's lifespan: a generator function or a context manager factory, async or not.

        It is called with the app when it takes a parameter. A mapping that it yields becomes attributes of the app's
        state.
        """
        self._add("lifespan", factory, lambda _: _user_lifespan(factory, app))

    def add_start(self, function: Callable[[], object]) -> None:
        """Append a function that is called at start."""
        self._add("on_start", function, lambda _: _starting(function))

    def add_stop(self, function: Callable[[], object]) -> None:
        """Append a function that is called at stop, in the reverse of the order of the list."""
        self._add("on_stop", function, lambda _: _stopping(function))

    def _add(self, verb: str, function: Callable[..., object], step: Step) -> None:
        self._steps.append(step)
        self.names.append(f"{verb} {function.__module__}.{getattr(function, '__qualname__', function)}")

    @asynccontextmanager
    async def run(self, loop_state: LoopState) -> AsyncIterator[None]:
        """Enter every step in order; leave them in reverse, all of them although one raises.

        A step is left as at a normal stop, also when a later one failed to start, so that what stands after its
        ``yield`` runs without a ``try``.
        """
        stack = AsyncExitStack()
        try:
            for step in self._steps:
                await stack.enter_async_context(step(loop_state))
            yield
        finally:
            await stack.aclose()


async def _call(function: Callable[[], object]) -> None:
    result = function()
    if inspect.isawaitable(result):
        await result


@asynccontextmanager
async def _starting(function: Callable[[], object]) -> AsyncIterator[None]:
    await _call(function)
    yield


@asynccontextmanager
async def _stopping(function: Callable[[], object]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await _call(function)


@asynccontextmanager
async def _user_lifespan(factory: LifespanFactory, app: HasState) -> AsyncIterator[None]:
    """Enter what the user's factory makes, whichever of the four kinds it is."""
    if inspect.isasyncgenfunction(factory):
        factory = asynccontextmanager(factory)
    elif inspect.isgeneratorfunction(factory):
        factory = contextmanager(factory)
    entered = factory(app) if inspect.signature(factory).parameters else factory()
    if isinstance(entered, AbstractAsyncContextManager):
        async with cast("AbstractAsyncContextManager[object]", entered) as value:
            _keep(value, app)
            yield
    else:
        with cast("AbstractContextManager[object]", entered) as value:
            _keep(value, app)
            yield


def _keep(value: object, app: HasState) -> None:
    """Make attributes of the app's state of what a lifespan has yielded, if that is a mapping."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            setattr(app.state, str(name), item)
