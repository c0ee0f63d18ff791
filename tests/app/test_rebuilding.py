"""What a failed change takes back, and values made while an application runs."""

from __future__ import annotations

import asyncio

import pytest

from costrel.app import App, Blueprint
from costrel.app.rebuilding import Snapshot, app_values
from costrel.errors import ConfigurationError
from costrel.execution import LoopState
from costrel.handling import Provider, ProviderTable


def test_a_snapshot_restores_a_whole_tree() -> None:
    """Routes, hooks, layers and children, at any depth."""
    app, part, deep = App("test", extensions=()), Blueprint("part"), Blueprint("deep")
    app.register(part)
    part.register(deep)
    snapshot = Snapshot(app)

    deep.add_route("/x", lambda: "x")
    part.before_request(lambda: None)
    part.register(Blueprint("late"))
    app.layers.append(print)
    app.errorhandler(404)(lambda: "x")
    snapshot.restore()

    assert ([], [], [], []) == (deep.recorded.routes, part.recorded.before, app.layers, app.recorded.error_handlers)
    assert [deep] == [child.blueprint for child in part.children]


def generator():
    yield 1


async def coroutine() -> int:
    return 1


def needy(value: int) -> int:
    return value


@pytest.mark.parametrize(
    ("factory", "works"),
    [
        pytest.param(lambda: 1, True, id="function"),
        pytest.param(list, True, id="class"),
        pytest.param(lambda value=1: value, True, id="only-defaults"),
        pytest.param(generator, False, id="generator"),
        pytest.param(coroutine, False, id="coroutine"),
        pytest.param(needy, False, id="needs-something"),
    ],
)
def test_values_are_made_by_plain_functions_only(factory, works: bool) -> None:
    """What cannot be made here and now is refused, and nothing is left of the others."""

    async def main() -> tuple[bool, dict]:
        loop_state = LoopState.start(asyncio.get_running_loop())
        first, provider = Provider(str, str, "app"), Provider(int, factory, "app")
        try:
            with app_values([loop_state], [ProviderTable([first, provider, Provider(float, float)])]):
                made = {first, provider} == set(loop_state.values)
        except ConfigurationError:
            made = False
        values = dict(loop_state.values)
        await loop_state.aclose(1)
        return made, values

    assert (works, {}) == asyncio.run(main())
