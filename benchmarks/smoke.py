"""The quick look at speed: CPU per request of our server as ratios to bare uvloop + httptools, in under a minute.

The server is pinned to one core and the load to another; what counts is the server's user and system time divided by
the requests that were answered, never seconds on the wall. Rounds of ours and the floor alternate, so that a machine
that slows down slows both; the median ratio is printed with its spread. The answers are compared before anything is
timed. The load comes from ``wrk``; without it the command says so and ends with 2.

    python benchmarks/smoke.py [--seconds 2] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
TARGETS = {"text GET": 2.0, "JSON GET": 2.2}
CASES = {
    "text GET": ("/", b"Hello, World!", "text/plain; charset=utf-8"),
    "JSON GET": ("/user/42", b'{"id":42,"name":"ann"}', "application/json"),
    "def handler": ("/sync", b"Hello, World!", "text/plain; charset=utf-8"),
}
CONNECTIONS = 64


def free_port() -> int:
    """Ask the kernel for a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(core: int) -> list[str]:
    """Return the command prefix that pins a process to a core, where that can be done."""
    allowed = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(allowed[core % len(allowed)])] if shutil.which("taskset") else []


@contextmanager
def serving(*command: str, port: int) -> Iterator[int]:
    """Run a server on the first core until the block ends; the value is its process id."""
    process = subprocess.Popen([*pinned(0), sys.executable, *command], cwd=HERE.parent, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{' '.join(command)} did not start:\n{process.communicate()[1].decode()}")
                time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def load(url: str, pid: int, seconds: float) -> tuple[float, float]:
    """Load a server for some seconds; return its CPU microseconds per request and the requests per second.

    Raises:
        SystemExit: an answer was wrong, or there were none.
    """
    before = cpu_seconds(pid)
    command = [*pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(int(seconds), 1)}s", url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    answered = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if answered is None or rate is None or "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"the load on {url} did not end well:\n{printed}")
    return used / int(answered[1]) * 1e6, float(rate[1])


def check_answers(port: int) -> None:
    """Fetch every answer once and compare it; what is wrong is not timed."""
    for name, (path, body, media_type) in CASES.items():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            content = response.read()
            if (response.status, content, response.headers["content-type"]) != (200, body, media_type):
                sys.exit(f"{name} answers {response.status} {response.headers['content-type']} {content[:80]!r}")


def main() -> int:
    """Measure and print; return 1 when a ratio is above its target and `--strict` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each round of load")
    parser.add_argument("--rounds", type=int, default=3, help="of each case, alternating with the floor")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a ratio is above its target")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("`wrk` makes the load and is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        return 2
    ours, floor = free_port(), free_port()
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CASES}
    serve_ours = ("-m", "costrel", "run", "benchmarks/smoke_app.py:app", "--port", str(ours), "--no-access-log")
    with (
        serving(str(HERE / "floor.py"), str(floor), port=floor) as floor_pid,
        serving(*serve_ours, port=ours) as our_pid,
    ):
        check_answers(ours)
        load(f"http://127.0.0.1:{floor}/", floor_pid, 1)
        load(f"http://127.0.0.1:{ours}/", our_pid, 1)
        for _ in range(options.rounds):
            base, _ = load(f"http://127.0.0.1:{floor}/", floor_pid, options.seconds)
            for name, (path, _, _) in CASES.items():
                cost, rate = load(f"http://127.0.0.1:{ours}{path}", our_pid, options.seconds)
                results[name].append((cost / base, cost, rate))
    print(f"Python {platform.python_version()}, {CONNECTIONS} connections, server on one core, load on the other")
    print(f"{'':14}{'ratio to floor':>16}{'spread':>16}{'µs CPU':>10}{'requests/s':>12}")
    missed = False
    for name, rounds in results.items():
        ratios = sorted(ratio for ratio, _, _ in rounds)
        ratio = statistics.median(ratios)
        cost = statistics.median(cost for _, cost, _ in rounds)
        rate = statistics.median(rate for _, _, rate in rounds)
        target = TARGETS.get(name)
        note = "" if target is None else f"  target: at most {target:.1f}{', missed' if ratio > target else ''}"
        missed |= target is not None and ratio > target
        print(f"{name:14}{ratio:16.2f}{ratios[0]:9.2f} - {ratios[-1]:.2f}{cost:10.1f}{rate:12,.0f}{note}")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
