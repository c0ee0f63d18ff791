"""What the usual layers cost: CORS, compression, a session and a rate limit around 600 bytes of JSON, beside peers.

Each application signs in once; then it is asked with the cookie that it gave, with an origin of another site and with
``Accept-Encoding: gzip``. The session is read, the answer compressed and the request counted, by the layers that the
documentation of each names; Starlette has none for limits, there it is `slowapi`.

    python benchmarks/layer_stack.py [--rounds 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from harness.answers import difference, fetch
from harness.cases import Case
from harness.contenders import LAYERED
from harness.environments import Environments
from harness.fleet import Fleet
from harness.load import HOW_TO_INSTALL, LoadFailed, Measured, has_generator, measure
from harness.record import LeftOut
from harness.rounds import WARM_UP_SECONDS
from harness.serving import DidNotStart
from harness.spread import ratios, spread_of
from peers.layered_rows import ORIGIN, ROWS

__all__ = ["OURS_LAYERED", "measure_stack"]

OURS_LAYERED = "layered_costrel"
LOGIN = Case("login", "GET /login, begins a session", "/login", expected="hello")
STACK = Case(
    "layers",
    "GET /rows, 600 bytes of JSON through CORS, compression, session and limit",
    "/rows",
    fields=(("Origin", ORIGIN), ("Accept-Encoding", "gzip")),
    media_type="application/json",
    expected={"user_id": 42, "rows": ROWS},
)


def signed_in(fleet: Fleet, name: str) -> Case:
    """Sign in at a contender, and return what it is asked from then on.

    Raises:
        LoadFailed: it gave no cookie, or another answer than it must.
    """
    server = fleet.start(LAYERED[name])
    cookie = fetch(server, LOGIN).set_cookie.partition(";")[0]
    case = dataclasses.replace(STACK, fields=(*STACK.fields, ("Cookie", cookie)))
    wrong = difference(case, fetch(server, case)) if cookie else "no cookie"
    if wrong:
        raise LoadFailed(wrong)
    return case


def measure_stack(
    environments: Environments, round_count: int, seconds: int
) -> tuple[dict[str, list[Measured]], list[LeftOut]]:
    """Measure all of them in rounds.

    Args:
        environments: where they are installed.
        round_count: how often each is measured.
        seconds: how long each time.

    Returns:
        Each round's figures by contender, and who is missing.
    """
    environments.install(LAYERED.values())
    left_out = [LeftOut(name, STACK.name, why) for name, why in environments.missing.items() if name in LAYERED]
    figures: dict[str, list[Measured]] = {}
    cases: dict[str, Case] = {}
    with Fleet(environments) as fleet:
        for name in LAYERED.keys() - {each.name for each in left_out}:
            try:
                cases[name] = signed_in(fleet, name)
                measure(fleet.start(LAYERED[name]), cases[name], WARM_UP_SECONDS)
            except (LoadFailed, DidNotStart, OSError) as error:
                left_out.append(LeftOut(name, STACK.name, str(error)))
                cases.pop(name, None)
        for _ in range(round_count):
            for name, case in list(cases.items()):
                try:
                    measured = measure(fleet.start(LAYERED[name]), case, seconds)
                except (LoadFailed, DidNotStart) as error:
                    left_out.append(LeftOut(name, STACK.name, f"failed under load: {error}"))
                    del cases[name]
                    figures.pop(name, None)
                    continue
                figures.setdefault(name, []).append(measured)
    return figures, left_out


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    if not has_generator():
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    figures, left_out = measure_stack(Environments(), options.rounds, options.seconds)
    for each in left_out:
        print(f"{each.name} is missing: {each.reason}")
    ours = [each.cpu_us for each in figures.get(OURS_LAYERED, [])]
    for name, rounds in figures.items():
        costs = [each.cpu_us for each in rounds]
        ratio = f", ours to it {spread_of(ratios(ours, costs)).median:.2f}" if ours else ""
        print(f"{LAYERED[name].title:32} {spread_of(costs).median:7.1f} µs{ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
