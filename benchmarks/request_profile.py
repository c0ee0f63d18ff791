"""`make bench-profile`: where the microseconds of one request go, stage by stage.

Each stage runs by itself or together with those before it, in this process, on the real parts but without a socket;
what one adds is the difference to what it stands on. The stages take turns, so a slow moment hits them alike. What the
loop and the kernel add is the difference between a real server under load and all of this, in the same run.

    python benchmarks/request_profile.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import uvloop
from harness.cases import CASES, Case
from harness.contenders import CONTENDERS, FLOOR, OURS
from harness.environments import Environments
from harness.fleet import Fleet
from harness.load import HOW_TO_INSTALL, has_generator, measure
from harness.machine import machine
from harness.processor import server_core
from harness.record import Profile, write
from harness.stages import BATCH, Bench, drive
from peers import costrel as application
from peers.struct_order import Order
from report import RESULTS, publish_profile, refresh

from costrel.handling.decoding import body_decoder
from costrel.handling.returning import response_maker

CASE_NAMES = ("text", "headers", "changing", "json", "typed", "not_found")
Steps = dict[str, Callable[[], object]]


def steps_of(case: Case) -> Steps:
    """Return what the handler of a case consists of: itself, what reads its body, what makes its response."""
    if case.name == "json":
        respond = response_maker(dict[str, int]).make
        return {"handler": lambda: drive(application.user(42)), "response": lambda: respond({"id": 42})}
    if case.name == "typed":
        order = msgspec.json.decode(case.body, type=Order)
        return {
            "handler": lambda: drive(application.order(order)),
            "response": partial(response_maker(Order).make, order),
            "decode": partial(body_decoder(Order, max_json_depth=64).decode, case.body),
        }
    return {} if case.name == "not_found" else {"handler": lambda: drive(application.text())}


async def round_of(bench: Bench, steps: Steps) -> dict[str, float]:
    """Run every stage of a case once; return the microseconds that each adds."""
    run = {
        "read": bench.parse(),
        "request": bench.request(),
        "match": bench.match(),
        "endpoint": bench.endpoint(),
        "dispatch": bench.dispatch(),
        "task": await bench.task(),
        "whole": await bench.connection(),
        **{name: bench.calls(step) for name, step in steps.items()},
    }
    us = {name: seconds / BATCH * 1e6 for name, seconds in run.items()}
    inner = sum(us.get(name, 0.0) for name in ("decode", "handler", "response"))
    us["enter"] = us["dispatch"] - us["match"] - us["endpoint"]
    us["endpoint"] -= inner
    us["write"] = us["whole"] - us["read"] - us["request"] - us["dispatch"] - us["task"]
    return us


async def in_process(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Run the stages of all cases in rounds; return each round's microseconds by case and stage."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in CASE_NAMES}
    async with application.app.lifespan() as loop_state:
        for number in range(-1, rounds):
            for name in CASE_NAMES:
                bench = Bench(application.app, CASES[name], loop_state)
                bench.check()
                for stage, us in (await round_of(bench, steps_of(CASES[name]))).items():
                    if number >= 0:
                        found[name].setdefault(stage, []).append(us)
    return found


def under_load(rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Measure the real server and the floor; return each round's CPU microseconds of both by case."""
    found: dict[str, dict[str, list[float]]] = {each: {name: [] for name in CASE_NAMES} for each in (OURS, FLOOR)}
    with Fleet(Environments()) as fleet:
        for number in range(-1, rounds):
            for name in CASE_NAMES:
                for each, figures in found.items():
                    measured = measure(fleet.start(CONTENDERS[each]), CASES[name], 1 if number < 0 else 2)
                    if number >= 0:
                        figures[name].append(measured.cpu_us)
    return found[OURS], found[FLOOR]


def main() -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="of the stages; the server under load has a third")
    parser.add_argument("--output", type=Path, help="where the figures go, instead of benchmarks/results")
    options = parser.parse_args()
    os.sched_setaffinity(0, {server_core()})
    stages = uvloop.run(in_process(options.rounds))
    profile = Profile(time.strftime("%Y-%m-%d"), platform.python_version(), machine(), stages)
    if has_generator():
        profile.ours, profile.floor = under_load(max(options.rounds // 3, 1))
    else:
        print(f"{HOW_TO_INSTALL}; the loop and the kernel are left out", file=sys.stderr)
    path = options.output or RESULTS / f"profile.py{sys.version_info.major}.{sys.version_info.minor}.json"
    write(profile, path)
    publish_profile(profile, path)
    if not options.output:
        refresh()
    print(path.with_suffix(".md").read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
