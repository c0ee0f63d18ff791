"""`App.describe`: the whole application as values that JSON knows."""

from __future__ import annotations

import json
from typing import Annotated

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.messages import Dispatch, Request, Response


async def layer(request: Request, call_next: Dispatch) -> Response:
    return await call_next(request)


async def star(scope: object, receive: object, send: object) -> None: ...


def make_number() -> int:
    return 1


def on_missing() -> str:
    return "x"


def before() -> None: ...


@pytest.mark.capability("C164")
def test_the_whole_application_is_json() -> None:
    """Routes, layers, providers, hooks, error handlers, extensions, mounts, listeners, start and stop."""
    app = App("shop", use=[layer], settings=AppSettings(secret_key="do not show this key"))
    part, child = Blueprint("part", prefix="/part", host="api.example.com"), App("child", extensions=())
    app.provide(Annotated[int, "answer"], make_number, lifetime="app")
    app.errorhandler(404)(on_missing)
    app.errorhandler(KeyError)(on_missing)
    app.before_request(before)
    app.on_start(before)
    app.on("app_started", print)
    part.add_route("/x/{id}", make_number, name="x", meta={"a": object})
    child.add_route("/", on_missing, name="index")
    app.register(part)
    app.mount("/child", child)
    app.mount("/", star, host="old.example", fallback=True)

    text = json.dumps(app.describe())
    told = json.loads(text)
    module = __name__

    assert "do not show" not in text
    assert ("shop", [f"{module}.layer"]) == (told["name"], told["use"])
    assert ["part.x"] == [route["name"] for route in told["routes"]]
    assert f"{module}.layer" == told["layers"][-1]
    assert [f"{module}.before"] == [hook["handler"] for hook in told["before_request"]]
    assert all("test_description.py:" in hook["where"] for hook in told["before_request"])
    assert [404, "builtins.KeyError"] == [handler["for"] for handler in told["error_handlers"]]
    assert [("app", f"{module}.make_number")] == [(p["lifetime"], p["factory"]) for p in told["providers"]]
    assert [("part", "/part", "api.example.com")] == [(b["name"], b["prefix"], b["host"]) for b in told["blueprints"]]
    assert {"sessions", "templates", "static", "pages"} == {extension["name"] for extension in told["extensions"]}
    assert [
        ("/child", "child", "app", "direct", None, False),
        ("/", "star", "asgi", "trampoline", "old.example", True),
    ] == [tuple(mount[key] for key in ("path", "name", "kind", "mode", "host", "fallback")) for mount in told["mounts"]]
    assert ("child", f"{module}.star") == (told["mounts"][0]["app"]["name"], told["mounts"][1]["application"])
    assert ["index"] == [route["name"] for route in told["mounts"][0]["app"]["routes"]]
    assert ["builtins.print"] == told["events"]["app_started"]
    assert [f"on_start {module}.before"] == told["lifecycle"]
