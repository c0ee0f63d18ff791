"""The supervisor, with small programs in the place of workers that serve."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from costrel.server import supervisor as supervisor_module
from costrel.server.settings import ServerSettings
from costrel.server.supervisor import Slot, backoff_seconds, supervise

pytestmark = pytest.mark.integration
# What a worker is in these tests: it says that it is ready, notes its start, and ends when it is told to.
WORKER = """
import os, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[1]))
line.recv(1000)
with open(sys.argv[2], 'a') as log:
    log.write('started\\n')
say = lambda text: line.sendall(text.encode() + b'\\n')
def obey():
    while True:
        for word in line.recv(1000).decode().split() or ['stop']:
            with open(sys.argv[2], 'a') as log:
                log.write(word + '\\n')
            sys.exit()
"""
SERVE = "say('ready {}')\nobey()\n"


class Run:
    """What became of a supervisor."""

    def __init__(self) -> None:
        self.exit_code = -1
        self.announced: list[tuple[Sequence[str], Mapping[str, Any]]] = []
        self.failures: list[str] = []
        self.log: list[str] = []


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    """Run a supervisor over programs, and beside it what happens meanwhile; it is stopped at the end of that."""

    def run_supervisor(code: str, meanwhile: Callable[[Path], object] | None = None, **settings: Any) -> Run:
        made = Run()
        log = tmp_path / "log"
        log.touch()

        def launch(line: int, sockets: list[int]) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-c", WORKER + code, str(line), str(log)], pass_fds=(line, *sockets)
            )

        def act() -> None:
            try:
                if meanwhile is not None:
                    meanwhile(log)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=act)
        before = signal.signal(signal.SIGTERM, lambda *_: None)  # for one that comes when all is over
        if meanwhile is not None:
            thread.start()
        try:
            made.exit_code = supervise(
                ServerSettings(port=0, **settings),
                launch,
                "the brief",
                lambda addresses, details: made.announced.append((addresses, details)),
                made.failures.append,
            )
        finally:
            if meanwhile is not None:
                thread.join(10)
            signal.signal(signal.SIGTERM, before)
        made.log = log.read_text().splitlines()
        return made

    return run_supervisor


def wait_for(log: Path, text: str, count: int) -> None:
    """Wait until a text stands so often in the log."""
    deadline = time.monotonic() + 10
    while log.read_text().count(text) < count:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("failure_count", "expected"),
    [(0, 0.0), (1, 0.0), (2, 0.1), (3, 0.2), (6, 1.6), (10, 25.6), (11, 30.0), (10_000, 30.0)],
)
def test_the_wait_doubles_to_a_bound(failure_count: int, expected: float) -> None:
    """After the first failure there is none, so a worker that was killed is replaced at once."""

    assert expected == backoff_seconds(failure_count)


def test_a_slot_counts_failures() -> None:
    """And says from when on the next attempt is made."""
    slot = Slot()
    times = []
    for now in (10.0, 11.0, 12.0):
        slot.fail(now)
        times.append(slot.not_before)

    assert [10.0, 11.1, 12.2] == times
    assert not slot.wants_next


def test_workers_are_started_and_told_to_stop(run: Any) -> None:
    """As many as the settings say; the addresses are announced once."""
    made = run(SERVE, lambda log: wait_for(log, "started", 3), workers=3)

    assert 0 == made.exit_code
    assert ["started"] * 3 + ["stop"] * 3 == sorted(made.log, reverse=False)
    assert 1 >= len(made.announced)
    assert [] == made.failures


def test_the_address_is_announced_when_the_first_worker_is_ready(run: Any) -> None:
    """With what it says of itself."""
    made = run("say('ready {\"threads\": 3}')\nobey()", lambda log: (wait_for(log, "started", 1), time.sleep(0.3)))
    ((addresses, details),) = made.announced

    assert {"threads": 3} == details
    assert addresses[0].startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("code", "exit_code", "reason"),
    [
        pytest.param('say(\'failed {"exit_code": 2, "reason": "no"}\')\nsys.exit(9)', 2, "no", id="in-its-words"),
        pytest.param("sys.exit(9)", 3, "A worker ended with exit_code=9 while it started.", id="without-a-word"),
    ],
)
def test_a_first_start_that_fails_ends_everything(run: Any, code: str, exit_code: int, reason: str) -> None:
    """All workers have the same reason, and it is told once."""
    made = run(code, workers=3)

    assert (exit_code, [reason], []) == (made.exit_code, made.failures, made.announced)


def test_a_restart_that_fails_is_given_up(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever serves goes on, and a worker that is lost later is tried again and again."""
    code = "os.path.exists(sys.argv[2] + '.bad') and sys.exit(9)\n" + SERVE

    def meanwhile(log: Path) -> None:
        wait_for(log, "started", 2)
        time.sleep(0.2)
        log.with_suffix(".bad").touch()
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(log, "started", 3)
        time.sleep(0.3)

    made = run(code, meanwhile, workers=2)

    assert 0 == made.exit_code
    assert ["A worker ended with exit_code=9 while it started."] == made.failures
    assert 2 == made.log.count("stop")
    assert "leave" not in made.log
    assert "restart_given_up workers=2" in caplog.text


def test_a_restart_replaces_one_after_the_other(run: Any) -> None:
    """Each new worker is ready before the one in its place is told to leave."""

    def meanwhile(log: Path) -> None:
        wait_for(log, "started", 2)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(log, "leave", 2)
        time.sleep(0.1)

    made = run(SERVE, meanwhile, workers=2)

    assert ["started"] * 3 + ["leave", "started", "leave", "stop", "stop"] == made.log


def test_workers_that_keep_dying_are_started_more_and_more_slowly(run: Any) -> None:
    """Not in a loop that takes all of a processor."""
    made = run("say('ready {}')\nsys.exit(1)", lambda log: time.sleep(1.5), workers=1)

    assert 3 <= made.log.count("started") <= 7
    assert 0 == made.exit_code


def test_a_worker_that_does_not_go_is_killed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the graceful time-out is over, and a little more."""
    monkeypatch.setattr(supervisor_module, "_KILL_AFTER_SECONDS", 0.3)
    made = run(
        "say('ready {}')\ntime.sleep(60)",
        lambda log: (wait_for(log, "started", 1), time.sleep(0.2)),
        graceful_timeout_seconds=0,
    )

    assert 0 == made.exit_code


def test_a_worker_that_hangs_is_replaced(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is named, ended, and another one comes."""
    made = run(
        "say('ready {}')\ntime.sleep(60)",
        lambda log: wait_for(log, "started", 2),
        worker_timeout_seconds=0.2,
        graceful_timeout_seconds=0,
    )

    assert 0 == made.exit_code
    assert "worker_hangs pid=" in caplog.text
    assert "signal=SIGABRT" in caplog.text


def test_a_worker_that_leaves_by_itself_is_replaced_at_once(run: Any) -> None:
    """Before its process has ended."""
    code = "say('ready {}')\nsay('leaving')\ntime.sleep(0.5)\nobey()"

    def meanwhile(log: Path) -> None:
        wait_for(log, "started", 2)

        assert "leave" not in log.read_text()

    assert 0 == run(code, meanwhile).exit_code


@pytest.mark.parametrize("count", [2, 3])
def test_more_signals_are_for_people_in_a_hurry(run: Any, count: int) -> None:
    """The second one tells all workers to hurry, the third kills them."""
    end = ["stop", "hurry"] if count == 2 else ["never"]
    code = f"say('ready {{}}')\nsaid = []\nwhile said != {end}:\n    said += line.recv(99).decode().split()"

    def meanwhile(log: Path) -> None:
        wait_for(log, "started", 1)
        time.sleep(0.2)
        for _ in range(count - 1):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)

    began = time.monotonic()

    assert 0 == run(code, meanwhile, graceful_timeout_seconds=20).exit_code
    assert time.monotonic() - began < 8


def test_an_address_that_is_taken_starts_nobody(run: Any) -> None:
    """The error comes out."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        supervise(
            ServerSettings(port=taken.getsockname()[1]),
            lambda *_: pytest.fail("nobody is started"),
            "",
            lambda *_: None,
            lambda _: None,
        )
