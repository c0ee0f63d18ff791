"""The guide for systemd: its files are valid, and the server takes the socket that is handed over."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
PAGE = "deploy-systemd.md"


def test_the_units_are_valid(kit: Any, tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing to complain about; only the path of the program is another one here."""
    analyze = kit.need("systemd-analyze", "systemd")
    program = tmp_path / "costrel"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("shop.socket", "shop.service"):
        text = kit.file_of(PAGE, name)
        (tmp_path / name).write_text(text.replace("/srv/shop/.venv/bin/costrel", str(program)))
    found = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / "shop.service", tmp_path / "shop.socket"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    about_ours = [line for line in (found.stdout + found.stderr).splitlines() if "shop" in line]

    assert ([], 0) == (about_ours, found.returncode)


def test_the_flags_of_the_unit_exist(kit: Any) -> None:
    """What `ExecStart` says is a command line that this version understands."""
    line = next(line for line in kit.file_of(PAGE, "shop.service").splitlines() if line.startswith("ExecStart="))
    flags = [word for word in line.split() if word.startswith("--")]
    shown = subprocess.run(
        [sys.executable, "-m", "costrel", "run", "--help"], capture_output=True, text=True, timeout=30, check=True
    ).stdout

    assert [] == [flag for flag in flags if flag not in shown]


def test_a_socket_is_handed_over(kit: Any, shop: Path) -> None:
    """The first connection starts the server, waits for it and is answered; a second start finds the socket open."""
    activate = kit.need("systemd-socket-activate", "systemd")
    port = kit.free_port()
    words = next(
        line.removeprefix("ExecStart=").split()[1:]
        for line in kit.file_of(PAGE, "shop.service").splitlines()
        if line.startswith("ExecStart=")
    )
    path = f"{shop}:{kit.root / 'src'}"
    command = [
        *(activate, "--listen", f"127.0.0.1:{port}", "--setenv", f"PYTHONPATH={path}"),
        *(sys.executable, "-m", "costrel", *words),
    ]
    with kit.running(command, shop) as process:
        kit.wait_for(lambda: "Listening on" in (shop / "output.log").read_text(), "systemd-socket-activate")
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as response:
            assert b'"client":"127.0.0.1"' in response.read()
        assert time.monotonic() - began < 20

        process.terminate()

        assert 0 == process.wait(20)
    assert f"127.0.0.1:{port}" in (shop / "output.log").read_text()
