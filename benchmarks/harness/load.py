"""The load: ``wrk`` with one thread on a core of its own, and what it cost the server.

Every request is the same bytes, unless a case varies: then one field goes through as many values as `VARIANTS`, a prime
number, so that no connection sees the same request twice in a row.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec

from harness.cases import Case
from harness.processor import core_busy_seconds, cpu_seconds, load_core, server_core
from harness.serving import Server

__all__ = ["CONNECTIONS", "HOW_TO_INSTALL", "LoadFailed", "Measured", "has_generator", "measure", "script_of"]

CONNECTIONS = 64
VARIANTS = 61
SPARE_SECONDS = 10
TRIES = 2
HOW_TO_INSTALL = "`wrk` makes the load and is not installed; on Debian: apt-get install wrk"

_SUMMARY = """
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\nSUMMARY {"requests":%d,"microseconds":%d,"status":%d,"socket":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""

_VARIANTS = """
local variants, turn = {}, 0
init = function(args)
  for number = 1, %d do
    wrk.headers["Cookie"] = %s .. "; turn=" .. string.format("%%02d", number)
    variants[number] = wrk.format()
  end
end
request = function()
  turn = turn %% #variants + 1
  return variants[turn]
end
"""


class LoadFailed(Exception):
    """Answers were missing or wrong while the load ran; the message says how many."""


class Measured(msgspec.Struct, frozen=True):
    """What one round of load has shown.

    Attributes:
        cpu_us: CPU microseconds of the server for each request.
        requests_per_second: on the wall.
        server_share: how much of its core the server had, 0 to 1.
        core_busy: how much of that core was busy, for anybody.
        p50_us, p99_us: from request to answer, with all connections busy.
    """

    cpu_us: float
    requests_per_second: float
    server_share: float
    core_busy: float
    p50_us: int
    p99_us: int


def has_generator() -> bool:
    """Whether the load can be made at all."""
    return shutil.which("wrk") is not None


def quote(text: str) -> str:
    """Write a text as a Lua string that is taken as it stands."""
    return f"[==[{text}]==]"


def script_of(case: Case) -> str:
    """Write the script that asks what a case says."""
    lines = [f"wrk.method = {quote(case.method)}"]
    lines += [f"wrk.headers[ {quote(name)} ] = {quote(value)}" for name, value in case.fields]
    if case.body:
        lines.append(f"wrk.body = {quote(case.body.decode())}")
    script = "\n".join(lines) + "\n" + _SUMMARY
    if case.varies:
        script += _VARIANTS % (VARIANTS, quote(dict(case.fields)["Cookie"]))
    return script


def measure(server: Server, case: Case, seconds: int) -> Measured:
    """Ask one thing for some seconds.

    Raises:
        LoadFailed: an answer was missing, or had another status than it must.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "case.lua"
        script.write_text(script_of(case))
        url = f"http://127.0.0.1:{server.port}{case.path}"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
        for _ in range(TRIES):
            try:
                return _measure_once(server, case, command, seconds)
            except subprocess.TimeoutExpired:
                # The generator hangs once in a long while; a second try tells that from a server that makes it hang.
                continue
    raise LoadFailed("the load did not end")


def _measure_once(server: Server, case: Case, command: list[str], seconds: int) -> Measured:
    """Run the generator once and read the clocks before and after it."""
    cpu, busy, start = cpu_seconds(server.pid), core_busy_seconds(server_core()), time.monotonic()
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + SPARE_SECONDS,
        preexec_fn=partial(os.sched_setaffinity, 0, {load_core()}),
    )
    elapsed = time.monotonic() - start
    cpu, busy = cpu_seconds(server.pid) - cpu, core_busy_seconds(server_core()) - busy
    if finished.returncode != 0 or "SUMMARY " not in finished.stdout:
        raise LoadFailed((finished.stderr or finished.stdout).strip()[-200:])
    found = json.loads(finished.stdout.rpartition("SUMMARY ")[2])
    wrong = found["status"] if case.status_code < 400 else found["requests"] - found["status"]
    if wrong or found["socket"] or not found["requests"]:
        raise LoadFailed(f"{found['requests']} answers, {wrong} of a wrong status, {found['socket']} failed")
    return Measured(
        cpu_us=round(cpu / found["requests"] * 1e6, 3),
        requests_per_second=round(found["requests"] / found["microseconds"] * 1e6, 1),
        server_share=round(cpu / elapsed, 3),
        core_busy=round(busy / elapsed, 3),
        p50_us=found["p50"],
        p99_us=found["p99"],
    )
