"""What the tests of stores share is importable: the contract is `store_contract`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("store_contract")
