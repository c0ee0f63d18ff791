"""What starting costs: CPU time of a whole interpreter that imports a framework, or has a small application ready.

Who imports things late looks good in the first and pays in the second: there an application with one route is made and
built as far as it is before its first request. Each statement runs in a process of its own, in turns; an interpreter
that imports nothing shows what is not theirs.

    python benchmarks/import_time.py
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import partial

from harness.contenders import CONTENDERS, OURS
from harness.environments import PROJECT, Environments
from harness.processor import server_core
from harness.spread import spread_of

__all__ = ["NOTHING", "STATEMENTS", "measure"]

RUNS = 15
NOTHING = "nothing"
STATEMENTS: Mapping[str, tuple[str, str]] = {
    NOTHING: ("pass", "pass"),
    OURS: ("from costrel import App", "app = App(); app.add_route('/', lambda: {'id': 1}); app.build()"),
    "starlette": (
        "from starlette.applications import Starlette; from starlette.routing import Route; "
        "from starlette.responses import JSONResponse",
        "app = Starlette(routes=[Route('/', lambda request: JSONResponse({'id': 1}))]); app.build_middleware_stack()",
    ),
    "flask": ("from flask import Flask", "app = Flask('app'); app.add_url_rule('/', view_func=lambda: {'id': 1})"),
    "fastapi": (
        "from fastapi import FastAPI",
        "app = FastAPI(); app.get('/')(lambda: {'id': 1}); app.build_middleware_stack()",
    ),
}
"""By name what imports a framework, and what makes an application ready after that."""


def cpu_ms(python: str, statement: str) -> float:
    """Return the CPU milliseconds of an interpreter that runs a statement.

    Raises:
        SystemExit: it failed.
    """
    process = subprocess.Popen(
        [python, "-c", statement],
        cwd=PROJECT,
        preexec_fn=partial(os.sched_setaffinity, 0, {server_core()}),
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{statement!r} ended with {process.returncode}")
    return (used.ru_utime + used.ru_stime) * 1e3


def measure(environments: Environments) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Measure everything that can be run, in turns.

    Returns:
        By name each run's CPU milliseconds of an import, and of an application that is ready.
    """
    wanted = {name: CONTENDERS[name if name in CONTENDERS else OURS] for name in STATEMENTS}
    environments.install(wanted.values())
    there = [name for name in STATEMENTS if wanted[name].name not in environments.missing]
    imported: dict[str, list[float]] = {name: [] for name in there}
    ready: dict[str, list[float]] = {name: [] for name in there}
    for number in range(-1, RUNS):
        for name in there:
            python = environments.python_of(wanted[name])
            first, then = STATEMENTS[name]
            used = cpu_ms(python, first), cpu_ms(python, f"{first}; {then}")
            if number >= 0:
                imported[name].append(used[0])
                ready[name].append(used[1])
    return imported, ready


if __name__ == "__main__":
    for title, figures in zip(("import", "ready"), measure(Environments()), strict=True):
        for name, values in figures.items():
            spread = spread_of(values)
            print(f"{title:8}{name:12}{spread.median:7.1f} ms  {spread.low:6.1f} - {spread.high:.1f}")
