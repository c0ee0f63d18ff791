"""Two processes serve one application, and each run of a job is made once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "scheduling"))
pytest.register_assert_rewrite("schedule_contract")
contract = importlib.import_module("schedule_contract")

pytestmark = pytest.mark.integration


@pytest.mark.capability("C122")
@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([contract.native(2)], id="two-workers-of-our-server"),
        pytest.param([contract.native(1), contract.uvicorn()], id="our-server-and-uvicorn"),
        pytest.param([contract.wsgi(), contract.wsgi()], id="two-processes-of-a-wsgi-server"),
    ],
)
def test_workers_of_one_host_make_each_run_once(commands: list[list[str]], tmp_path: Path) -> None:
    """They agree by a folder of the host; what has begun is waited for when they stop."""
    contract.check_processes(commands, tmp_path)
