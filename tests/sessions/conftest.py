"""What the tests of sessions share is importable: an application is in `stored_shop`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("stored_shop")
