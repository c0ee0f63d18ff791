"""Changing an application that was built: what a failed change takes back, and values for overrides while it runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace

from costrel.app.blueprint import Group
from costrel.app.registration import Recorded
from costrel.errors import ConfigurationError, Mistake
from costrel.execution import LoopState
from costrel.handling import Provider, ProviderTable

__all__ = ["Snapshot", "app_values"]


class Snapshot:
    """What was registered on a group and on everything below it at one moment.

    Args:
        group: an app or blueprint.
    """

    def __init__(self, group: Group) -> None:
        self._group = group
        self._recorded = _copy_of(group.recorded)
        self._layers = list(group.layers)
        self._children = list(group.children)
        self._below = [Snapshot(child.blueprint) for child in group.children]

    def restore(self) -> None:
        """Forget what was registered since."""
        self._group.recorded = self._recorded
        self._group.layers[:] = self._layers
        self._group.children[:] = self._children
        for snapshot in self._below:
            snapshot.restore()


def _copy_of(recorded: Recorded) -> Recorded:
    return replace(recorded, **{entry.name: list(getattr(recorded, entry.name)) for entry in fields(recorded)})


@contextmanager
def app_values(loop_states: Sequence[LoopState], tables: Iterable[ProviderTable]) -> Iterator[None]:
    """Make, for the block, the values with lifetime ``app`` that a running application lacks.

    Raises:
        ConfigurationError: a factory cannot be called here and now.
    """
    missing = [provider for table in tables for provider in table if provider.lifetime == "app"]
    made: list[tuple[LoopState, Provider]] = []
    try:
        for loop_state in loop_states:
            for provider in missing:
                if provider not in loop_state.values:
                    loop_state.values[provider] = _call(provider)
                    made.append((loop_state, provider))
        yield
    finally:
        for loop_state, provider in made:
            loop_state.values.pop(provider, None)


def _call(provider: Provider) -> object:
    factory = provider.factory
    is_plain = not (
        inspect.iscoroutinefunction(factory)
        or inspect.isgeneratorfunction(factory)
        or inspect.isasyncgenfunction(factory)
        or factory is not provider.call
    )
    if is_plain and not _required(provider):
        return factory()
    raise ConfigurationError(
        Mistake(
            "COS-APP-043",
            f"{provider!r} cannot override a value of a running application.",
            why="A value with the lifetime `app` is made at start; later only a plain function without parameters can.",
            fix="Override first, and start the client inside:  with app.override(…), app.test_client() as client: …",
        )
    )


def _required(provider: Provider) -> bool:
    """Whether the factory has a parameter that must be given."""
    try:
        parameters = inspect.signature(provider.factory).parameters.values()
    except ValueError:
        return False
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(item.default is item.empty and item.kind not in variable for item in parameters)
