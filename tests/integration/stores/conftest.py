"""What the tests of stores share is importable here too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "stores"))
pytest.register_assert_rewrite("store_contract", "process_contract")
