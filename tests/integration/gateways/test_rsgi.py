"""The RSGI gateway under granian: what depends on a real server, beside what is the same everywhere."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from transports.clients import LIMIT_SECONDS
from transports.running import Running, running
from websockets.sync.client import connect

from costrel.gateways.rsgi_cutting import cut_connection

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An application whose requests last, under granian."""
    with running("granian-rsgi", "lasting", tmp_path_factory.mktemp("lasting")) as application:
        assert ["start"] == application.ears.wait(bool)
        yield application


def ask(port: int, request: bytes) -> socket.socket:
    """Send a request and return the connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS)
    connection.sendall(request)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the end, however it comes."""
    received = bytearray()
    with connection:
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
    return bytes(received)


def head(target: str, *lines: str, method: str = "GET") -> bytes:
    """Write the head of a request."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: a", *lines, "", ""]).encode()


@pytest.mark.pain("P13")
def test_the_lifespan_runs_once_and_its_variables_are_seen(tmp_path: Path) -> None:
    """Start-up comes before the first request, and the stop before the process ends."""
    with running("granian-rsgi", "lasting", tmp_path) as application:
        received = read_all(ask(application.port, head("/tenant", "connection: close")))

    assert received.endswith(b"\r\n\r\nacme")
    assert ["start", "stop"] == application.ears.wait(lambda facts: "stop" in facts)


@pytest.mark.pain("P10")
@pytest.mark.parametrize(("target", "sign"), [("/wait", "waiting"), ("/ask", "asking")])
def test_a_handler_is_told_that_its_client_left(application: Running, target: str, sign: str) -> None:
    """Whoever waits is woken, and whoever asks from a thread sees it."""
    with ask(application.port, head(target)):
        assert sign in application.ears.wait(lambda facts: sign in facts)

    assert "gone" in application.ears.wait(lambda facts: "gone" in facts)


@pytest.mark.pain("P22")
def test_a_stream_is_closed_when_its_client_left(application: Running) -> None:
    """An endless stream ends with its client."""
    with ask(application.port, head("/endless")) as connection:
        connection.recv(1000)

    assert "closed" in application.ears.wait(lambda facts: "closed" in facts)


@pytest.mark.pain("P22")
@pytest.mark.parametrize("target", ["/broken", "/aborted"])
def test_a_stream_that_breaks_off_has_no_clean_end(application: Running, target: str) -> None:
    """The last chunk is missing, so the client does not take the half for the whole."""
    assert not read_all(ask(application.port, head(target))).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("framing", ["content-length: 10", "transfer-encoding: chunked"])
def test_a_body_that_breaks_off_is_not_taken_for_whole(application: Running, framing: str) -> None:
    """The server ends both alike, and the handler is told which it is."""
    half = b"5\r\nhalf.\r\n" if "chunked" in framing else b"half."
    with ask(application.port, head("/upload", framing, method="POST") + half) as connection:
        assert ["half."] == application.ears.wait(bool)
        # Reset, so that the server sees the end at once.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert ["broken off"] == application.ears.wait(bool)


def test_a_socket_loses_no_message_to_a_reader_that_gives_up(application: Running) -> None:
    """A handler that waits with a limit gets every message, and many may send at once."""
    with connect(f"ws://127.0.0.1:{application.port}/patient") as client:
        answers = []
        for word in ("one", "two"):
            client.send(word)
            answers += [client.recv(timeout=LIMIT_SECONDS) for _ in range(3)]

    assert [f"{word} {number}" for word in ("one", "two") for number in range(3)] == answers
    assert [1005] == application.ears.wait(bool)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_connection_between_two_addresses_is_cut(host: str) -> None:
    """No other is, and one that is not there is not found."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shown = f"[{host}]" if ":" in host else host
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with (
            socket.create_connection((host, port), LIMIT_SECONDS) as first,
            listener.accept()[0],
            socket.create_connection((host, port), LIMIT_SECONDS) as second,
            listener.accept()[0] as ours,
        ):
            client = f"{shown}:{first.getsockname()[1]}"

            assert not cut_connection(f"{shown}:{port + 1}", client)
            assert cut_connection(f"{shown}:{port}", client)
            assert b"" == first.recv(1)
            ours.sendall(b"x")
            assert b"x" == second.recv(1)
        assert not cut_connection(f"{shown}:{port}", client)


def test_a_unix_socket_is_not_found() -> None:
    """It has no addresses to find it by."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not cut_connection("", "")
