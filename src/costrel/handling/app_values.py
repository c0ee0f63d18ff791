"""Values that live as long as the application: made when its lifespan is entered, ended in reverse when it is left.

They are kept in `LoopState.values` by their provider, so one application may be entered on several loops at once.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from costrel.errors import BuildError, Mistake
from costrel.execution import LoopState, WorkerContext, hop
from costrel.handling import mistakes as texts
from costrel.handling.exits import (
    AsyncExit,
    exit_async_generator,
    exit_generator,
    start_async_generator,
    start_generator,
)
from costrel.handling.markers import UNSET, DependsMarker
from costrel.handling.providers import Provider, ProviderTable, type_name
from costrel.handling.shielding import shielded
from costrel.handling.signature import Colour, Signature, read_signature

__all__ = ["AppValues", "check_app_providers", "start_app_providers"]

logger: logging.Logger = logging.getLogger("costrel.providers")


class _Order:
    """App-lifetime providers, each after those it needs, with their signatures and the mistakes found on the way."""

    def __init__(self, table: ProviderTable) -> None:
        self.table = table
        self.needs: dict[Provider, list[tuple[str, bool, Provider]]] = {}
        self.signatures: dict[Provider, Signature] = {}
        self.mistakes: list[Mistake] = []
        self._open: list[Provider] = []
        for provider in table:
            if provider.lifetime == "app":
                self.visit(provider)

    def visit(self, provider: Provider) -> None:
        if provider in self.needs:
            return
        signature, mistakes = read_signature(provider.call, with_return=False)
        self.mistakes.extend(mistakes)
        if signature is None:
            return
        if provider in self._open:
            chain = [*self._open[self._open.index(provider) :], provider]
            self.mistakes.append(texts.provider_cycle(signature, [type_name(each.type) for each in chain]))
            return
        self._open.append(provider)
        needs: list[tuple[str, bool, Provider]] = []
        for parameter in signature.parameters:
            wanted: object = parameter.annotation
            if isinstance(parameter.marker, DependsMarker) and parameter.marker.factory is not None:
                wanted = parameter.marker.factory
            found = self.table.find(wanted) if wanted is not UNSET else None
            if found is not None and found.lifetime == "app":
                self.visit(found)
                needs.append((parameter.name, parameter.by_keyword, found))
            elif parameter.default is UNSET and not parameter.is_rest:
                self.mistakes.append(texts.app_lifetime_needs(provider, parameter.name, signature.where))
        self._open.pop()
        self.signatures[provider] = signature
        self.needs[provider] = needs


def check_app_providers(table: ProviderTable) -> list[Mistake]:
    """Return what is wrong with the app-lifetime providers of a table; for the build."""
    return _Order(table).mistakes


async def start_app_providers(table: ProviderTable, loop_state: LoopState) -> AppValues:
    """Make all app-lifetime values of a table on the running loop; those that are there already are kept.

    Args:
        table: the table of the app, or one with overrides on top of it.
        loop_state: where the values go.

    Returns:
        What ends them again; await its `aclose`.

    Raises:
        BuildError: a provider needs what the application does not have.
        Exception: whatever a provider raises; the values made before it have been ended then.
    """
    order = _Order(table)
    if order.mistakes:
        raise BuildError(order.mistakes)
    values = AppValues(loop_state)
    try:
        for provider, needs in order.needs.items():
            if provider not in loop_state.values:
                arguments = {name: loop_state.values[needed] for name, _, needed in needs}
                await values.start(provider, arguments, order.signatures[provider].colour)
    except BaseException as error:
        await values.aclose(error)
        raise
    return values


class AppValues:
    """The values with ``lifetime="app"`` that one start-up has made."""

    __slots__ = ("_exits", "_loop_state", "_made", "_worker")

    def __init__(self, loop_state: LoopState) -> None:
        self._loop_state = loop_state
        self._worker = WorkerContext()
        self._exits: list[tuple[Provider, Any]] = []
        self._made: list[Provider] = []

    async def start(self, provider: Provider, arguments: Mapping[str, object], colour: Colour) -> None:
        """Make one value; used by `start_app_providers`."""
        factory = provider.call
        lane = self._loop_state.handlers
        if colour is Colour.ASYNC_GENERATOR:
            generator = factory(**arguments)
            value = await start_async_generator(generator, factory)
            self._exits.append((provider, generator))
        elif colour is Colour.SYNC_GENERATOR:
            generator = factory(**arguments)
            value = await hop(lane, self._worker, lambda item: start_generator(item, factory), generator)
            self._exits.append((provider, generator))
        elif colour in (Colour.ASYNC, Colour.MAYBE_ASYNC):
            value = await cast("Awaitable[object]", factory(**arguments))
        elif colour is Colour.CLASS or provider.inline:
            value = factory(**arguments)
        else:
            value = await hop(lane, self._worker, lambda items: factory(**items), arguments)
        self._loop_state.values[provider] = value
        self._made.append(provider)

    async def aclose(self, failure: BaseException | None = None) -> None:
        """End all values in reverse order; an exit that fails is logged and the others still run.

        Args:
            failure: why the application stops, raised into the exits; `None` when it stops as it should.
        """
        await shielded(self._end(failure))

    async def _end(self, failure: BaseException | None) -> None:
        while self._exits:
            provider, generator = self._exits.pop()
            if inspect.isasyncgen(generator):
                raised = await exit_async_generator(cast("AsyncExit", generator), failure, provider.factory)
            else:
                arguments = (generator, failure, provider.factory)
                raised = await hop(self._loop_state.cleanup, self._worker, _exit_in_worker, arguments)
            if raised is not None and raised is not failure:
                logger.error("provider_exit_failed provider=%r", provider, exc_info=raised)
        for provider in self._made:
            self._loop_state.values.pop(provider, None)
        self._worker.close()


def _exit_in_worker(arguments: tuple[Any, BaseException | None, Any]) -> BaseException | None:
    return exit_generator(*arguments)
