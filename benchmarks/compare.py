"""`make bench`: Costrel beside its peers, on this machine, in one run.

Every contender is installed with its pinned version, started as its documentation says for production, and asked the
same. The answers are compared before anything is timed. The servers share one core and are measured one at a time, the
load comes from another; what counts is CPU time, in rounds that go through all contenders, and the ratios within each
round. A run with everything takes about twenty-five minutes and replaces the record in ``benchmarks/results``; a run
of a part of it writes a ``.local.json`` beside it, which is not kept.

    python benchmarks/compare.py [--only text,json,routing] [--peers starlette,fastify] [--rounds 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import carrying
import import_time
import in_process
import layer_stack
import many_routes
import thread_handover
import websocket_echo
from harness.answers import fetch
from harness.cases import CASES
from harness.contenders import CONTENDERS, FLOOR, OURS, Contender
from harness.environments import Environments
from harness.fleet import Fleet
from harness.load import HOW_TO_INSTALL, has_generator
from harness.machine import describe
from harness.processor import resident_bytes
from harness.record import LeftOut, Record, write
from harness.rounds import compared, in_rounds
from harness.serving import DidNotStart
from harness.tables import table_of
from report import RESULTS, publish, refresh

EXTRAS = ("in_process", "routing", "imports", "memory", "handover", "websocket", "carrying", "layers")
UNFINISHED = RESULTS / "unfinished.local.json"


class Comparison:
    """One run.

    Args:
        contenders: who takes part.
        round_count: how often each is measured.
        seconds: how long each time.
    """

    def __init__(self, contenders: list[Contender], round_count: int, seconds: int) -> None:
        self._contenders = contenders
        self._round_count = round_count
        self._seconds = seconds
        self._environments = Environments()
        self._environments.install(contenders)
        self.record = Record(describe(contenders, self._environments, seconds, round_count))
        for name, reason in self._environments.missing.items():
            self.record.left_out.append(LeftOut(name, "", f"could not be installed: {reason}"))

    def under_load(self, cases: list[str], *, with_memory: bool) -> None:
        """Measure the cases that need servers."""
        with Fleet(self._environments) as fleet:
            running = [contender for contender in self._contenders if self._starts(fleet, contender, with_memory)]
            for name in cases:
                print(f"{name:10} ", end="", flush=True)
                asked = [contender for contender in running if name in contender.cases]
                fit, wrong = compared(fleet, asked, CASES[name])
                figures, failed = in_rounds(fleet, fit, CASES[name], self._round_count, self._seconds)
                self.record.load[name] = figures
                self.record.left_out += [*wrong, *failed]
                write(self.record, UNFINISHED)
                print()

    def _starts(self, fleet: Fleet, contender: Contender, with_memory: bool) -> bool:
        """Start a contender and weigh it; whether it takes part."""
        if contender.name in self._environments.missing:
            return False
        try:
            server = fleet.start(contender)
            if with_memory:
                fetch(server, CASES["text"])
                self.record.memory_bytes[contender.name] = resident_bytes(server.pid)
        except (DidNotStart, OSError) as error:
            self.record.left_out.append(LeftOut(contender.name, "", f"did not start: {error}"))
            return False
        return True

    def in_process(self) -> None:
        """Measure the applications without a server."""
        asked = [each for each in self._contenders if each.asgi_module and each.name not in self._environments.missing]
        for case in in_process.CASE_NAMES:
            figures, missing = in_process.measure(self._environments, asked, CASES[case], self._round_count)
            self.record.in_process[case] = figures
            self.record.left_out += [LeftOut(name, f"in_process {case}", why) for name, why in missing.items()]

    def routing(self) -> None:
        """Measure many routes."""
        self.record.routing = many_routes.measure(self._round_count)

    def imports(self) -> None:
        """Measure imports and starts."""
        self.record.imports_ms, self.record.ready_ms = import_time.measure(self._environments)

    def handover(self) -> None:
        """Measure the hand-over to threads."""
        self.record.handover = thread_handover.measure()

    def websocket(self) -> None:
        """Measure echoes."""
        results, missing = websocket_echo.in_rounds(set(), self._round_count, self._seconds)
        self.record.websocket = {name: [each["cpu_us"] for each in rounds] for name, rounds in results.items()}
        self.record.left_out += [LeftOut(name, "websocket", why) for name, why in missing.items()]

    def carrying(self) -> None:
        """Measure mounted applications."""
        self.record.carrying, missing = carrying.measure(self._environments, self._round_count, self._seconds)
        self.record.left_out += missing

    def layers(self) -> None:
        """Measure the usual layers."""
        self.record.layers, missing = layer_stack.measure_stack(self._environments, self._round_count, self._seconds)
        self.record.left_out += missing


def names(text: str, known: tuple[str, ...], what: str) -> list[str]:
    """Read a list of names; all when it is empty.

    Raises:
        SystemExit: one of them is unknown.
    """
    given = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in given if name not in known]:
        sys.exit(f"there is no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return given or list(known)


def main() -> int:
    """Measure what was asked for, print it and write it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help=f"of {', '.join((*CASES, *EXTRAS))}; everything unless given")
    parser.add_argument("--peers", default="", help=f"besides the floor and ours, of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each round of load")
    parser.add_argument("--output", type=Path, help="where the record goes, instead of benchmarks/results")
    options = parser.parse_args()
    if not has_generator():
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    parts = names(options.only, (*CASES, *EXTRAS), "case")
    chosen = {FLOOR, OURS, *names(options.peers, tuple(CONTENDERS), "peer")}
    comparison = Comparison(
        [CONTENDERS[name] for name in CONTENDERS if name in chosen], options.rounds, options.seconds
    )
    cases = [name for name in CASES if name in parts]
    if cases or "memory" in parts:
        comparison.under_load(cases, with_memory="memory" in parts)
    extras: dict[str, Callable[[], None]] = {
        "in_process": comparison.in_process,
        "routing": comparison.routing,
        "imports": comparison.imports,
        "handover": comparison.handover,
        "websocket": comparison.websocket,
        "carrying": comparison.carrying,
        "layers": comparison.layers,
    }
    for name, run in extras.items():
        if name in parts:
            print(name, flush=True)
            try:
                run()
            except Exception as error:
                # What was measured so far is worth more than the part that fails.
                traceback.print_exc()
                comparison.record.left_out.append(LeftOut(OURS, name, f"failed: {error!r}"))
    record = comparison.record
    is_whole = not options.only and not options.peers and options.rounds >= 5
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    path = options.output or RESULTS / f"{python}{'' if is_whole else '.local'}.json"
    write(record, path)
    UNFINISHED.unlink(missing_ok=True)
    publish(record, path)
    if is_whole and not options.output:
        refresh()
    shown = ["about", "versions", *record.load, *(name for name in EXTRAS if name in parts), "left_out"]
    print("\n\n".join(["", *(text for name in shown if (text := table_of(record, name)))]))
    print(f"\nwritten to {path.parent}: {path.name}, {path.with_suffix('.md').name} and the charts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
