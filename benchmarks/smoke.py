"""The quick look at speed: CPU per request of our server as ratios to bare uvloop + httptools, in under a minute.

The server is pinned to one core and the load to another; what counts is the server's user and system time divided by
the requests that were answered, never seconds on the wall. Rounds of ours and the floor alternate, so that a machine
that slows down slows both; the median ratio is printed with its spread. The answers are compared before anything is
timed. The load comes from ``wrk``; without it the command says so and ends with 2. `compare` is the long look.

    python benchmarks/smoke.py [--seconds 2] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from harness.answers import differences
from harness.cases import Case
from harness.environments import BENCHMARKS
from harness.load import CONNECTIONS, HOW_TO_INSTALL, LoadFailed, has_generator, measure
from harness.serving import DidNotStart, Server, free_port, serving
from harness.spread import spread_of

TARGETS = {"text GET": 2.0, "JSON GET": 2.2}
TEXT = Case("text GET", "a text")
CASES = (
    TEXT,
    Case("JSON GET", "an object", "/user/42", media_type="application/json", expected={"id": 42, "name": "ann"}),
    Case("def handler", "a text from a thread", "/sync"),
)


def rounds(floor: Server, ours: Server, count: int, seconds: int) -> dict[str, list[tuple[float, float, float]]]:
    """Measure all cases in rounds with the floor.

    Returns:
        By case each round's ratio to the floor, CPU microseconds and requests per second.

    Raises:
        LoadFailed: an answer was wrong, or missing.
    """
    for server in (floor, ours):
        measure(server, TEXT, 1)
    results: dict[str, list[tuple[float, float, float]]] = {case.name: [] for case in CASES}
    for _ in range(count):
        base = measure(floor, TEXT, seconds).cpu_us
        for case in CASES:
            measured = measure(ours, case, seconds)
            results[case.name].append((measured.cpu_us / base, measured.cpu_us, measured.requests_per_second))
    return results


def show(results: dict[str, list[tuple[float, float, float]]]) -> bool:
    """Print the table; whether a target was missed."""
    print(f"Python {platform.python_version()}, {CONNECTIONS} connections, server on one core, load on the other")
    print(f"{'':14}{'ratio to floor':>16}{'spread':>16}{'µs CPU':>10}{'requests/s':>12}")
    missed = False
    for name, measured in results.items():
        ratio, cost, rate = (spread_of(values) for values in zip(*measured, strict=True))
        target = TARGETS.get(name)
        is_above = target is not None and ratio.median > target
        note = "" if target is None else f"  target: at most {target:.1f}{', missed' if is_above else ''}"
        missed |= is_above
        spread = f"{ratio.low:.2f} - {ratio.high:.2f}"
        print(f"{name:14}{ratio.median:16.2f}{spread:>16}{cost.median:10.1f}{rate.median:12,.0f}{note}")
    return missed


def main() -> int:
    """Measure and print; return 1 when a ratio is above its target and `--strict` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=2, help="of each round of load")
    parser.add_argument("--rounds", type=int, default=3, help="of each case, alternating with the floor")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a ratio is above its target")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if not has_generator():
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    ours, floor = free_port(), free_port()
    serve_ours = [sys.executable, "-m", "costrel", "run", "smoke_app.py:app", "--port", str(ours), "--no-access-log"]
    try:
        with (
            serving([sys.executable, "floor.py", str(floor)], floor, BENCHMARKS) as floor_server,
            serving(serve_ours, ours, BENCHMARKS) as our_server,
        ):
            for case in CASES:
                if wrong := differences(our_server, case):
                    sys.exit(f"{case.name}: {wrong}")
            results = rounds(floor_server, our_server, options.rounds, options.seconds)
    except (DidNotStart, LoadFailed) as error:
        sys.exit(str(error))
    missed = show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
