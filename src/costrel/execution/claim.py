"""Who decides how a request ends: the one place where its outcome is claimed.

A request ends either completed or abandoned, never both. The endpoint claims `COMPLETED` just before the first exit of
a provider may commit; a deadline or a disconnect claims `ABANDONED`. Whoever comes first wins, and everybody else
learns that it lost. What follows from the outcome (a commit, a 503, a cancellation) is not decided here; see
`deadlines`.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Claim", "Outcome"]


class Outcome(IntEnum):
    """How a request ended, or that it has not ended yet."""

    OPEN = 0
    COMPLETED = 1
    ABANDONED = 2


class Claim:
    """The outcome of one request, which can be taken once, from any thread.

    >>> claim = Claim()
    >>> claim.take(Outcome.COMPLETED), claim.take(Outcome.ABANDONED), claim.outcome.name
    (True, False, 'COMPLETED')
    """

    __slots__ = ("_offers",)

    def __init__(self) -> None:
        self._offers: list[tuple[Outcome]] = []

    @property
    def outcome(self) -> Outcome:
        """What was taken, or `Outcome.OPEN` while nobody has."""
        offers = self._offers
        return offers[0][0] if offers else Outcome.OPEN

    def take(self, outcome: Outcome) -> bool:
        """Take the outcome, unless somebody has done so before.

        Args:
            outcome: `Outcome.COMPLETED` or `Outcome.ABANDONED`.

        Returns:
            Whether this call took it. After `False` the attribute `outcome` is the winner's.

        Raises:
            ValueError: `outcome` is `Outcome.OPEN`, which is not an end.
        """
        if outcome is Outcome.OPEN:
            raise ValueError("an outcome that can be taken is COMPLETED or ABANDONED, not OPEN")
        offers = self._offers
        if offers:
            return False
        # Threads that get here together all append; appending is atomic, so exactly one offer is the first one. It
        # decides and publishes in one step, and no loser can see an open claim.
        offer = (outcome,)
        offers.append(offer)
        return offers[0] is offer
