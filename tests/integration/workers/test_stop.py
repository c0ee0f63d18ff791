"""Stopping a service of several workers: what has arrived is answered, what comes later is told so."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.integration
Serve = Callable[..., Any]
REQUEST = b"GET /wait/1 HTTP/1.1\r\nHost: a\r\n\r\n"


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes; a reset is part of what was read."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        received += b"RESET"
    return received


@pytest.mark.security("R11")
@pytest.mark.parametrize("requests_per_connection", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load(serve: Serve, ledger: Any, number: int, requests_per_connection: int) -> None:
    """Each request is answered by the application, or told to come again, or its connection is refused."""
    service = serve()
    service.workers(2)

    async def main() -> Any:
        load = ledger.Load(
            service.address, clients=16, requests_per_connection=requests_per_connection, pause_seconds=0.001
        )
        async with load.running():
            assert await load.until(lambda kept: kept.count(ledger.Outcome.ANSWERED) > 200)
            service.send(number)
            assert await load.until(lambda kept: kept.count(ledger.Outcome.REFUSED) >= 16)
        return load.ledger

    kept = asyncio.run(main())
    away = [entry for entry in kept.entries if entry.outcome is ledger.Outcome.TURNED_AWAY]

    assert [] == kept.losses(ledger.Outcome.REFUSED, ledger.Outcome.TURNED_AWAY), kept.summary()
    assert {(503, True, "1", True)} >= {
        (entry.status_code, entry.says_close, entry.retry_after, entry.is_reused) for entry in away
    }
    assert 0 == service.wait()
    assert sorted(service.pids("ended")) == sorted(service.pids("began"))


@pytest.mark.security("R11")
def test_what_waits_to_be_accepted_is_answered(serve: Serve) -> None:
    """Connections in the kernel's queue when the signal comes are accepted and answered by the application."""
    service = serve()
    workers = service.workers(2)
    service.freeze(workers)
    clients = [service.connect() for _ in range(30)]
    for client in clients:
        client.sendall(REQUEST)
    service.send(signal.SIGTERM)
    service.wait_for_output("stop_requested")
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    answers = [read_all(client) for client in clients]
    for client in clients:
        client.close()

    assert [True] * 30 == [answer.startswith(b"HTTP/1.1 200 ") for answer in answers]
    assert [True] * 30 == [b"connection: close\r\n" in answer for answer in answers]
    assert 0 == service.wait()


@pytest.mark.capability("X38")
def test_a_request_on_a_kept_connection_is_told_to_come_again(serve: Serve) -> None:
    """503 with `Retry-After` once nobody listens any more, while what was in flight before is still answered."""
    service = serve(workers=1, *("--max-requests", "1000"))
    service.workers(1)
    with service.connect() as kept, service.connect() as busy, service.connect() as partial:
        assert 200 == service.ask("/version", kept)[0]

        busy.sendall(REQUEST.replace(b"/1 ", b"/60 "))
        partial.sendall(REQUEST[:20])
        time.sleep(0.1)
        service.send(signal.SIGTERM)
        service.wait_until_refused()
        # The socket is closed a few turns of the loop before requests are turned away.
        fields = service.wait_for(
            lambda: answer[1] if (answer := service.ask("/version", kept))[0] == 503 else None, "a 503"
        )

        assert ("1", "close") == (fields["retry-after"], fields["connection"])
        assert b"" == kept.recv(1)

        partial.sendall(REQUEST[20:])
        answers = [read_all(partial), read_all(busy)]

        assert [True, True] == [answer.startswith(b"HTTP/1.1 200 ") for answer in answers]
        assert [True, True] == [b"connection: close\r\n" in answer for answer in answers]
    assert 0 == service.wait()


@pytest.mark.security("R13")
def test_the_second_signal_stops_at_once(serve: Serve) -> None:
    """What runs is cancelled, and the application ends in order all the same."""
    service = serve("--graceful-timeout-seconds", "30")
    workers = service.workers(2)
    with service.connect() as client:
        client.sendall(REQUEST.replace(b"/1 ", b"/6000 "))
        time.sleep(0.1)
        service.send(signal.SIGTERM)
        time.sleep(0.5)

        assert service.process.poll() is None

        began = time.monotonic()

        assert 0 == service.stop(signal.SIGTERM)
        assert time.monotonic() - began < 5
        assert read_all(client).startswith(b"HTTP/1.1 503 ")
    assert sorted(workers) == sorted(service.pids("ended"))


@pytest.mark.capability("C176")
@pytest.mark.security("R12")
def test_a_stop_lets_everything_end(serve: Serve) -> None:
    """A request in flight is answered, a stream gets its last chunk, a socket the code for a service that restarts."""
    service = serve()
    workers = service.workers(2)
    with (
        service.connect() as busy,
        service.connect() as stream,
        connect("ws://{}:{}/socket".format(*service.address)) as open_socket,
    ):
        busy.sendall(REQUEST.replace(b"/1 ", b"/40 "))
        stream.sendall(REQUEST.replace(b"/wait/1 ", b"/events "))
        stream.recv(1000)
        open_socket.send("hello")

        assert "one: hello" == open_socket.recv(5)

        service.send(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            open_socket.recv(5)

        assert 1012 == open_socket.close_code
        assert read_all(stream).endswith(b"0\r\n\r\n")
        assert read_all(busy).endswith(b"\r\n\r\nwaited")
    assert 0 == service.wait()
    assert sorted(workers) == sorted(service.pids("ended"))


@pytest.mark.security("R12")
def test_a_stop_is_bounded(serve: Serve) -> None:
    """A request without end is cancelled after `graceful_timeout_seconds`, and a stream ends at once."""
    service = serve("--graceful-timeout-seconds", "0.5")
    service.workers(2)
    with service.connect() as client, service.connect() as stream:
        client.sendall(REQUEST.replace(b"/1 ", b"/6000 "))
        stream.sendall(REQUEST.replace(b"/wait/1 ", b"/events "))
        stream.recv(1000)
        time.sleep(0.1)
        began = time.monotonic()
        service.send(signal.SIGTERM)

        assert read_all(stream).endswith(b"0\r\n\r\n")
        assert 0 == service.wait()
        assert time.monotonic() - began < 4
    assert "requests_cancelled count=1 requests=['GET /wait/6000']" in service.output


def test_a_stop_while_workers_start(serve: Serve) -> None:
    """Nothing is left behind, and 0 is the exit code."""
    service = serve("--threads", "3")
    service.wait_for_output("imported")

    assert 0 == service.stop()


def test_workers_notice_that_their_supervisor_is_gone(serve: Serve, alive: Callable[[int], bool]) -> None:
    """They finish what is in flight, end the application in order and go."""
    service = serve()
    workers = service.workers(2)
    with service.connect() as client:
        client.sendall(REQUEST.replace(b"/1 ", b"/40 "))
        time.sleep(0.1)
        service.process.kill()
        service.wait()

        assert b"\r\n\r\nwaited" in read_all(client)

    service.wait_for(lambda: not any(map(alive, workers)), "the end of the workers")

    assert sorted(workers) == sorted(service.pids("ended"))


def test_a_stop_lets_a_load_balancer_notice(serve: Serve) -> None:
    """For `shutdown_delay_seconds` everything is served as before."""
    service = serve("--shutdown-delay-seconds", "1")
    service.workers(2)
    with service.connect() as kept:
        service.ask("/version", kept)
        service.send(signal.SIGTERM)
        time.sleep(0.3)

        assert 200 == service.ask("/version", kept)[0]
        assert 200 == service.ask("/version")[0]

    assert 0 == service.wait()
