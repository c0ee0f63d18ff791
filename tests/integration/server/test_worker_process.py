"""A worker as its supervisor sees it, with small programs in the place of one that serves."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from costrel.server.worker_process import Launch, Stage, WorkerProcess

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 10
PROGRAM = "import os, signal, socket, sys, time\nline = socket.socket(fileno=int(sys.argv[1]))\n"
Make = Callable[[str], WorkerProcess]


def launch_of(code: str) -> Launch:
    """Return what starts a program with a line."""

    def launch(line: int, sockets: list[int]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PROGRAM + code, str(line)], pass_fds=(line, *sockets))

    return launch


@pytest.fixture
def make() -> Iterator[Make]:
    """Start workers; what is left of them at the end is killed."""
    made: list[WorkerProcess] = []

    def start(code: str) -> WorkerProcess:
        made.append(WorkerProcess(launch_of(code), [], "the brief", time.monotonic()))
        return made[-1]

    yield start
    for worker in made:
        worker.kill()
        wait_for(lambda worker=worker: worker.has_ended)
        worker.close()


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_what_a_worker_says_is_taken_in(make: Make) -> None:
    """In pieces as they come, to the end of its line."""
    worker = make(
        "line.sendall(b'beat\\nrea')\ntime.sleep(0.05)\nline.sendall(b'dy {\"threads\": 3}\\nreplace\\nleaving\\n')\n"
        'line.sendall(b\'failed {"exit_code": 4, "reason": "two\\\\nlines"}\\n\')'
    )
    worker.silent_seconds = 5.0

    assert worker.stage is Stage.STARTING
    assert wait_for(lambda: not worker.hear())
    assert worker.stage is Stage.READY
    assert {"threads": 3} == worker.details
    assert worker.wants_replacement
    assert worker.leaves_by_itself
    assert (4, "two\nlines") == (worker.exit_code, worker.failure)
    assert 0.0 == worker.silent_seconds


def test_a_worker_gets_its_brief_and_is_told_to_leave(make: Make) -> None:
    """One that has not come as far as a loop is ended by a signal."""
    worker = make('line.sendall(b\'failed {"exit_code": 0, "reason": "%b"}\\n\' % line.recv(9))\ntime.sleep(60)')

    assert wait_for(lambda: worker.hear() and worker.failure != "")
    assert "the brief" == worker.failure

    worker.leave("leave", 100.0)

    assert worker.stage is Stage.LEAVING
    assert 100.0 == worker.kill_at
    assert wait_for(lambda: worker.has_ended)
    assert "signal=SIGTERM" == worker.end


def test_a_worker_that_is_ready_is_told_by_its_line_alone(make: Make) -> None:
    """It decides itself when it has ended."""
    worker = make("line.sendall(b'ready {}\\n')\nline.recv(10)\nsys.exit({b'leave\\n': 5}.get(line.recv(10)))")
    wait_for(lambda: worker.hear() and worker.stage is Stage.READY)
    worker.leave("leave", 100.0)

    assert wait_for(lambda: worker.has_ended)
    assert "exit_code=5" == worker.end

    worker.tell("nobody hears this")
    worker.kill()


def test_a_worker_that_hangs_is_ended(make: Make) -> None:
    """First so that it can show where it hangs; the deadline of an earlier order stays."""
    worker = make("line.sendall(b'ready {}\\n')\ntime.sleep(60)")
    wait_for(lambda: worker.hear() and worker.stage is Stage.READY)
    worker.leave("leave", 50.0)
    worker.abort(60.0)

    assert worker.stage is Stage.HANGING
    assert 50.0 == worker.kill_at
    assert wait_for(lambda: worker.has_ended)
    assert f"signal={signal.SIGABRT.name}" == worker.end


def test_the_end_by_a_signal_without_a_name_is_told_by_its_number(make: Make) -> None:
    """Real-time signals have none."""
    worker = make("os.kill(os.getpid(), signal.SIGRTMIN + 1)\ntime.sleep(60)")

    assert wait_for(lambda: worker.has_ended)
    assert f"signal={signal.SIGRTMIN + 1}" == worker.end


def test_a_program_that_cannot_be_started_leaves_nothing_open() -> None:
    """The error comes out."""

    def launch(_line: int, _sockets: list[int]) -> subprocess.Popen[bytes]:
        raise OSError("no such program")

    with pytest.raises(OSError, match="no such program"):
        WorkerProcess(launch, [], "", 0.0)
