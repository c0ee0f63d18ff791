"""Figures of several rounds: the median, and how far the rounds lie apart.

Only what was measured in the same round is divided by each other, so that a machine that slows down slows both.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "ratios", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """A median with the least and the greatest of its rounds."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Divide each round by the same round of another; rounds that one of them does not have are left out."""
    return [value / divisor for value, divisor in zip(values, base, strict=False)]
