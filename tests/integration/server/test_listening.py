"""Tests of listening sockets."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from costrel.errors import ConfigurationError
from costrel.server.listening import accept_waiting, address_of, connection_limit, open_sockets
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
@pytest.mark.parametrize(("soft", "expected"), [(256, 204), (100_000, 10_000)])
def test_connections_leave_descriptors_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, soft: int, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    """There are never more connections than four fifths of the files that may be open, and the log says so."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))

    assert expected == connection_limit(10_000)
    assert (expected < 10_000) == ("max_connections_lowered" in caplog.text)
