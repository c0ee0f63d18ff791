"""What a request costs inside an ASGI application, without a server: the framework's own share.

Each application is called as a server would call it, with a scope, `receive` and `send` of its own, one request after
the other in one task; nobody opens a socket. Each lives in a process of its own, pinned to the servers' core, and they
take turns. As a process of that kind it is started with a module and a case, and answers every line it is sent with
the CPU microseconds of a request:

    python benchmarks/in_process.py peers.costrel text
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import IO

from harness.asgi import Application, Message, drop, receive_nothing, scope_of, start
from harness.cases import CASES, Case
from harness.contenders import Contender
from harness.environments import BENCHMARKS, Environments
from harness.processor import server_core

__all__ = ["CASE_NAMES", "measure"]

CASE_NAMES = ("text", "json")
BATCH = 200
MEASURED_SECONDS = 0.3


async def check(application: Application, case: Case) -> None:
    """Compare one answer with what it must be.

    Raises:
        SystemExit: it is another one.
    """
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await application(scope_of(case.path), receive_nothing, keep)
    content = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    answered = sent[0]["status"], json.loads(content) if case.media_type == "application/json" else content
    if answered != (case.status_code, case.expected):
        raise SystemExit(f"answers {answered}")


async def cost(application: Application, scope: Message) -> float:
    """Return the CPU microseconds of a request."""
    count, begin = 0, time.process_time()
    while (used := time.process_time() - begin) < MEASURED_SECONDS:
        for _ in range(BATCH):
            await application({**scope, "headers": list(scope["headers"])}, receive_nothing, drop)
        count += BATCH
    return used / count * 1e6


async def work(module: str, case: Case) -> None:
    """Answer every line of the input with a figure."""
    application: Application = importlib.import_module(module).app
    task = await start(application)
    await check(application, case)
    await cost(application, scope_of(case.path))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(await cost(application, scope_of(case.path)), flush=True)
    task.cancel()


def read_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process; empty when it has ended."""
    output: IO[str] | None = process.stdout
    return output.readline().strip() if output is not None else ""


def measure(
    environments: Environments, contenders: Sequence[Contender], case: Case, round_count: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Measure a case in rounds.

    Returns:
        CPU microseconds by contender, and why one of them is missing.
    """
    figures: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        running = {}
        for contender in contenders:
            command = [environments.python_of(contender), "-m", "in_process", contender.asgi_module]
            process = stack.enter_context(
                subprocess.Popen(
                    [*command, case.name],
                    cwd=BENCHMARKS,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    preexec_fn=partial(os.sched_setaffinity, 0, {server_core()}),
                )
            )
            stack.callback(process.kill)
            if read_line(process) == "ready":
                running[contender.name] = process
                figures[contender.name] = []
            else:
                lines = process.communicate()[1].strip().splitlines()
                missing[contender.name] = lines[-1] if lines else "ended"
        for _ in range(round_count):
            for name, process in running.items():
                if process.stdin is not None:
                    process.stdin.write("go\n")
                    process.stdin.flush()
                figures[name].append(float(read_line(process)))
    return figures, missing


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], CASES[sys.argv[2]]))
