"""Tests of listening sockets."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from costrel.errors import ConfigurationError
from costrel.server.listening import (
    accept_waiting,
    activated_fds,
    address_of,
    connection_limit,
    is_inherited,
    open_sockets,
    refuse_newcomers,
)
from costrel.server.settings import ServerSettings

pytestmark = pytest.mark.integration


def test_port_0_is_a_free_port() -> None:
    """Port 0 is replaced by a real one, and the socket listens at once."""
    (listening,) = open_sockets(ServerSettings(port=0))
    with listening:
        host, _, port = address_of(listening).rpartition(":")

        assert "127.0.0.1" == host
        assert int(port) > 0
        assert not listening.getblocking()

        socket.create_connection((host, int(port)), 1).close()


def test_address_of_ipv6() -> None:
    """An IPv6 address stands in brackets, as in a URL."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        (listening,) = open_sockets(ServerSettings(host="::1", port=0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening:
        assert address_of(listening).startswith("[::1]:")


def test_taken_port_leaves_nothing_open() -> None:
    """When an address cannot be bound, the error says so and no socket stays open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(OSError, match="in use"):
            open_sockets(ServerSettings(port=taken.getsockname()[1]))

        assert before == len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, [3, 4], id="two-for-this-process"),
        pytest.param({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, [], id="for-another-process"),
        pytest.param({"LISTEN_FDS": "2"}, [], id="for-nobody"),
        pytest.param({"LISTEN_PID": "7"}, [], id="none"),
        pytest.param({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, [], id="no-number"),
        pytest.param({}, [], id="not-started-by-systemd"),
    ],
)
def test_sockets_of_systemd(environ: dict[str, str], expected: list[int]) -> None:
    """Their numbers begin with 3, and they are for the process that is named alone."""

    assert expected == list(activated_fds(environ, 7))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(ServerSettings(fd=9), True, id="by-number"),
        pytest.param(ServerSettings(uds="a"), False, id="a-path"),
        pytest.param(ServerSettings(), False, id="a-port"),
    ],
)
def test_whose_socket_it_is(settings: ServerSettings, expected: bool) -> None:
    """One that is inherited stays open when the server stops."""

    assert expected == is_inherited(settings)


def test_what_is_no_listening_socket_is_refused() -> None:
    """With the reason, and nothing left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ConfigurationError, match="a socket unit needs `Accept=no`"):
        open_sockets(ServerSettings(fd=ours.fileno()))
    with pytest.raises(ConfigurationError, match="It is not an open socket"):
        open_sockets(ServerSettings(fd=999))

    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_newcomers_are_kept_out_while_the_queue_is_emptied() -> None:
    """Who waits already, or is connected, is not touched; who comes now is refused when the socket closes."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as early:
        early.sendall(b"before")
        refuse_newcomers(listening)
        early.sendall(b" and after")
        with socket.socket() as late:
            late.setblocking(False)
            late.connect_ex(listening.getsockname())
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(5)
                received = accepted.recv(100)
                while len(received) < len(b"before and after"):
                    received += accepted.recv(100)

                assert b"before and after" == received

            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()


def test_keeping_newcomers_out_is_for_tcp(tmp_path: Path) -> None:
    """A Unix socket is left as it is."""
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(str(tmp_path / "a"))
        listening.listen()
        refuse_newcomers(listening)
        client.connect(str(tmp_path / "a"))


def test_inherited_socket_is_copied() -> None:
    """The descriptor of the parent stays its own; the server listens on a copy."""
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        (listening,) = open_sockets(ServerSettings(fd=inherited.fileno()))
        with listening:
            assert listening.fileno() != inherited.fileno()
            assert listening.getsockname() == inherited.getsockname()


def test_unix_socket(tmp_path: Path) -> None:
    """A socket that an earlier process left is replaced, its address is its path, and a file is left alone."""
    path = tmp_path / "socket"
    for _ in range(2):
        (listening,) = open_sockets(ServerSettings(uds=str(path)))
        with listening:
            assert str(path) == address_of(listening)

    path.unlink()
    path.write_text("data")
    with pytest.raises(ConfigurationError) as caught:
        open_sockets(ServerSettings(uds=str(path)))

    assert "COS-SERVER-002" == caught.value.code
    assert "Something that is not a socket is there already." in str(caught.value)
    assert "data" == path.read_text()


def test_waiting_connections_are_accepted(run: Any) -> None:
    """What waits in the kernel is taken, all of it, and a client that has gone again is no error."""
    made: list[Any] = []

    class Greeter(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            made.append(transport)
            transport.write(b"hello")
            transport.close()

    async def main() -> None:
        (listening,) = open_sockets(ServerSettings(port=0))
        with listening:
            clients = [socket.create_connection(listening.getsockname(), 1) for _ in range(5)]
            clients[2].close()
            await accept_waiting(listening, asyncio.get_running_loop(), Greeter)
            await asyncio.sleep(0.02)

            assert [b"hello"] * 4 == [client.recv(10) for client in clients if client.fileno() >= 0]
            for client in clients:
                client.close()

        assert 5 == len(made)

    run(main)


@pytest.mark.security("R24")
@pytest.mark.parametrize(
    ("soft", "hard", "expected", "said"),
    [
        pytest.param(1024, 100_000, 10_000, "open_files_limit_raised from=1024 to=100000", id="raised"),
        pytest.param(1024, 4096, 3276, "max_connections_lowered from=10000 to=3276", id="raised-and-still-too-low"),
        pytest.param(20_000, 100_000, 10_000, "", id="high-enough"),
        pytest.param(1024, -2, 819, "open_files_limit_kept limit=1024", id="not-allowed"),
    ],
)
def test_limit_of_open_files_is_raised(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    expected: int,
    said: str,
) -> None:
    """When it does not allow as many connections as were asked for, it is raised, and the log says what there is."""
    caplog.set_level("INFO", "costrel.server")
    raised: list[tuple[int, int]] = []

    def raise_limit(_: int, limits: tuple[int, int]) -> None:
        if limits[1] < 0:
            raise ValueError("not allowed to raise maximum limit")
        raised.append(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", raise_limit)

    assert expected == connection_limit(10_000)
    assert said in caplog.text
    assert ([(hard, hard)] if "raised" in caplog.text else []) == raised
    assert bool(said) == bool(caplog.records)


@pytest.mark.security("R24")
@pytest.mark.parametrize(("soft", "expected"), [(256, 204), (100_000, 10_000)])
def test_connections_leave_descriptors_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, soft: int, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    """There are never more connections than four fifths of the files that may be open, and the log says so."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    assert expected == connection_limit(10_000)
    assert (expected < 10_000) == ("max_connections_lowered" in caplog.text)
