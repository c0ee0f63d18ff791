"""What the steps of a build share."""

from __future__ import annotations

import pytest

from costrel.app import App, Blueprint
from costrel.app.build_state import BuildInput, BuildState
from costrel.app.frozen import RouteInfo
from costrel.app.scopes import Scope, iter_scopes
from costrel.errors import ConfigurationError, Mistake
from costrel.messages import LayerInfo


def state_of(app: App, extension_layers: tuple = ()) -> tuple[BuildState, list[Scope]]:
    given = BuildInput(app, app, app.settings, extension_layers, (), {}, {}, {}, {}, ())
    return BuildState(given), list(iter_scopes(app))


ROUTE = RouteInfo("/", "", frozenset(), "", {}, "-")


class Refusing:
    """A layer that fits nowhere."""

    def bind(self, route: object) -> None:
        raise ConfigurationError(Mistake("COS-APP-025", "It does not fit."))

    def describe(self) -> LayerInfo:
        return LayerInfo()


async def plain(request, call_next): ...


@pytest.mark.parametrize(
    ("layer", "codes", "count"),
    [
        pytest.param(plain, [], 1, id="function"),
        pytest.param(Refusing(), ["COS-APP-025"], 0, id="refuses"),
        pytest.param(Refusing, ["COS-APP-025"], 0, id="class"),
        pytest.param("cors", ["COS-APP-025"], 0, id="text"),
    ],
)
def test_layers_are_bound_or_told(layer: object, codes: list[str], count: int) -> None:
    """What is no layer, or refuses the route, is a mistake; the rest is kept, those of extensions outside."""
    state, _ = state_of(App("test", extensions=()), (plain,))

    bound = state.bind_layers([layer], ROUTE, "a.py:1")

    assert (codes, count + 1) == ([mistake.code for mistake in state.mistakes], len(bound.functions))


def test_tables_are_made_once_for_each_scope() -> None:
    """Every route of a blueprint shares its providers and its error handlers."""
    app = App("test", extensions=())
    app.register(Blueprint("part"))
    state, (root, part) = state_of(app)

    assert state.providers_of(part) is state.providers_of(part) is not state.providers_of(root)
    assert state.converter_of(part) is state.converter_of(part) is not state.converter_of(root)


def test_patterns_and_hosts_that_are_wrong_are_collected() -> None:
    """They are told with everything else."""
    app = App("test", extensions=())
    app.register(Blueprint("part", host="exa mple"))
    state, (root, part) = state_of(app)

    assert (None, None, None) == (state.parse("x", "a.py:1"), state.host_of(part), state.host_of(root))
    assert ["COS-ROUTE-001", "COS-ROUTE"] == [state.mistakes[0].code, state.mistakes[1].code[:9]]
