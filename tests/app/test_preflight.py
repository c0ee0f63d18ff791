"""Who answers a preflight that no layer has answered on the way."""

from __future__ import annotations

from typing import Any

import pytest

from costrel.app import App
from costrel.app.preflight import answer_preflights
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView
from costrel.routing import build_table

PREFLIGHT = {"origin": "https://a.test", "access-control-request-method": "PUT"}


class Permit:
    """A layer of somebody else that answers preflights."""

    def __init__(self, name: str) -> None:
        self.name = name

    def bind(self, route: RouteView) -> Layer:
        async def passing(request: Request, call_next: Dispatch) -> Response:
            return await call_next(request)

        return passing

    def describe(self) -> LayerInfo:
        return LayerInfo()

    def answer_preflight(self, request: Request) -> Response:
        return Response(f"{self.name} {request.method} {list(request.path_params)}")


def app_with(*outer: Any, **options: Any) -> App:
    app = App("test", use=outer)

    @app.put("/<name>", **options)
    async def change(name: str) -> str:
        return name

    return app


def test_the_outermost_layer_that_can_answers() -> None:
    """As with any other request; the request is as it was."""
    with app_with(Permit("outer"), use=[Permit("inner")]).test_client() as client:
        assert "outer OPTIONS ['unmatched_path']" == client.options("/x", headers=PREFLIGHT).text


@pytest.mark.parametrize(
    ("method", "headers", "status_code"),
    [
        pytest.param("OPTIONS", PREFLIGHT, 200, id="preflight"),
        pytest.param("OPTIONS", {"origin": "https://a.test"}, 204, id="no-method-asked-for"),
        pytest.param("OPTIONS", {"access-control-request-method": "PUT"}, 204, id="no-origin"),
        pytest.param("OPTIONS", {**PREFLIGHT, "access-control-request-method": "a WebSocket"}, 204, id="no-token"),
        pytest.param("DELETE", PREFLIGHT, 405, id="another-method"),
    ],
)
def test_only_a_preflight_is_answered(method: str, headers: dict[str, str], status_code: int) -> None:
    """Everything else is answered as if there were no such layer."""
    with app_with(use=[Permit("own")]).test_client() as client:
        assert status_code == client.request(method, "/x", headers=headers).status_code


def test_it_is_left_out_where_nobody_answers() -> None:
    """Then nothing is asked of a request."""
    routes, _ = build_table([])

    def otherwise(request: Request) -> Response:
        raise AssertionError(request)

    assert otherwise is answer_preflights(routes, otherwise)


def test_a_route_shows_its_layers() -> None:
    """Outermost first, as they were given."""
    seen: list[Any] = []

    class Look(Permit):
        def bind(self, route: RouteView) -> Layer:
            if route.name:
                seen.extend(route.layers)
            return super().bind(route)

    outer, own = Look("outer"), Permit("own")
    app_with(outer, use=[own]).build()

    assert [outer, own] == seen
