"""The root of what Costrel raises and does not mean as an answer to a client."""

from __future__ import annotations

__all__ = ["CostrelError"]


class CostrelError(Exception):
    """The root of what Costrel raises and does not mean as an answer to a client."""
