"""`costrel run` and `costrel dev` with an application of another framework: a server like any other."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Start = Callable[..., Any]

FLASK = """
import flask

app = flask.Flask("old")

@app.route("/")
def index():
    return "Hello from Flask"

@app.route("/length", methods=["POST"])
def length():
    return str(len(flask.request.get_data()))

@app.route("/fail")
def fail():
    raise RuntimeError("broken")
"""

STARLETTE = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

@asynccontextmanager
async def lifespan(app):
    print("started", flush=True)
    yield {"word": "state"}
    print("stopped in order", flush=True)

async def index(request):
    return PlainTextResponse(f"Hello from Starlette {request.state.word}")

def create_app(title="x"):
    return Starlette(routes=[Route("/", index)], lifespan=lifespan)
"""

BROKEN = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""


def test_a_flask_application_is_served(tmp_path: Path, start: Start) -> None:
    """Its answers, its own errors, one line a request with its mount, no limit for bodies, and 0 after a signal."""
    (tmp_path / "shop.py").write_text(FLASK)
    running = start("run", "shop:app", "--port", "0", "--access-log-format", "json")

    assert (200, "Hello from Flask") == running.get()
    assert 404 == running.get("/nothing")[0]
    assert 500 == running.get("/fail")[0]

    running.wait_for_output('"path": "/fail"')

    assert 0 == running.stop(signal.SIGTERM)

    lines = [json.loads(line) for line in running.output.splitlines() if line.startswith("{")]

    assert [("/", 200), ("/nothing", 404), ("/fail", 500)] == [(line["path"], line["status_code"]) for line in lines]
    assert {("flask", None)} == {(line["mount"], line["route"]) for line in lines}
    assert "  Mode      production\n" in running.output


@pytest.mark.parametrize("arguments", [("run",), ("run", "--workers", "2"), ("dev",)], ids=" ".join)
def test_an_asgi_application_is_served(tmp_path: Path, start: Start, arguments: tuple[str, ...]) -> None:
    """Made by its factory, with its lifespan, in one process or several, in production and in development."""
    (tmp_path / "shop.py").write_text(STARLETTE)
    command, *options = arguments
    running = start(command, "shop:create_app('y')", "--port", "0", *options)

    assert (200, "Hello from Starlette state") == running.get()
    assert 0 == running.stop(signal.SIGTERM)
    assert running.output.count("started") == running.output.count("stopped in order") > 0


def test_a_start_that_fails_says_why(tmp_path: Path, start: Start) -> None:
    """The words of the application, and which mount it was."""
    (tmp_path / "shop.py").write_text(BROKEN)
    running = start("run", "shop:app", "--port", "0")

    assert 0 != running.process.wait(20)
    assert "no database" in running.output
    assert "while the mount `app` at `/`" in running.output
