"""The build as a whole: one pass, all mistakes, and what it leaves for transports and tools."""

from __future__ import annotations

import pytest

from costrel.app import App
from costrel.errors import BuildError
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView


class Bound:
    """A layer that looks at each route."""

    def __init__(self, log: list[str], *, skip: str = "") -> None:
        self.log = log
        self.skip = skip

    def bind(self, route: RouteView) -> Bound | None:
        self.log.append(route.name or route.path)
        return None if route.name == self.skip else self

    async def __call__(self, request: Request, call_next) -> Response:
        return await call_next(request)

    def describe(self) -> LayerInfo:
        return LayerInfo(status_codes={429: "Too many."})


def test_layers_are_bound_to_each_route_and_to_what_no_route_matches() -> None:
    """A layer may leave itself out; what it says of itself is in the description."""
    log: list[str] = []
    app = App("test", extensions=(), use=[Bound(log, skip="b")])
    app.add_route("/a", lambda: "a", name="a")
    app.add_route("/b", lambda: "b", name="b")
    app.build()

    assert {"a", "b", "/"} == set(log)
    assert [[{429: "Too many."}], []] == [
        [info.status_codes for _, info in endpoint.layers] for endpoint in app.endpoints
    ]


class Specialised(Bound):
    """A layer whose `bind` returns a function that says nothing of itself."""

    def bind(self, route: RouteView) -> Layer:
        async def pass_on(request: Request, call_next: Dispatch) -> Response:
            return await call_next(request)

        return pass_on


def test_a_layer_is_described_by_what_it_was_bound_from() -> None:
    """Whoever reads the description sees the layer that was written into `use`, not the function made of it."""
    app = App("test", extensions=(), use=[Specialised([])])
    app.add_route("/a", lambda: "a", name="a")
    app.build()

    assert [("Specialised", {429: "Too many."})] == [
        (name, dict(info.status_codes)) for name, info in app.endpoints[0].layers
    ]


def test_one_mistake_that_many_routes_have_is_told_once() -> None:
    """A hook that cannot be bound is one mistake, not one for each route."""
    app = App("test", extensions=())

    class Unknown:
        """Nobody provides it."""

    def hook(value) -> None: ...

    hook.__annotations__["value"] = Unknown
    app.before_request(hook)
    for number in range(5):
        app.add_route(f"/{number}", lambda: "x", name=str(number))

    with pytest.raises(BuildError) as caught:
        app.build()

    assert 1 == len(caught.value.mistakes)


def test_a_build_happens_once() -> None:
    """Later calls return what the first one made, and nothing of it changes."""
    app = App("test", extensions=())
    app.add_route("/", lambda: "x", name="index")

    assert app.build() is app.build() is app.frozen
    with pytest.raises(AttributeError):
        app.frozen.elsewhere = None


def test_a_value_of_the_application_that_cannot_be_made_is_a_mistake_of_the_build() -> None:
    """Values that live as long as the application are checked before it starts."""
    app = App("test", extensions=())

    def make(value) -> str:
        return value

    make.__annotations__["value"] = int
    app.provide(str, make, lifetime="app")

    with pytest.raises(BuildError) as caught:
        app.build()

    assert caught.value.code.startswith("COS-HANDLER-")
