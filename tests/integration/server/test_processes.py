"""Whole processes: memory that stays flat, garbage that is not there, signals, exits and inherited sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def get(path: str, *, closes: bool = False) -> bytes:
    end = "Connection: close\r\n\r\n" if closes else "\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{end}".encode()


def receive(client: socket.socket) -> bytes:
    """Read until the server closes or resets."""
    received = bytearray()
    try:
        while piece := client.recv(1 << 18):
            received += piece
    except ConnectionError:
        pass
    return bytes(received)


def wait_for(condition: Callable[[], bool], timeout_seconds: float = 5) -> bool:
    end = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.security("A41")
@pytest.mark.security("I8")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_flood_and_deaf_reader_in_flat_memory(process: Any, loop: str) -> None:
    """Pipelined requests without end, answers that nobody takes and a stream that nobody reads cost no memory."""
    served = process(loop, write_timeout_seconds=30)
    served.ask("/down/1")
    before = served.rss_bytes
    clients = [served.connect(4096) for _ in range(3)]
    sent = [0, 0]
    try:
        clients[2].sendall(get("/endless"))
        for number, request in enumerate((get("/wait/500"), get("/users/5"))):
            clients[number].settimeout(0.5)
            block = request * 1000
            try:
                while sent[number] < 200 * MIB:
                    sent[number] += clients[number].send(block)
            except TimeoutError:
                pass

        assert served.rss_bytes - before < 8 * MIB
        assert max(sent) < 100 * MIB

        began = served.cpu_seconds
        time.sleep(0.5)

        assert served.cpu_seconds - began < 0.25
        assert b"Hello" == served.ask("/")
    finally:
        for client in clients:
            client.close()

    assert served.rss_bytes - before < 8 * MIB


@pytest.mark.capability("C027")
def test_large_upload_in_flat_memory(process: Any) -> None:
    """A body of 64 MiB passes through a handler that is slower than its client, in flat memory."""
    served = process()
    served.ask("/down/1")
    before, peak = served.rss_bytes, 0
    piece = bytes(MIB)
    with served.connect() as client:
        client.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(64):
            client.sendall(piece)
            peak = max(peak, served.rss_bytes)

        assert receive(client).endswith(b"\r\n\r\n%d" % (64 * MIB))

    assert peak - before < 8 * MIB


@pytest.mark.capability("C040")
@pytest.mark.capability("C027")
def test_large_download_in_flat_memory(process: Any) -> None:
    """A stream of 64 MiB reaches a client that stops in between, in flat memory."""
    served = process()
    served.ask("/down/1")
    before, peak, size, last = served.rss_bytes, 0, 0, b""
    with served.connect(65536) as client:
        client.sendall(get("/down/64", closes=True))
        time.sleep(0.2)
        while piece := client.recv(MIB):
            size, last = size + len(piece), (last + piece)[-20:]
            peak = max(peak, served.rss_bytes)

    assert size > 64 * MIB
    assert last.endswith(b"\r\n0\r\n\r\n")
    assert peak - before < 8 * MIB


@pytest.mark.pain("P47")
@pytest.mark.timeout(40)
def test_fifty_thousand_requests_leave_nothing(process: Any) -> None:
    """Requests of many kinds cost no memory that stays."""
    served = process()
    body = b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    mixed = GET * 30 + get("/users/5?verbose=1") * 10 + get("/users/x") * 5 + get("/nothing") * 3 + body * 2
    sizes = []
    for _ in range(5):
        with served.connect() as client:
            answers: list[int] = []
            reader = threading.Thread(target=lambda: answers.append(receive(client).count(b"HTTP/1.1 ")))
            reader.start()
            for _ in range(200):
                client.sendall(mixed)
            client.sendall(get("/", closes=True))
            reader.join(20)

            assert [200 * 50 + 1] == answers

        served.ask("/collect")
        sizes.append(served.rss_bytes)

    assert sizes[-1] - sizes[1] < MIB


@pytest.mark.pain("P47")
def test_requests_leave_no_garbage(process: Any) -> None:
    """Two hundred requests of all kinds leave nothing that only the garbage collector could free."""
    served = process()
    post = b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    chunked = b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    kinds = [
        GET,
        get("/users/5"),
        get("/users/x"),
        get("/nothing"),
        get("/blocking"),
        get("/broken"),
        get("/down/0"),
        post,
        chunked,
        post.replace(b'"a":1', b'"a":x'),
    ]

    def round_of_requests(times: int) -> None:
        for _ in range(times):
            with served.connect() as client:
                client.sendall(b"".join(kinds) + get("/", closes=True))
                receive(client)

    round_of_requests(2)
    served.ask("/garbage/begin")
    round_of_requests(18)
    for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\0", chunked.replace(b"3\r\n", b"z\r\n"), get("/wait/1")):
        with served.connect() as client:
            client.sendall(bad)
            if bad != get("/wait/1"):
                receive(client)
    time.sleep(0.05)

    assert {} == json.loads(served.ask("/garbage/end"))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_exit_in_a_handler_ends_the_process_in_order(process: Any, loop: str) -> None:
    """`SystemExit` is a 500 and a closed connection for its client; what is in flight finishes; the code is kept."""
    served = process(loop)
    with served.connect() as other, served.connect() as client:
        other.sendall(get("/wait/40"))
        time.sleep(0.05)
        client.sendall(get("/exit/7") + GET)
        answer = receive(client)

        assert 1 == answer.count(b"HTTP/1.1 ")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"connection: close\r\n" in answer
        assert receive(other).endswith(b"\r\n\r\nwaited")
        assert 7 == served.wait()
        assert "lifespan ended" in served.log


@pytest.mark.pain("P9")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_first_signal_finishes_what_runs(process: Any, loop: str) -> None:
    """SIGTERM closes idle connections, lets the request in flight end, says so on the wire, and exits with 0."""
    served = process(loop)
    with served.connect() as idle, served.connect() as busy:
        idle.sendall(GET)
        idle.recv(1000)
        busy.sendall(get("/wait/50"))
        time.sleep(0.05)
        served.terminate()

        assert b"" == receive(idle)

        answer = receive(busy)

        assert answer.endswith(b"\r\n\r\nwaited")
        assert b"connection: close\r\n" in answer
        assert 0 == served.wait()
        assert "lifespan ended" in served.log


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_signal_while_starting(process: Any, loop: str) -> None:
    """A start that takes long is given up at the first signal, and what had started ends in order."""
    served = process(loop, starts_slowly=True)

    assert "starting" == served.address

    served.terminate()

    assert 0 == served.wait(3)
    assert "lifespan ended" in served.log


@pytest.mark.security("R13")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_stops_now(process: Any, number: signal.Signals) -> None:
    """The second signal cancels what still runs, and the application's own end runs all the same."""
    served = process(graceful_timeout_seconds=20)
    with served.connect() as client:
        client.sendall(get("/forever"))
        time.sleep(0.1)
        served.popen.send_signal(number)
        time.sleep(0.4)

        assert served.popen.poll() is None

        served.popen.send_signal(number)

        assert 0 == served.wait(3)
        assert receive(client).startswith(b"HTTP/1.1 503 ")
        assert served.log.index("forever ended") < served.log.index("lifespan ended")
        assert "GET /forever" in served.log


def test_what_waits_to_be_accepted_is_answered(process: Any) -> None:
    """Connections that are in the kernel's queue when the signal comes are accepted and answered."""
    served = process()
    served.popen.send_signal(signal.SIGSTOP)
    clients = [served.connect() for _ in range(20)]
    for client in clients:
        client.sendall(GET)
    served.terminate()
    served.popen.send_signal(signal.SIGCONT)
    try:
        assert [True] * 20 == [receive(client).endswith(b"\r\n\r\nHello") for client in clients]
        assert 0 == served.wait()
    finally:
        for client in clients:
            client.close()


@pytest.mark.security("R10")
def test_start_that_fails_is_code_3(process: Any) -> None:
    """An application that cannot start, or a port that is taken, ends the process with code 3 and the reason."""
    served = process(fails=True)

    assert 3 == served.wait()
    assert "the database is away" in served.log

    with socket.create_server(("127.0.0.1", 0)) as taken:
        served = process(port=taken.getsockname()[1])

        assert 3 == served.wait()
        assert "Address already in use" in served.log


def test_inherited_socket(process: Any) -> None:
    """With `fd` the server listens on a socket that its parent has opened."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        served = process(pass_fds=(listening.fileno(),), fd=listening.fileno())

        assert f"127.0.0.1:{listening.getsockname()[1]}" == served.address
        assert b"Hello" == served.ask("/")

        served.terminate()

        assert 0 == served.wait()

        with socket.create_connection(listening.getsockname(), 1) as late:
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.recv(1)


@pytest.mark.security("L9")
def test_access_log_of_a_process(process: Any) -> None:
    """Each request is one line that nobody can break, and all are written before the process ends."""
    served = process(access_log=True)
    with served.connect() as client:
        client.sendall(get("/users/5") + get("/x%0d%0aINFO%20fake%1b[2J") + get("/" + "y" * 7000) + get("/users/x"))
        client.sendall(b"BAD\x1b / HTTP/1.1\r\n\r\n")
        receive(client)
    served.terminate()

    assert 0 == served.wait()

    lines = [line for line in served.log.splitlines() if "costrel.access" in line]

    assert 5 == len(lines)
    assert "method=GET path=/users/5 status_code=200" in lines[0]
    assert "route=/users/{id} handler=__main__.user mount=-" in lines[0]
    assert r"path=/x\r\nINFO\x20fake\x1b[2J status_code=404" in lines[1]
    assert "~ status_code=404" in lines[2]
    assert len(lines[2]) < 1400
    assert "status_code=404" in lines[3]
    assert "status_code=400" in lines[4]
    assert "route=- handler=- mount=-" in lines[4]
    assert not any(line.startswith("INFO fake") for line in served.log.splitlines())
    assert "\x1b" not in served.log
    assert wait_for(lambda: not Path(f"/proc/{served.popen.pid}").exists() or served.popen.poll() == 0)


@pytest.mark.security("L10")
def test_bad_requests_have_one_line_each(process: Any) -> None:
    """A flood of requests that are wrong in many places is one line a request, by whoever writes it."""
    cookies = b"Cookie: " + b",=;" * 4000 + b"\r\n"
    for settings in ({"access_log": True}, {}):
        served = process(**settings)
        with served.connect() as client:
            client.sendall(GET.replace(b"\r\n\r\n", b"\r\n" + cookies + b"\r\n") * 5 + get("/", closes=True))
            receive(client)
        for _ in range(10):
            with served.connect() as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")
                receive(client)
        time.sleep(0.05)

        lines = [line for line in served.log.splitlines() if "listening" not in line]

        assert (16 if settings else 10) == len(lines)
        assert max(map(len, lines)) < 400

        served.terminate()
        served.wait()
