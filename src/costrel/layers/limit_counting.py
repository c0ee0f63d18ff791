"""What a counter of requests answers, whoever keeps the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

__all__ = ["Counter", "Refused", "Standings"]

Standings: TypeAlias = tuple[int, ...]
"""Two numbers for each rate: how many may still come now, and in how many seconds, rounded up, there will be more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was one too many, and was not counted.

    Args:
        standings: how the rates stand.
        exceeded: the places of the rates that refuse it, at least one.
        retry_seconds: when it may come again, if nobody else comes before.
    """

    standings: Standings
    exceeded: tuple[int, ...]
    retry_seconds: int


class Counter(Protocol):
    """Keeps the numbers somewhere else; the one in memory is asked without waiting."""

    async def take(self, key: str, cost: int) -> Standings | Refused | None:
        """Count a request if every rate allows it.

        Args:
            key: whose request it is.
            cost: what it counts for, 1 or more.

        Returns:
            How the rates stand now that it is counted, or that it is refused; `None` when nobody knows and it may pass.

        Raises:
            ServiceUnavailable: nobody knows and it may not pass.
        """

    async def aclose(self) -> None:
        """Give back what is held on the running loop."""
