"""`costrel run` in a process: what it prints, how it stops, and the exit code."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

SHOP = """
import logging
from costrel import App

app = App("shop")

@app.get("/")
def index():
    return "hello"

@app.get("/state")
def state() -> dict[str, object]:
    return {"debug": app.debug, "threads": app.settings.threads, "keys": len(app.settings.secret_keys)}

@app.get("/end")
def end():
    raise SystemExit(5)

@app.get("/fail")
def fail():
    raise RuntimeError("broken")

@app.on_stop
def stop():
    print("stopped in order", flush=True)
"""

Start = Callable[..., Any]


@pytest.mark.capability("C152")
def test_an_application_is_served_and_stopped_in_order(tmp_path: Path, start: Start) -> None:
    """Four lines, one line a request, and 0 after a signal."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("run", "shop.py", "--port", "0", "--threads", "7")

    assert (200, "hello") == running.get()
    assert {"debug": False, "threads": 7, "keys": 0} == json.loads(running.get("/state")[1])

    running.wait_for_output("path=/state status_code=200")

    assert 0 == running.stop(signal.SIGTERM)
    assert "  Workers   1 process, one event loop\n  Threads   7 " in running.output
    assert "  Mode      production\n" in running.output
    assert "stopped in order" in running.output
    assert "\x1b" not in running.output


def test_the_access_log_can_be_off(tmp_path: Path, start: Start) -> None:
    """Then a request leaves no line."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("run", "shop.py", "--port", "0", "--no-access-log")
    running.get()
    running.stop()

    assert "GET" not in running.output


@pytest.mark.capability("X35")
def test_the_variable_makes_production_development(tmp_path: Path, start: Start) -> None:
    """`COSTREL_DEBUG=1` is the other way to say it, and the start says so."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("run", "shop.py", "--port", "0", code="import os; os.environ['COSTREL_DEBUG'] = '1'")

    assert json.loads(running.get("/state")[1])["debug"] is True
    assert "  Mode      debug: error pages show the code\n" in running.output


def test_the_exit_code_of_a_handler_is_that_of_the_process(tmp_path: Path, start: Start) -> None:
    """`SystemExit` in a handler ends the server, in order."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("run", "shop.py", "--port", "0")
    running.get("/end")

    assert 5 == running.process.wait(10)
    assert "stopped in order" in running.output


@pytest.mark.pain("P33")
def test_a_failed_request_is_logged_with_the_users_frames(tmp_path: Path, start: Start) -> None:
    """Not with those of the server and the event loop."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("run", "shop.py", "--port", "0")

    assert 500 == running.get("/fail")[0]

    running.wait_for_output("RuntimeError: broken")

    assert 1 == running.output.count('  File "')


def test_an_application_that_cannot_start_ends_with_three(tmp_path: Path, start: Start) -> None:
    """With the user's frames and nothing about the event loop."""
    (tmp_path / "shop.py").write_text(SHOP + "\n@app.on_start\ndef connect():\n    raise RuntimeError('no database')\n")
    running = start("run", "shop.py", "--port", "0")

    assert 3 == running.process.wait(10)
    assert "RuntimeError: no database" in running.output
    assert 1 == running.output.count('  File "')


@pytest.mark.parametrize("command", ["run", "dev"])
def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path, start: Start, command: str) -> None:
    """And ends with 3."""
    (tmp_path / "shop.py").write_text(SHOP)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = start(command, "shop.py", "--port", str(taken.getsockname()[1]))

        assert 3 == running.process.wait(10)

    assert 1 == len(running.output.strip().splitlines())
    assert "another process has the port; choose one with --port" in running.output


def test_development_without_reload_is_one_process(tmp_path: Path, start: Start) -> None:
    """With debug on, a key, and readable lines."""
    (tmp_path / "shop.py").write_text(SHOP)
    running = start("dev", "shop.py", "--no-reload", "--port", "0")

    assert {"debug": True, "threads": 40, "keys": 1} == json.loads(running.get("/state")[1])
    assert 0 == running.stop(signal.SIGINT)
    assert "  Mode      debug: error pages show the code\n" in running.output
    assert "  200  GET    /state" in running.output


@pytest.mark.parametrize("engine", ["uvicorn", "hypercorn"])
def test_another_server_serves_the_application(tmp_path: Path, start: Start, engine: str) -> None:
    """Through ASGI, with its lifespan, until a signal comes."""
    pytest.importorskip(engine)
    (tmp_path / "shop.py").write_text(SHOP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = start("run", "shop.py", "--server", engine, "--port", str(port), "--max-header-count", "50")

    assert (200, "hello") == running.get()
    assert 0 == running.stop(signal.SIGINT)
    assert f"{engine} has limits of its own and ignores --max-header-count." in running.output
    assert "stopped in order" in running.output
