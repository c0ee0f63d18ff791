"""The contract of scheduled work: several processes serve one application, and each run is made once.

Run as a program it is one process that serves by a gateway; as a module it is the application that is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from costrel.app import App, AppSettings
from costrel.scheduling import ScheduledRun
from costrel.stores import open_store

PATIENCE_SECONDS = 20.0
INTERVAL_SECONDS = 0.25
MOMENTS = 6
START = "import sys; sys.argv[0] = 'costrel'; from costrel.cli import main; main()"
HERE = Path(__file__).resolve()


def make_app() -> App:
    """Make the application; each run appends a line when it begins and one when it ends."""
    app = App("scheduled", extensions=(), settings=AppSettings())
    notes = Path(os.environ["SCHEDULE_NOTES"])
    url = os.environ.get("SCHEDULE_STORE")
    shared: dict[str, Any] = {"once": "cluster", "store": open_store(url)} if url else {"once": "host"}

    def note(event: str, run: ScheduledRun) -> None:
        # In one write, or the lines of two processes run into each other.
        with notes.open("ab", buffering=0) as file:
            file.write(f"{event} {run.name} {run.due_at.timestamp():.3f} {os.getpid()}\n".encode())

    @app.every(INTERVAL_SECONDS, **shared)
    async def together(run: ScheduledRun) -> None:
        note("begun", run)
        await asyncio.sleep(0.05)
        note("ended", run)

    @app.every(INTERVAL_SECONDS, once="process")
    def alone(run: ScheduledRun) -> None:
        note("begun", run)
        time.sleep(0.05)
        note("ended", run)

    if url:
        app.on_stop(shared["store"].aclose)

    @app.get("/")
    async def index() -> str:
        return "x"

    return app


def native(workers: int) -> list[str]:
    """Return the command of our own server."""
    return ["-c", START, "run", f"{HERE}:make_app()", "--no-access-log", "--port", "0", "--workers", str(workers)]


def uvicorn() -> list[str]:
    """Return the command of an ASGI server."""
    where = ["--app-dir", str(HERE.parent), "--port", "0", "--log-level", "warning"]
    return ["-m", "uvicorn", *where, "--factory", f"{HERE.stem}:make_app"]


def wsgi() -> list[str]:
    """Return the command of a process that answers one request by WSGI, and then lives on."""
    return [str(HERE)]


def check_processes(commands: Sequence[list[str]], folder: Path, store_url: str = "") -> None:
    """Serve the application in two processes, and look who has made which run.

    Args:
        commands: what Python runs, for each process that is started.
        folder: an empty folder.
        store_url: of the store that they share; without one it is that of the host.
    """
    notes = folder / "notes"
    notes.touch()
    environ = {**os.environ, "SCHEDULE_NOTES": str(notes), "TMPDIR": str(folder)}
    if store_url:
        environ["SCHEDULE_STORE"] = store_url
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_running(command, environ, folder)) for command in commands]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(_common_moments(notes)) < MOMENTS:
            is_waiting = time.monotonic() < deadline and all(process.poll() is None for process in processes)
            assert is_waiting, f"{notes.read_text()}\n{(folder / 'output').read_text()}"
            time.sleep(0.02)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(PATIENCE_SECONDS)
    runs = _read(notes)
    common = _common_moments(notes)
    together = [moment for event, name, moment, _ in runs if (event, name) == ("begun", "together")]

    # Each moment at which both processes were there has two runs of the one job, and one run of the other.
    assert len(together) == len(set(together))
    assert common <= set(together)
    # What had begun when the stop came was waited for.
    assert sorted(_named(runs, "begun")) == sorted(_named(runs, "ended"))


def _read(notes: Path) -> list[tuple[str, str, str, str]]:
    lines = [line.split() for line in notes.read_text().splitlines()]
    return [(event, name, moment, pid) for event, name, moment, pid in lines]


def _named(runs: list[tuple[str, str, str, str]], wanted: str) -> list[tuple[str, str, str]]:
    return [(name, moment, pid) for event, name, moment, pid in runs if event == wanted]


def _common_moments(notes: Path) -> set[str]:
    """Return the moments at which two processes were there, without the first and the last."""
    pids: defaultdict[str, set[str]] = defaultdict(set)
    for name, moment, pid in _named(_read(notes), "ended"):
        if name == "alone":
            pids[moment].add(pid)
    return set(sorted(moment for moment, there in pids.items() if len(there) == 2)[1:-1])


@contextlib.contextmanager
def _running(command: list[str], environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen([sys.executable, *command], cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def serve_by_wsgi() -> None:
    """Answer one request, and wait for the signal that ends the process as an interpreter ends."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    app = make_app()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
    }
    body = app(environ, lambda status, fields, failure=None: None)
    list(body)
    getattr(body, "close", lambda: None)()
    while not ended.wait(0.05):
        pass


if __name__ == "__main__":
    serve_by_wsgi()
