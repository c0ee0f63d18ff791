"""A worker without its supervisor, which is the other end of its line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from costrel.cli.plan import ServePlan
from costrel.server import ServerSettings

pytestmark = pytest.mark.integration


def start(folder: Path, brief: str, listening: socket.socket) -> tuple[int, list[str]]:
    """Start a worker, tell it its brief and to stop as soon as it is ready; return its exit code and what it said."""
    ours, theirs = socket.socketpair()
    numbers = (theirs.fileno(), listening.fileno())
    command = [sys.executable, "-P", "-m", "costrel.cli.worker", *map(str, numbers)]
    process = subprocess.Popen(command, cwd=folder, pass_fds=numbers, stderr=subprocess.DEVNULL)
    theirs.close()
    ours.settimeout(20)
    said = b""
    is_told = False
    with ours:
        ours.sendall(brief.encode())
        if not brief:
            ours.shutdown(socket.SHUT_WR)
        while piece := ours.recv(65536):
            said += piece
            # Once: a word that nobody has read when the worker ends would reset the line.
            if b"ready" in said and not is_told:
                is_told = True
                ours.sendall(b"stop\n")
    return process.wait(20), said.decode().splitlines()


def brief_of(app: str) -> str:
    plan = ServePlan(app=app, threads=5, settings=ServerSettings(graceful_timeout_seconds=0.1))
    return json.dumps({"brief": plan.to_json(), "owns_sockets": True}) + "\n"


def test_a_worker_says_what_it_serves_and_stops_when_it_is_told(tmp_path: Path) -> None:
    """With the size of its pool, and whether it is debug, for the supervisor to announce."""
    (tmp_path / "shop.py").write_text("from costrel import App\napp = App('shop', extensions=())\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        exit_code, said = start(tmp_path, brief_of("shop.py"), listening)

    assert 0 == exit_code
    assert 'ready {"threads": 5, "debug": false}' in said
    assert "leaving" == said[-1]


def test_a_module_of_the_working_directory_is_not_taken_for_the_standard_library(tmp_path: Path) -> None:
    """It is the application's to import, when the framework has what it needs."""
    (tmp_path / "shop.py").write_text("from costrel import App\napp = App('shop', extensions=())\n")
    (tmp_path / "socket.py").write_text("raise ImportError('this is not the one')\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        exit_code, _ = start(tmp_path, brief_of("shop.py"), listening)

    assert 0 == exit_code


def test_a_worker_says_why_it_cannot_start(tmp_path: Path) -> None:
    """With the exit code that it ends with."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        exit_code, said = start(tmp_path, brief_of("gone.py"), listening)
    word, _, content = said[-1].partition(" ")

    assert 2 == exit_code
    assert ("failed", 2) == (word, json.loads(content)["exit_code"])
    assert "COS-CLI-002" in json.loads(content)["reason"]


def test_a_worker_whose_supervisor_has_gone_does_nothing(tmp_path: Path) -> None:
    """It has nobody to serve for."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert (0, []) == start(tmp_path, "", listening)
