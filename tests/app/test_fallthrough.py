"""``raise Pass``: what a handler that passes leaves behind for the next one."""

from __future__ import annotations

from costrel.app import App
from costrel.errors import Pass, ProgrammerError
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient


def test_the_next_candidate_has_its_own_route_and_parameters() -> None:
    """Nothing of the route that passed is seen any more; its layers ran, its after hooks did not."""
    app = App("test", extensions=())
    log: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        log.append("layer in")
        response = await call_next(request)
        log.append("layer out")
        return response

    async def after(response: Response) -> Response:
        log.append("after")
        return response

    @app.get("/{page}", fallthrough=True, use=[layer], after=[after])
    async def first(page: str) -> str:
        raise Pass

    @app.get("/{rest:path}")
    async def second(request: Request, rest: str) -> list[object]:
        return [request.route.name if request.route else None, request.path_params]

    with TestClient(app) as client:
        assert ["second", {"rest": "x"}] == client.get("/x").json()

    assert ["layer in"] == log


def test_passing_without_being_allowed_to_is_a_mistake() -> None:
    """Without ``fallthrough=True`` there is no next route, and the mistake is told as one."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        raise Pass

    with TestClient(app, raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (500, ProgrammerError) == (response.status_code, type(response.exception))


def test_listeners_hear_of_the_response_that_was_sent() -> None:
    """`response_ready` comes once, after the last candidate."""
    app = App("test", extensions=())

    @app.get("/{page}", fallthrough=True)
    async def page(page: str) -> str:
        raise Pass

    with TestClient(app) as client, client.capture_events("response_ready") as events:
        client.get("/x")

    assert [404] == [event["response"].status_code for event in events]
