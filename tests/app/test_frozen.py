"""What a build leaves behind, and how it answers what has no target."""

from __future__ import annotations

from costrel.app import App
from costrel.errors import NotFound
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient, make_request


def test_what_request_route_shows() -> None:
    """The pattern with its prefixes, the name, the methods that are answered, the handler."""
    app = App("test", extensions=())

    async def show(id: int) -> str:
        return "x"

    app.add_route("/users/{id}", show, meta={"a": 1})

    target = app.frozen.routes.entries[0].target

    assert target.route is not None
    assert ("/users/{id}", "show", frozenset({"GET", "HEAD", "OPTIONS"}), "", {"a": 1}) == (
        target.route.path,
        target.route.name,
        target.route.methods,
        target.route.blueprint,
        target.route.meta,
    )
    assert target.route.handler.endswith("test_what_request_route_shows.<locals>.show")


def test_a_failure_before_the_match_passes_the_layers() -> None:
    """The app's own layers stand around it."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = "1"
        return response

    app = App("test", extensions=(), use=[layer])

    with TestClient(app) as client:
        response = client.run(app.frozen.answer_failure(make_request(app, "GET", "/"), NotFound()))

    assert (404, "1") == (response.status_code, response.headers["x-layer"])
