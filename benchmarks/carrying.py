"""What it costs to be carried: applications of others mounted in ours, beside the servers they would have otherwise.

A Starlette application on uvicorn and the same one mounted in an `App` on our server; a Flask application on gunicorn
with threads and the same one mounted in an `App`. Nothing in the applications differs. All four run in the environment
of the benchmark, so their packages are the same.

    python benchmarks/carrying.py [--rounds 5] [--seconds 2] [--check]

``--check`` ends with 1 if a ratio is above its target.
"""

from __future__ import annotations

import argparse
import sys

from harness.cases import CASES
from harness.contenders import CARRIED
from harness.environments import Environments
from harness.fleet import Fleet
from harness.load import HOW_TO_INSTALL, Measured, has_generator
from harness.record import LeftOut
from harness.rounds import compared, in_rounds
from harness.spread import ratios, spread_of

__all__ = ["PAIRS", "measure"]

CASE_NAMES = ("text", "json", "typed")
PAIRS = {"starlette_mounted": ("starlette_uvicorn", 1.1), "flask_mounted": ("flask_gunicorn", 0.8)}
"""What each mounted application is compared with, and what it may cost of that."""


def measure(
    environments: Environments, round_count: int, seconds: int
) -> tuple[dict[str, dict[str, list[Measured]]], list[LeftOut]]:
    """Measure all of them.

    Args:
        environments: where they are installed.
        round_count: how often each is measured.
        seconds: how long each time.

    Returns:
        Each round's figures by case and contender, and who is missing.
    """
    found: dict[str, dict[str, list[Measured]]] = {}
    left_out: list[LeftOut] = []
    with Fleet(environments) as fleet:
        for name in CASE_NAMES:
            fit, wrong = compared(fleet, list(CARRIED.values()), CASES[name])
            found[name], failed = in_rounds(fleet, fit, CASES[name], round_count, seconds)
            left_out += [*wrong, *failed]
    print()
    return found, left_out


def main() -> int:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not has_generator():
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    found, left_out = measure(Environments(), options.rounds, options.seconds)
    for each in left_out:
        print(f"{each.name} is missing from {each.case}: {each.reason}")
    is_met = not left_out
    for case, figures in found.items():
        for mounted, (alone, target) in PAIRS.items():
            if mounted not in figures or alone not in figures:
                continue
            ours, theirs = ([each.cpu_us for each in figures[name]] for name in (mounted, alone))
            ratio = spread_of(ratios(ours, theirs))
            is_met = is_met and ratio.median <= target
            print(
                f"{case:6} {mounted:18} {spread_of(ours).median:6.1f} µs, {alone} {spread_of(theirs).median:6.1f} µs: "
                f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), at most {target}"
            )
    return 0 if is_met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
