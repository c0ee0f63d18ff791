"""The guides for those who move: what stands there before and after is one program, and does the same."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples" / "moving"
SIDES = ("before", "after")

Load = Callable[[str, str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import a side of a guide as it is for who follows the page."""

    def load(guide: str, side: str) -> ModuleType:
        pytest.importorskip(guide)
        monkeypatch.syspath_prepend(str(EXAMPLES / guide))
        return importlib.import_module(side)

    yield load
    for name in SIDES:
        sys.modules.pop(name, None)


def asgi_client(app: Any) -> TestClient:
    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def wsgi_client(app: Any) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="https://testserver")


@pytest.mark.parametrize("side", SIDES)
def test_flask(load: Load, side: str) -> None:
    """Login, guard, form, template, message, JSON, error and after hook."""
    app = load("flask", side).app
    with wsgi_client(app) if side == "before" else asgi_client(app) as client:
        away = client.get("/tasks/")
        assert (True, "/login") == (away.is_redirect, away.headers["location"])
        assert client.post("/login", data={"user": "ada"}).headers["location"].rstrip("/") == "/tasks"
        assert '<p class="message">Hello, ada.</p>' in client.get("/tasks/").text
        assert client.post("/tasks/", data={"title": "<tea>"}).headers["location"].rstrip("/") == "/tasks"
        page = client.get("/tasks/?limit=5")
        assert ("text/html; charset=utf-8", "1") == (page.headers["content-type"], page.headers["x-version"])
        assert "<li>&lt;TEA&gt;</li>" in page.text
        assert "message" not in page.text
        assert {"id": 1, "title": "<tea>", "owner": "ada"} == client.get("/tasks/1").json()
        missing = client.get("/tasks/7")
        assert (404, {"error": "There is no such task."}) == (missing.status_code, missing.json())


@pytest.mark.parametrize("side", SIDES)
def test_starlette(load: Load, side: str) -> None:
    """Lifespan with state, layer, parameters, background work, stream, socket and error."""
    module = load("starlette", side)
    with asgi_client(module.app) as client:
        shown = client.get("/notes/1")
        assert {"number": 1, "text": "Water the plants."} == shown.json()
        assert shown.headers["server-timing"].startswith("app;dur=")
        added = client.post("/notes/", json={"text": "Feed the cat."})
        assert (201, {"url": "/notes/2"}) == (added.status_code, added.json())
        export = client.get("/notes/export")
        assert ("text/plain; charset=utf-8", "Water the plants.\nFeed the cat.\n") == (
            export.headers["content-type"],
            export.text,
        )
        assert "Feed the cat." == client.get("/notes/search", params={"q": "cat"}).text
        assert (404, {"error": "There is no such note."}) == (
            client.get("/notes/9").status_code,
            client.get("/notes/9").json(),
        )
        with client.websocket_connect("/echo") as socket:
            socket.send_text("hello")
            assert "You said: hello" == socket.receive_text()
    assert ["Feed the cat."] == module.SENT


@pytest.mark.parametrize("side", SIDES)
def test_fastapi(load: Load, side: str) -> None:
    """Models, dependencies with an end, limits, response model, background work, socket and errors."""
    module = load("fastapi", side)
    with asgi_client(module.app) as client:
        key = {"Authorization": "Bearer ada"}
        refused = client.post("/items/", json={"name": "Tea", "price": 2.5})
        assert (401, "Bearer") == (refused.status_code, refused.headers["www-authenticate"])
        wrong = client.post("/items/", json={"name": "", "price": 0}, headers=key)
        assert 422 == wrong.status_code
        made = client.post("/items/", json={"name": "Tea", "price": 2.5}, headers=key)
        tea = {"id": 1, "name": "Tea", "price": 2.5}
        assert (201, tea) == (made.status_code, made.json())
        assert tea == client.get("/items/1").json()
        assert [tea] == client.get("/items/", params={"limit": 5}).json()
        assert 422 == client.get("/items/", params={"limit": 0}).status_code
        assert 404 == client.get("/items/7").status_code
        assert "1.0" == client.get("/version").json()
        with client.websocket_connect("/prices/1") as socket:
            assert {"id": 1, "price": 2.5} == socket.receive_json()
    assert [1] == module.SENT


@pytest.mark.parametrize("side", SIDES)
def test_drf(side: str, tmp_path: Path) -> None:
    """Serializer, permission, pages, filter, action, partial change, deletion and errors, on the same models."""
    pytest.importorskip("rest_framework")
    script = Path(__file__).with_name("moving_drf.py")
    run = subprocess.run(
        [sys.executable, str(script), side], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert (0, "") == (run.returncode, run.stdout), run.stderr
