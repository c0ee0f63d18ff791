"""Replacing workers while clients send: not one request is refused, reset or left unanswered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.integration
Serve = Callable[..., Any]


def load_on(ledger: Any, service: Any, act: Callable[[Any], Any], **options: Any) -> Any:
    """Send requests while something happens to the service, and return the ledger."""

    async def main() -> Any:
        load = ledger.Load(service.address, **{"clients": 12, "pause_seconds": 0.002, **options})
        async with load.running():
            assert await load.until(lambda kept: kept.count(ledger.Outcome.ANSWERED) > 100)
            await act(load)
        return load.ledger

    return asyncio.run(main())


@pytest.mark.security("R14")
@pytest.mark.parametrize("requests_per_connection", [0, 3])
def test_a_restart_under_load_loses_nothing(serve: Serve, ledger: Any, requests_per_connection: int) -> None:
    """Kept connections and new ones: all answers are right, and in the end they come from new workers alone."""
    service = serve()
    before = set(service.workers(2))

    async def restart(load: Any) -> None:
        service.send(signal.SIGHUP)
        assert await load.until(lambda kept: len(service.pids("worker_left")) == 2)

    kept = load_on(ledger, service, restart, requests_per_connection=requests_per_connection)

    assert [] == kept.losses(), kept.summary()
    assert before < kept.workers()
    assert not before & {entry.worker for entry in kept.entries[-12:]}
    assert before == set(service.pids("worker_left"))
    assert 0 == service.stop()


@pytest.mark.capability("N18")
@pytest.mark.pain("P9")
@pytest.mark.security("R14")
def test_a_restart_brings_the_new_code(serve: Serve) -> None:
    """Within two seconds, although streams and sockets are open, which end in order; each lifespan ends once."""
    service = serve("--graceful-timeout-seconds", "1")
    before = service.workers(2)
    code = service.folder / "served.py"
    # Of another length, for a compiled module is known by the length and the second of its source.
    code.write_text(code.read_text().replace('VERSION = "one"', 'VERSION = "the second"'))
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(service.connect()) for _ in range(3)]
        for stream in streams:
            stream.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")

            assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")

        url = "ws://{}:{}/socket".format(*service.address)
        sockets = [stack.enter_context(connect(url)) for _ in range(3)]
        for socket in sockets:
            socket.send("hello")

            assert "one: hello" == socket.recv(5)

        service.send(signal.SIGHUP)
        began = time.monotonic()
        service.wait_for(lambda: service.ask("/version")[2] == "the second", "the new code")

        assert time.monotonic() - began < 2

        service.wait_for(lambda: len(service.pids("worker_left")) == 2, "the old workers to leave")

        assert ["the second"] * 5 == [service.ask("/version")[2] for _ in range(5)]

        for stream in streams:
            received = b""
            while piece := stream.recv(65536):
                received += piece

            assert received.endswith(b"\r\n0\r\n\r\n")
        for socket in sockets:
            with pytest.raises(ConnectionClosed):
                socket.recv(5)

            assert 1012 == socket.close_code

    assert sorted(before) == sorted(service.pids("ended"))


@pytest.mark.security("R14")
def test_new_code_that_is_broken_changes_nothing(serve: Serve, ledger: Any) -> None:
    """The reason is told, the workers that serve go on, and nobody loses a request."""
    service = serve()
    before = set(service.workers(2))
    (service.folder / "served.py").write_text("import there_is_no_such_module\n")

    async def restart(load: Any) -> None:
        service.send(signal.SIGHUP)
        assert await load.until(lambda kept: "restart_given_up" in service.output)

    kept = load_on(ledger, service, restart)

    assert [] == kept.losses(), kept.summary()
    assert kept.workers() <= before
    assert "No module named 'there_is_no_such_module'" in service.output
    assert [] == service.pids("worker_left")


def test_a_worker_that_is_worn_out_is_replaced(serve: Serve, ledger: Any) -> None:
    """After `max_requests` another one takes over first, so nothing is lost; one worker is enough for that."""
    service = serve("--max-requests", "60", "--max-requests-jitter", "20", workers=1)
    service.workers(1)

    async def wait(load: Any) -> None:
        assert await load.until(lambda kept: len(kept.workers()) >= 4)

    kept = load_on(ledger, service, wait)

    assert [] == kept.losses(), kept.summary()
    assert len(service.pids("worker_left")) >= 2
    assert [] == service.pids("worker_lost")


def test_a_worker_that_gets_a_signal_is_replaced(serve: Serve, ledger: Any) -> None:
    """SIGTERM to a worker is a wish: somebody takes over, and only then it leaves."""
    service = serve()
    first = service.workers(2)[0]

    async def terminate(load: Any) -> None:
        os.kill(first, signal.SIGTERM)
        os.kill(first, signal.SIGINT)
        assert await load.until(lambda kept: first in service.pids("worker_left"))

    kept = load_on(ledger, service, terminate)

    assert [] == kept.losses(), kept.summary()
    assert 3 == len(service.pids("worker_ready"))


def test_a_handler_that_exits_ends_its_worker_alone(serve: Serve, ledger: Any) -> None:
    """The service goes on, with another worker and without a loss for anybody else."""
    service = serve()
    service.workers(2)

    async def leave(load: Any) -> None:
        status = (await asyncio.to_thread(service.ask, "/exit/5"))[0]
        assert 500 == status
        assert await load.until(lambda kept: len(service.pids("worker_ready")) == 3)

    kept = load_on(ledger, service, leave)

    assert [] == kept.losses(), kept.summary()
    assert "exit_code=5" in service.wait_for(lambda: service.output if "exit_code=" in service.output else "", "an end")
    assert service.process.poll() is None
