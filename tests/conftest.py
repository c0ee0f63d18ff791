"""For all tests."""

from __future__ import annotations

import gc

from hypothesis import settings

# How long an example takes says more of the machine than of the code; what must be fast is measured in `benchmarks`.
settings.register_profile("costrel", deadline=None)
settings.load_profile("costrel")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collections: tests that look for cycles make many."""
    gc.collect()
    gc.freeze()
