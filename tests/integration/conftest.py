"""What several rooms of integration tests use: the ledger, as the module that it is, and the package `transports`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `transports`, which processes of its own import too


@pytest.fixture(scope="session")
def ledger() -> Any:
    spec = importlib.util.spec_from_file_location("request_ledger", Path(__file__).parent / "ledger" / "ledger.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
