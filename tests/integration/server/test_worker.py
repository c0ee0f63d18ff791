"""The worker's end of the line to its supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from costrel.server.serve import Server
from costrel.server.settings import ServerSettings
from costrel.server.worker import WorkerLine, WorkerSeat, beat_seconds

pytestmark = pytest.mark.integration

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Supervised:
    """A server with its seat, and the supervisor's end of the line."""

    def __init__(self, application: Any, brief: bytes = b"", **settings: Any) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = self.listening.getsockname()
        self.end, theirs = socket.socketpair()
        self.end.sendall(json.dumps({"brief": "serve this", "owns_sockets": False}).encode() + b"\n" + brief)
        self.seat = WorkerSeat(theirs.detach(), [self.listening.detach()])
        self.seat.details = {"threads": 4}
        self.server = Server(application, ServerSettings(graceful_timeout_seconds=0.1, **settings))
        self.end.setblocking(False)
        self.heard = b""
        self.cancelled = False

    async def run(self) -> None:
        """Serve until it is told to stop."""
        seat = self.seat

        def cancel_start() -> None:
            self.cancelled = True

        seat.attend(self.server, cancel_start)
        await self.server.start(seat.sockets, owns_sockets=seat.owns_sockets, has_siblings=seat.has_siblings)
        seat.started(self.server)
        await asyncio.wait_for(self.server.serve_forever(), 5)
        seat.stopping()
        await self.server.stop()

    async def hear(self, word: bytes) -> None:
        """Wait until the worker has said something."""
        async with asyncio.timeout(5):
            while word not in self.heard:
                self.heard += await asyncio.get_running_loop().sock_recv(self.end, 65536)


def on_line(main: Callable[[Supervised], Any], application: Any, brief: bytes = b"", **settings: Any) -> Supervised:
    """Run a worker's server, and next to it what its supervisor does."""
    supervised = Supervised(application, brief, **settings)

    async def both() -> None:
        await asyncio.gather(supervised.run(), main(supervised))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        asyncio.run(both())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        supervised.end.close()
        supervised.seat._line._end.close()
    return supervised


@pytest.mark.parametrize(("timeout_seconds", "expected"), [(30, 1.0), (4, 1.0), (1, 0.25)])
def test_a_worker_says_often_enough_that_it_is_alive(timeout_seconds: float, expected: float) -> None:
    """Once a second, or four times in the time after which it is taken for dead."""

    assert expected == beat_seconds(ServerSettings(worker_timeout_seconds=timeout_seconds))


def test_a_worker_tells_when_it_serves_and_when_it_stops(net: Any) -> None:
    """And that it is alive, from the start on."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b'beat\nready {"threads": 4}\nbeat\n')
        supervised.end.sendall(b"sto")
        await asyncio.sleep(0.01)

        assert not supervised.server.is_stopping

        supervised.end.sendall(b"p\n")
        await supervised.hear(b"leaving\n")

    supervised = on_line(main, net.make_app(), worker_timeout_seconds=0.2)

    assert "serve this" == supervised.seat.brief
    assert supervised.cancelled


@pytest.mark.parametrize(
    ("words", "hands_over"),
    [
        pytest.param(b"leave\n", True, id="leave"),
        pytest.param(b"stop\n", False, id="stop"),
        pytest.param(b"leave\nstop\nstop\n", True, id="a-stop-does-not-hurry-who-leaves"),
        pytest.param(b"stop\nleave\n", False, id="who-stops-does-not-leave"),
        pytest.param(b"", False, id="the-supervisor-is-gone"),
    ],
)
def test_a_worker_does_what_it_is_told(net: Any, words: bytes, hands_over: bool) -> None:
    """It leaves its sockets to the others, or stops with all of them."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b"ready")
        if words:
            supervised.end.sendall(words)
        else:
            supervised.end.shutdown(socket.SHUT_WR)
        await supervised.hear(b"leaving\n")

    supervised = on_line(main, net.make_app())

    assert hands_over == supervised.server._hands_over
    assert not supervised.server._hurry.is_set()


def test_a_worker_hurries_when_it_is_told(net: Any) -> None:
    """What runs is cancelled."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b"ready")
        supervised.end.sendall(b"hurry\n")

    assert on_line(main, net.make_app()).server._hurry.is_set()


def test_what_comes_with_the_brief_is_not_lost(net: Any) -> None:
    """A stop may be as quick as the start."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b"leaving\n")

    assert on_line(main, net.make_app(), b"stop\n").cancelled


@pytest.mark.parametrize("jitter", [0, 2])
def test_a_worker_that_is_worn_out_asks_for_another(net: Any, jitter: int) -> None:
    """After `max_requests` and at most `max_requests_jitter` more; it serves on until it is told to leave."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b"ready")
        reader, writer = await asyncio.open_connection(*supervised.address)
        for count in range(1, 8):
            writer.write(GET)
            await net.Client(reader, writer).answer()
            await asyncio.sleep(0.01)
            supervised.heard += supervised.end.recv(65536) if count > 3 + jitter else b""

            assert count > 3 or b"replace" not in supervised.heard

        writer.close()
        await supervised.hear(b"replace\n")
        supervised.end.sendall(b"leave\n")

    on_line(main, net.make_app(), max_requests=3, max_requests_jitter=jitter, worker_timeout_seconds=0.04)


def test_signals_are_wishes(net: Any) -> None:
    """SIGTERM asks the supervisor for another worker, and SIGINT is meant for the supervisor."""

    async def main(supervised: Supervised) -> None:
        await supervised.hear(b"ready")
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        await supervised.hear(b"replace\n")

        assert not supervised.server.is_stopping

        supervised.end.sendall(b"leave\n")

    on_line(main, net.make_app())


def test_nobody_hears_what_is_said_to_a_supervisor_that_is_gone() -> None:
    """And it is no error; a brief that never came is one."""
    ours, theirs = socket.socketpair()
    ours.close()
    line = WorkerLine(theirs)
    line.beat()
    line.say("ready", {})
    with pytest.raises(EOFError):
        line.read_brief()
    theirs.close()


def test_a_reason_has_one_line(net: Any) -> None:
    """However many it is written in."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        WorkerLine(theirs).say("failed", {"exit_code": 1, "reason": "one\ntwo"})

        assert b'failed {"exit_code": 1, "reason": "one\\ntwo"}\n' == ours.recv(1000)
