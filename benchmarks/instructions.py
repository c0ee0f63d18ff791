"""Instructions per request in the protocol object: the figure that a noisy machine cannot blur.

Recorded requests are fed to `Connection` through a transport that keeps nothing, on uvloop, with the application that
`smoke.py` measures. Run by itself the script only feeds; `--count` runs it twice under ``valgrind --tool=callgrind``,
with few requests and with many, so that start-up falls out of the difference, and prints instructions per request.

    python benchmarks/instructions.py --count
    python benchmarks/instructions.py --check

`--check` belongs to `make check`: two thousand requests, half of them with twelve fields, within a tenth of the figure
in `instructions.json` for this build of Python.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import uvloop
from smoke_app import app

from costrel.execution import LoopState
from costrel.server.connection import Connection
from costrel.server.core import ServerCore
from costrel.server.settings import ServerSettings

FIGURES = Path(__file__).with_suffix(".json")
HOW_TO_INSTALL = "valgrind is not installed (apt-get install valgrind)"
TOLERANCE = 0.1
CONNECTIONS = 50
FEW, MANY = 1000, 3000
PLAIN = b"GET /user/42 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
TEXT = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
BROWSER = (
    b"GET /user/%d HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
    b'sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"\r\nsec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: theme=dark; n=%d\r\n\r\n"
)


class Sink(asyncio.Transport):
    """A transport that counts the answers and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""

    def get_write_buffer_size(self) -> int:
        """Nothing is buffered."""
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Count an answer."""
        self.answers += 1


def recorded(case: str, number: int) -> bytes:
    """Return one of the recorded requests; in `mixed` half of them have twelve fields that change every time."""
    if case == "text":
        return TEXT
    if case == "json" or (case == "mixed" and number % 2):
        return PLAIN
    return BROWSER % (number, number)


async def feed(case: str, count: int) -> None:
    """Feed `count` requests over `CONNECTIONS` connections and check that each was answered."""
    async with app.lifespan() as loop_state:
        assert isinstance(loop_state, LoopState)
        core = ServerCore(app, ServerSettings(), loop_state, sys.exit)
        sinks = [Sink() for _ in range(CONNECTIONS)]
        connections = [Connection(core) for _ in sinks]
        for connection, sink in zip(connections, sinks, strict=True):
            connection.connection_made(sink)
        for turn in range(count // CONNECTIONS):
            for number, connection in enumerate(connections):
                connection.data_received(recorded(case, turn * CONNECTIONS + number))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        answered = sum(sink.answers for sink in sinks)
        assert answered == count, f"{answered} answers to {count} requests"
        for connection in connections:
            connection.connection_lost(None)


def instructions(case: str, count: int) -> int:
    """Return what callgrind counts for one run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [*command, case, str(count)], env=environment, capture_output=True, text=True, check=True, timeout=600
    )
    found = re.search(r"Collected : (\d+)", run.stderr)
    assert found is not None, run.stderr
    return int(found[1])


def counts(case: str) -> tuple[int, int]:
    """Return the instructions of a run with many requests and of one with few; they share the work among the cores."""
    with ThreadPoolExecutor(2) as pool:
        many, few = pool.map(partial(instructions, case), (MANY, FEW))
    return many, few


def per_request(case: str) -> float:
    """Return the instructions that one more request costs."""
    many, few = counts(case)
    return (many - few) / (MANY - FEW)


def interpreter() -> str:
    """Name the build of the interpreter, for two builds of one version need not take the same instructions."""
    return f"{platform.python_version()} {platform.python_compiler()}"


def check() -> int:
    """Compare the mixed case with the figure that was written down for this interpreter; return the exit code."""
    if shutil.which("valgrind") is None:
        is_required = "valgrind" in os.environ.get("COSTREL_TEST_REQUIRE", "").split(",")
        print(f"instructions: {HOW_TO_INSTALL}; not compared", file=sys.stderr)
        return 1 if is_required else 0
    figures: dict[str, int] = json.loads(FIGURES.read_text("utf-8"))
    known = figures.get(interpreter())
    many, few = counts("mixed")
    if known is not None and abs((many - few) / (MANY - FEW) / known - 1) > TOLERANCE:
        # A crowded machine has timers run more often in one of the two, which adds to it and never takes away.
        many, few = map(min, (many, few), counts("mixed"))
    found = (many - few) / (MANY - FEW)
    if known is None:
        print(f"instructions: {found:,.0f} per request; nothing to compare with for {interpreter()}: run with --record")
        return 0
    change = found / known - 1
    print(f"instructions: {found:,.0f} per request, {change:+.1%} of the {known:,} written down")
    if abs(change) <= TOLERANCE:
        return 0
    print(
        f"More than {TOLERANCE:.0%} apart. If that is meant, write it down: python benchmarks/instructions.py --record"
    )
    return 1


def record() -> None:
    """Write the figure of this interpreter down."""
    figures: dict[str, int] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    figures[interpreter()] = round(per_request("mixed"))
    FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", "utf-8")
    print(f"written to {FIGURES.name}: {figures[interpreter()]:,} for {interpreter()}")


def main() -> int:
    """Feed, count, compare, or write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("case", nargs="?", default="mixed", choices=["text", "json", "browser", "mixed"])
    parser.add_argument("requests", nargs="?", type=int, default=2000)
    parser.add_argument("--count", action="store_true", help="count instructions under callgrind")
    parser.add_argument("--check", action="store_true", help="and compare them with what was written down")
    parser.add_argument("--record", action="store_true", help="and write them down for this interpreter")
    options = parser.parse_args()
    if options.check:
        return check()
    if not (options.count or options.record):
        uvloop.run(feed(options.case, options.requests))
        return 0
    if shutil.which("valgrind") is None:
        print(HOW_TO_INSTALL, file=sys.stderr)
        return 2
    if options.record:
        record()
    else:
        print(f"{options.case}: {per_request(options.case):,.0f} instructions per request")
    return 0


if __name__ == "__main__":
    sys.exit(main())
