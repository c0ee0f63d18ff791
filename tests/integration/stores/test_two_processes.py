"""Two processes share a `FileStore`."""

from __future__ import annotations

from pathlib import Path

import pytest
from process_contract import check_with_two_processes

pytestmark = pytest.mark.integration


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    """They count exactly, one of them is first, one of them holds the lock."""
    check_with_two_processes(f"file://{tmp_path}/store")
