"""For all tests."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collections: tests that look for cycles make many."""
    gc.collect()
    gc.freeze()
