"""`costrel routes --traffic`: an application, its log, and what the command prints."""

from __future__ import annotations

import json
from pathlib import Path

import flask
import pytest

from costrel import App, WebSocket
from costrel.cli import invoke
from costrel.cli.traffic_routes import known_routes
from costrel.server.access_log import format_access_json
from costrel.testing import TestClient


def make_app() -> App:
    """An application that carries a Flask application and another one of ours."""
    old = flask.Flask("old")

    @old.get("/reports/<int:number>")
    def report(number: int) -> str:
        return f"report {number}"

    wiki = App("wiki", extensions=())

    @wiki.get("/pages/{name}")
    def page(name: str) -> str:
        return name

    app = App("shop", extensions=())

    @app.get("/users/{id}")
    def user(id: int) -> str:
        return f"user {id}"

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None: ...

    app.mount("/wiki", wiki, name="wiki")
    app.mount("/", old, name="legacy", fallback=True)
    return app


def write_log(app: App, path: Path, targets: list[str]) -> None:
    """Ask an application, and write the access log that its server would write."""
    lines: list[str] = []
    app.on("request_finished", lambda fields: lines.append(format_access_json(fields, 0)))
    with TestClient(app) as client:
        for target in targets:
            client.get(target)
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.pain("P29")
def test_the_traffic_of_an_application_and_of_what_it_carries(folder: Path) -> None:
    """The log of real requests tells which routes answer and what the old application still does."""
    app = make_app()
    targets = ["/users/1", "/users/2", "/reports/1", "/reports/2", "/reports/3", "/wiki/pages/tea"]
    write_log(app, folder / "access.jsonl", targets)
    found = json.loads(invoke(app, ["routes", "--traffic", "access.jsonl", "--json"]).output)

    assert [("legacy", 3)] == [(mount["mount"], mount["count"]) for mount in found["mounts"]]
    assert [("GET", "/reports/{…}", 3)] == [
        (path["method"], path["path"], path["count"]) for path in found["mounts"][0]["paths"]
    ]
    assert [("/users/{id}", 2), ("/wiki/pages/{name}", 1)] == [
        (route["path"], route["count"]) for route in found["routes"]
    ]
    assert ["/chat"] == [route["path"] for route in found["unasked"]]


@pytest.mark.pain("P29")
def test_the_report_names_what_is_left(folder: Path) -> None:
    """In one sentence above the paths that are asked most."""
    app = make_app()
    write_log(app, folder / "access.jsonl", ["/users/1", "/reports/1", "/reports/2", "/reports/3"])
    shown = invoke(app, ["routes", "--traffic", "access.jsonl"]).output

    assert "75% of requests are still answered by `legacy`; its paths:\n" in shown
    assert "Never asked\n  WEBSOCKET /chat " in shown


def test_routes_of_mounted_applications_have_their_prefix() -> None:
    """They are found in the log by the name of their mount."""

    assert [("/users/{id}", ""), ("/chat", ""), ("/wiki/pages/{name}", "wiki")] == [
        (route.path, route.mount) for route in known_routes(make_app())
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--traffic", "nothing.jsonl"], "nothing.jsonl cannot be read: No such file", id="no-such-file"),
        pytest.param(["--traffic", "x", "--source"], "`--traffic` goes with `--json` alone.", id="with-source"),
        pytest.param(["--traffic", "x", "--name", "y"], "`--traffic` goes with `--json` alone.", id="with-a-name"),
    ],
)
def test_what_cannot_be_read_is_a_wrong_command_line(folder: Path, arguments: list[str], said: str) -> None:
    """Exit code 2."""
    result = invoke(make_app(), ["routes", *arguments])

    assert said in result.output
    assert 2 == result.exit_code
