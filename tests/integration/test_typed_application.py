"""An application as users write it, under two type checkers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.integration
@pytest.mark.pain("P26")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["mypy", "--strict", "typing_tests"], id="mypy-strict"),
        pytest.param(["basedpyright", "--level", "error", "typing_tests"], id="basedpyright"),
    ],
)
def test_a_sample_application_is_clean(command: list[str]) -> None:
    """`assert_type` in it says what each call of the framework gives; none of it is `Any`."""
    pytest.importorskip(command[0], reason=f"{command[0]} is not installed")

    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == result.returncode, result.stdout
