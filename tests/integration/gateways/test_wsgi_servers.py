"""The WSGI gateway under real servers, each in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.capability("C177")]

FOLDER = Path(__file__).parent
FILE_BYTES = 300_000
GUNICORN = ("-m", "gunicorn", "served_wsgi:app", "--log-level", "error", "--graceful-timeout", "5")
SERVERS = {
    "gunicorn sync": (*GUNICORN, "--workers", "2", "--bind", "fd://{}"),
    "gunicorn gthread": (*GUNICORN, "--worker-class", "gthread", "--threads", "4", "--bind", "fd://{}"),
    "waitress": ("served_wsgi.py", "waitress", "{}"),
    "wsgiref": ("served_wsgi.py", "wsgiref", "{}"),
}


@dataclass
class Served:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def lines(self) -> list[str]:
        """What the application has noted."""
        return self.log.read_text().split() if self.log.exists() else []

    def stop(self) -> int:
        """Stop the server as a supervisor does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Served]]:
    """Start all servers at once, each on a socket that listens already, so that nobody waits for it to come up."""
    content = folder / "content.bin"
    content.write_bytes(bytes(FILE_BYTES))
    servers: dict[str, Served] = {}
    try:
        for name, command in SERVERS.items():
            log = folder / f"{name}.log"
            with socket.create_server(("127.0.0.1", 0)) as listener:
                descriptor = listener.fileno()
                process = subprocess.Popen(
                    [sys.executable, *(part.format(descriptor) for part in command)],
                    cwd=FOLDER,
                    pass_fds=(descriptor,),
                    env={**os.environ, "SERVED_LOG": str(log), "SERVED_FILE": str(content)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                servers[name] = Served(name, listener.getsockname()[1], process, log)
        yield servers
    finally:
        for server in servers.values():
            server.process.kill()
            server.process.wait(5)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """Run all servers for the tests of this module."""
    with serving(tmp_path_factory.mktemp("served")) as servers:
        yield servers


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, running: dict[str, Served]) -> Served:
    """Give one of the servers."""
    return running[request.param]


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    """Give a client of it."""
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
        yield client


def read_all(port: int, request: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        received = bytearray()
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
        return bytes(received)


def test_requests_and_answers_pass_the_gateway(client: httpx.Client) -> None:
    """Path, query, body and status are unchanged, and a HEAD response has the fields of GET and no content."""
    echo = client.post("/echo", params={"q": "a b"}, json={"k": "ü"})
    head = client.head("/thread")
    missing = client.get("/caf%C3%A9")

    assert {"path": "/echo", "raw": "/echo", "query": "a b", "body": {"k": "ü"}} == echo.json()
    assert (200, b"") == (head.status_code, head.content)
    assert int(head.headers["content-length"]) > 0
    assert (404, "application/problem+json") == (missing.status_code, missing.headers["content-type"])


def test_each_colour_runs_in_its_thread(server: Served, client: httpx.Client) -> None:
    """`def` code in the server's, `async def` code on the loop."""
    thread, loop = client.get("/thread").text, client.get("/loop").text

    assert "costrel-wsgi-loop" == loop
    assert not thread.startswith("costrel")
    if server.name in ("gunicorn sync", "wsgiref"):
        assert "MainThread" == thread


def test_a_large_body_is_read(client: httpx.Client) -> None:
    """It is taken piece by piece."""
    assert "3000000" == client.post("/length", content=bytes(3_000_000)).text


def test_a_chunked_body_is_read(server: Served, client: httpx.Client) -> None:
    """Where the server knows how to."""
    if server.name == "wsgiref":
        pytest.skip("it knows no chunked bodies")

    assert "300000" == client.post("/length", content=iter([bytes(100_000)] * 3)).text


def test_a_body_over_the_limit_is_refused(server: Served) -> None:
    """By its length, before the application reads it; waitress takes it from the client first."""
    length = 3_000_001
    body = bytes(length) if server.name == "waitress" else b""
    head = b"POST /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % length

    assert b" 413 " in read_all(server.port, head + body).partition(b"\r\n")[0]


def test_streams_and_files_arrive_whole(client: httpx.Client) -> None:
    """However the server frames and sends them."""
    stream, file = client.get("/stream"), client.get("/file")
    part = client.get("/file", headers={"range": f"bytes={FILE_BYTES - 100_000}-"})

    assert "012" == stream.text
    assert bytes(FILE_BYTES) == file.content
    assert (206, 100_000) == (part.status_code, len(part.content))


@pytest.mark.pain("P22")
def test_a_stream_that_breaks_off_has_no_clean_end(server: Served) -> None:
    """The last chunk is missing where there are chunks; HTTP/1.0 cannot tell."""
    received = read_all(server.port, b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")

    assert b" 200 OK\r\n" in received
    assert b"half" in received
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.pain("P22")
def test_a_stream_is_closed_when_its_client_left(server: Served, client: httpx.Client) -> None:
    """An endless stream ends with its client; the next request is answered by the same thread."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.recv(1000)

    assert "012" == client.get("/stream").text


@pytest.mark.pain("P13")
def test_the_end_of_the_server_stops_the_application(tmp_path: Path) -> None:
    """Every process that has started the application stops it."""
    with serving(tmp_path) as servers:
        for server in servers.values():
            assert 200 == httpx.get(f"http://127.0.0.1:{server.port}/loop", timeout=15).status_code
            server.process.send_signal(signal.SIGTERM)
        codes = {name: server.process.wait(15) for name, server in servers.items()}

        assert dict.fromkeys(SERVERS, 0) == codes
        assert dict.fromkeys(SERVERS, (1, 1)) == {
            name: (server.lines.count("start"), server.lines.count("stop")) for name, server in servers.items()
        }
