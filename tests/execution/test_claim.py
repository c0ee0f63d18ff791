"""The outcome of a request is claimed once."""

from __future__ import annotations

import threading

import pytest

from costrel.execution.claim import Claim, Outcome


def test_an_untaken_claim_is_open() -> None:
    """Nobody has decided how the request ends."""
    assert Outcome.OPEN is Claim().outcome


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(Outcome.COMPLETED, Outcome.ABANDONED, id="a-deadline-after-the-commit-has-begun-loses"),
        pytest.param(Outcome.ABANDONED, Outcome.COMPLETED, id="a-commit-after-the-deadline-loses"),
        pytest.param(Outcome.ABANDONED, Outcome.ABANDONED, id="a-disconnect-after-the-deadline-loses"),
        pytest.param(Outcome.COMPLETED, Outcome.COMPLETED, id="the-same-outcome-is-not-taken-twice"),
    ],
)
def test_only_the_first_taker_wins(first: Outcome, second: Outcome) -> None:
    """A second taker is told that it lost and finds the first one's outcome."""
    claim = Claim()

    actual = (claim.take(first), claim.take(second), claim.outcome)

    assert (True, False, first) == actual


def test_open_cannot_be_taken() -> None:
    """`Outcome.OPEN` is not an end."""
    claim = Claim()

    with pytest.raises(ValueError, match="an outcome that can be taken is COMPLETED or ABANDONED, not OPEN"):
        claim.take(Outcome.OPEN)

    assert Outcome.OPEN is claim.outcome


def test_of_many_threads_exactly_one_wins() -> None:
    """Whatever the threads do at once, one of them takes the claim and all others see its outcome."""
    thread_count = 8
    claims = [Claim() for _ in range(500)]
    barrier = threading.Barrier(thread_count)
    takes: list[list[tuple[bool, Outcome, Outcome]]] = []

    def race(offer: Outcome) -> None:
        barrier.wait(5)
        takes.append([(claim.take(offer), offer, claim.outcome) for claim in claims])

    threads = [threading.Thread(target=race, args=(Outcome(1 + number % 2),)) for number in range(thread_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, claim in enumerate(claims):
        results = [taken[number] for taken in takes]

        assert [claim.outcome] == [offer for won, offer, _ in results if won]
        assert {claim.outcome} == {seen for _, _, seen in results}
