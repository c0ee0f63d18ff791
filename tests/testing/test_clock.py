"""The clock that stands still."""

from __future__ import annotations

import pytest

from costrel.testing.clock import FrozenClock


@pytest.mark.capability("C163")
def test_it_stands_still_until_it_is_moved() -> None:
    """Asking twice gives the same time; `advance` adds to it."""
    clock = FrozenClock(1000.0)
    before = [clock(), clock()]
    clock.advance(2.5)

    assert [1000.0, 1000.0, 1002.5] == [*before, clock()]


def test_it_does_not_go_back() -> None:
    """A clock that went back would make ages negative."""
    with pytest.raises(ValueError, match="forward"):
        FrozenClock().advance(-1)
