"""Measures in rounds: in each of them every contender is asked the same, one after the other.

The order turns by one from round to round, so that nobody always follows the same neighbour. Who fails is dropped from
the case, with the reason, and what it had so far is forgotten: a figure is there or it is not, it is never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.answers import differences
from harness.cases import Case
from harness.contenders import Contender
from harness.fleet import Fleet
from harness.load import LoadFailed, Measured, measure
from harness.record import LeftOut
from harness.serving import DidNotStart

__all__ = ["WARM_UP_SECONDS", "compared", "in_rounds"]

WARM_UP_SECONDS = 1


def compared(fleet: Fleet, contenders: Sequence[Contender], case: Case) -> tuple[list[Contender], list[LeftOut]]:
    """Return who answers a case as it must, and who does not."""
    fit, left_out = [], []
    for contender in contenders:
        try:
            wrong = differences(fleet.start(contender), case, validates=contender.validates)
        except DidNotStart as error:
            wrong = f"did not start: {error}"
        if wrong:
            left_out.append(LeftOut(contender.name, case.name, wrong))
        else:
            fit.append(contender)
    return fit, left_out


def in_rounds(
    fleet: Fleet, contenders: Sequence[Contender], case: Case, round_count: int, seconds: int
) -> tuple[dict[str, list[Measured]], list[LeftOut]]:
    """Measure a case: once for a second to warm up, then in rounds.

    Returns:
        Each round's figures by contender, and who has failed under load.
    """
    figures: dict[str, list[Measured]] = {contender.name: [] for contender in contenders}
    left_out = []
    for number in range(-1, round_count):
        turn = max(number, 0) % max(len(contenders), 1)
        for contender in (*contenders[turn:], *contenders[:turn]):
            if contender.name not in figures:
                continue
            try:
                measured = measure(fleet.start(contender), case, WARM_UP_SECONDS if number < 0 else seconds)
            except (LoadFailed, DidNotStart) as error:
                left_out.append(LeftOut(contender.name, case.name, f"failed under load: {error}"))
                del figures[contender.name]
                fleet.stop(contender.name)
                continue
            if number >= 0:
                figures[contender.name].append(measured)
        print(".", end="", flush=True)
    return figures, left_out
