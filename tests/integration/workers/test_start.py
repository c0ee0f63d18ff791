"""Starting a service of several workers: what is printed once, who imports what, and the exit code of a bad start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
Serve = Callable[..., Any]
ACTIVATED = """
import os, sys
os.environ['LISTEN_FDS'], os.environ['LISTEN_PID'] = '1', str(os.getpid())
if {number} != 3:
    os.dup2({number}, 3, inheritable=True)
sys.argv[0] = 'costrel'
from costrel.cli import main
main()
"""


def test_the_start_is_told_once_and_each_worker_has_its_own_lifespan(serve: Serve) -> None:
    """Four lines by the supervisor, which never imports the application."""
    service = serve("--threads", "7", workers=3)
    workers = service.workers(3)

    assert (200, "one") == service.ask("/version")[::2]
    assert 0 == service.stop()
    assert 1 == service.output.count("  Address   http://")
    assert 1 == service.output.count("  Workers   3 processes, one event loop each\n  Threads   7 ")
    assert 1 == service.output.count("  Mode      production\n")
    for event in ("imported", "began", "ended"):
        assert sorted(workers) == sorted(service.pids(event))
    assert service.process.pid not in workers


@pytest.mark.parametrize(
    ("code", "exit_code", "reason"),
    [
        pytest.param("import there_is_no_such_module", 1, "No module named 'there_is_no_such_module'", id="import"),
        pytest.param("app.add_route('x', print)", 1, "COS-ROUTE-001  The pattern `x`", id="mistake"),
        pytest.param("app.on_start(lambda: 1 / 0)", 3, "ZeroDivisionError", id="start"),
        pytest.param("import os; os.abort()", 3, "A worker ended with signal=SIGABRT while it started.", id="death"),
        pytest.param("raise SystemExit(7)", 3, "A worker ended with exit_code=7 while it started.", id="exit"),
        pytest.param("del app", 2, "COS-CLI-003  `served` has no", id="no-application"),
    ],
)
@pytest.mark.security("R10")
def test_a_start_that_fails_says_why_once(serve: Serve, tmp_path: Path, code: str, exit_code: int, reason: str) -> None:
    """And ends with the exit code that tells whose fault it is, 1, 2 or 3, with nothing left behind."""
    with (tmp_path / "served.py").open("a") as file:
        file.write(f"\n{code}\n")
    service = serve()

    assert exit_code == service.wait()
    assert 1 == service.output.count(reason)
    assert "Address" not in service.output


def test_a_port_that_is_taken_is_told_in_one_line(serve: Serve) -> None:
    """Before any worker is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = serve("--port", str(taken.getsockname()[1]))

        assert 3 == service.wait()

    assert 1 == len(service.output.strip().splitlines())
    assert "another process has the port; choose one with --port" in service.output


def test_workers_share_a_unix_socket(serve: Serve, ledger: Any, tmp_path: Path) -> None:
    """With `--uds` as with a port."""
    service = serve("--uds", "http.sock")
    service.workers(2)

    async def main() -> Any:
        load = ledger.Load(str(tmp_path / "http.sock"), clients=8, requests_per_connection=2)
        async with load.running():
            assert await load.until(lambda kept: len(kept.workers()) == 2 and len(kept.entries) > 50)
            service.send(signal.SIGHUP)
            assert await load.until(lambda kept: len(service.pids("worker_left")) == 2)
        return load.ledger

    kept = asyncio.run(main())

    assert [] == kept.losses(), kept.summary()
    assert 0 == service.stop()
    assert "  Address   unix:http.sock" in service.output


@pytest.mark.parametrize("by", ["number", "systemd"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_inherited_socket_outlives_the_service(serve: Serve, by: str, workers: int) -> None:
    """With `--fd`, or as systemd passes one: what connects after the stop waits for the next start."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        os.set_inheritable(number, True)
        arguments = ("--fd", str(number)) if by == "number" else ()
        options = {} if by == "number" else {"code": ACTIVATED.format(number=number)}
        for _ in range(2):
            service = serve(*arguments, workers=workers, pass_fds=(number,), **options)
            with socket.create_connection(listening.getsockname(), timeout=20) as client:
                assert "one" == service.ask("/version", client)[2]

            assert 0 == service.stop()


def test_a_number_that_is_no_listening_socket_is_refused(serve: Serve) -> None:
    """Before any worker is started."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        service = serve("--fd", str(theirs.fileno()), pass_fds=(theirs.fileno(),))

        assert 3 == service.wait()

    assert "COS-SERVER-002" in service.output
    assert "It is a socket that does not listen" in service.output
