"""Services that share nothing but a Redis server make each run of a job once."""

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
def test_services_agree_by_a_server(redis_url: str, tmp_path: Path) -> None:
    """Each has a command line and a folder for temporary files of its own."""
    mark = "&" if "?" in redis_url else "?"
    contract.check_processes([contract.native(1), contract.native(1)], tmp_path, f"{redis_url}{mark}prefix=schedule:")
