"""`costrel routes`: the table, the JSON, the compiled source."""

from __future__ import annotations

import json

import msgspec
import pytest

from costrel import App, Blueprint, WebSocket
from costrel.cli import invoke
from costrel.cli.foreign_app import wrap_foreign
from costrel.cli.routes_command import endpoints_of


class Item(msgspec.Struct):
    """A body."""

    name: str


def make_app() -> App:
    """An application with every kind of route."""
    app, child, api = App("shop", extensions=()), App("child", extensions=()), Blueprint("api")

    @app.get("/", inline=True)
    def index() -> str:
        return ""

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None: ...

    @api.route("/items", methods=["POST", "GET"])
    def items() -> str:
        return ""

    @api.put("/items/{id}")
    async def change(id: int, item: Item) -> Item:
        return item

    @child.get("/hello")
    def hello() -> str:
        return ""

    app.register(api, prefix="/api")
    app.mount("/child", child)
    return app


def test_the_table_has_every_route_with_its_prefix() -> None:
    """Sorted by path, mounted applications included, with where each runs."""
    lines = invoke(make_app(), ["routes"]).output.splitlines()
    rows = [line.split("  ") for line in lines]
    cells = [[cell.strip() for cell in row if cell.strip()][:4] for row in rows]

    assert [
        ["Methods", "Path", "Name", "Runs on"],
        ["GET", "/", "index", "loop, inline"],
        ["GET POST", "/api/items", "api.items", "thread, 1 hop"],
        ["PUT", "/api/items/{id}", "api.change", "loop"],
        ["WEBSOCKET", "/chat", "chat", "loop"],
        ["GET", "/child/hello", "hello", "thread, 1 hop"],
        [],
        ["Mounted", "Path", "Name", "Mode"],
        ["app", "/child/*", "child", "direct"],
    ] == cells


def old(environ: object, start_response: object) -> list[bytes]:
    """A WSGI application that nobody asks."""
    return []


async def star(scope: object, receive: object, send: object) -> None:
    """An ASGI application that nobody asks."""


def test_the_mounts_are_shown_with_kind_and_mode() -> None:
    """Those inside mounted applications too, with their whole names and paths."""
    app, child = App("shop", extensions=()), App("child", extensions=())
    child.mount("/star", star, mode="task")
    app.mount("/child", child)
    app.mount("/old", old, host="old.example")
    app.mount("/", old, name="legacy", fallback=True)
    lines = invoke(app, ["routes"]).output.splitlines()
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()][:4] for line in lines[3:]]

    assert ["The application has no routes.", ""] == lines[:2]
    assert [
        [f"wsgi {__name__}.old", "/* (fallback)", "legacy", "thread"],
        ["app", "/child/*", "child", "direct"],
        [f"asgi {__name__}.star", "/child/star/*", "child.star", "task"],
        [f"wsgi {__name__}.old", "old.example/old/*", "old", "thread"],
    ] == cells


def test_an_application_of_another_framework_has_its_own_routes() -> None:
    """One sentence says what is served and that nothing is known here."""
    said = invoke(wrap_foreign(old, "shop"), ["routes"]).output

    assert f"shop: {__name__}.old, a WSGI application, answers every path; its routes are its own.\n" == said


def test_the_json_describes_parameters_bodies_and_answers() -> None:
    """What documentation and tools read."""
    found = json.loads(invoke(make_app(), ["routes", "--json", "--name", "api.change"]).output)

    assert ["/api/items/{id}"] == [route["path"] for route in found]
    assert "path" == found[0]["parameters"][0]["source"]
    assert "Item" == found[0]["body"]["type"]


def test_the_source_says_where_it_runs() -> None:
    """The compiled call, below a line that names the route."""
    shown = invoke(make_app(), ["routes", "--source", "--name", "api.change"]).output

    assert shown.startswith("# PUT /api/items/{id}  (api.change, ")
    assert shown.splitlines()[0].endswith(": loop")
    assert "await handler(" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--name", "nothing"], "No route has the name 'nothing'", id="no-such-route"),
        pytest.param(["--source", "--json"], "Either `--source` or `--json`", id="two-forms-at-once"),
    ],
)
def test_what_cannot_be_shown_is_a_wrong_command_line(arguments: list[str], said: str) -> None:
    """Exit code 2."""
    result = invoke(make_app(), ["routes", *arguments])

    assert said in result.output
    assert 2 == result.exit_code


def test_an_application_without_routes_says_so() -> None:
    """An empty table looks like a defect."""

    assert "The application has no routes.\n" == invoke(App("shop", extensions=()), ["routes"]).output
    assert [] == list(endpoints_of(App("shop", extensions=())))
