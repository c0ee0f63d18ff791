"""`costrel new`: the project passes its own tests and has no mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.capability("C155")]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a folder, with nothing set that the developer has set."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COSTREL_", "PYTEST_"))}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=folder, env=environ, capture_output=True, text=True)


def test_a_new_project_passes_its_own_tests(tmp_path: Path) -> None:
    """As it stands, and `check` finds nothing in it."""
    made = run(tmp_path, "costrel", "new", "shop")
    checked = run(tmp_path / "shop", "costrel", "check")
    tested = run(tmp_path / "shop", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")

    assert 0 == made.returncode, made.stderr
    assert "no mistakes" in checked.stdout, checked.stderr
    assert "5 passed" in tested.stdout, tested.stdout + tested.stderr
