"""The PROXY protocol over real sockets: who may speak it, whom it names, and what else is refused."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costrel import App, Request
from costrel.app import AppSettings
from costrel.errors import ConfigurationError
from costrel.server import ServerSettings
from costrel.server.entrance import balancers_of

pytestmark = pytest.mark.integration
GET = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
V2 = (
    SIGNATURE
    + b"\x21\x11"
    + struct.pack(">H", 12 + 7)
    + socket.inet_aton("203.0.113.9")
    + socket.inet_aton("192.0.2.1")
    + struct.pack(">HH", 40000, 443)
    + b"\x03\x00\x04abcd"
)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
ON: dict[str, Any] = {"proxy_protocol": True, "proxy_protocol_networks": ("127.0.0.0/8",)}


def telling_app(trusted_proxies: tuple[str, ...] = ()) -> App:
    """An application that tells who its client is."""
    app = App(settings=AppSettings(trusted_proxies=trusted_proxies))

    @app.get("/")
    async def index(request: Request) -> str:
        return f"{request.client[0]}:{request.client[1]}" if request.client is not None else "nobody"

    return app


@pytest.mark.security("F4")
@pytest.mark.parametrize("trusted", [(), ("127.0.0.0/8",), ("127.0.0.0/8", "203.0.113.0/24")], ids=["-", "lb", "both"])
@pytest.mark.parametrize(
    ("header", "client"),
    [
        pytest.param(V1, "203.0.113.9:40000", id="v1"),
        pytest.param(V2, "203.0.113.9:40000", id="v2"),
        pytest.param(b"PROXY UNKNOWN\r\n", "nobody", id="v1-unknown"),
        pytest.param(LOCAL, "127.0.0.1", id="v2-local"),
    ],
)
def test_who_the_client_is(run: Any, net: Any, header: bytes, client: str, trusted: tuple[str, ...]) -> None:
    """The header says it for every request of the connection; fields count only when that client is a proxy itself."""
    speaks_for_a_proxy = (client.startswith("203") and len(trusted) == 2) or (client.startswith("127") and trusted)
    expected = "198.51.100.7:" if speaks_for_a_proxy else client

    async def main() -> None:
        async with net.running(telling_app(trusted), **ON) as server, net.client(server) as connection:
            for data in (header + GET, GET):
                await connection.send(data)

                assert (await connection.answer())[2].decode().startswith(expected)

    run(main)


@pytest.mark.parametrize("header", [V1, V2, LOCAL], ids=["v1", "v2", "v2-local"])
def test_header_byte_by_byte(run: Any, net: Any, header: bytes) -> None:
    """Nothing of the header is lost and nothing behind it is taken, however it comes."""

    async def main() -> None:
        async with net.running(telling_app(), **ON) as server, net.client(server) as connection:
            for byte in header + GET:
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.001)

            assert 200 == (await connection.answer())[0]

    run(main)


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_header_in_front_of_tls(run: Any, net: Any, certify: Callable[..., tuple[Path, Path]], header: bytes) -> None:
    """A balancer that passes TLS on writes its header before the handshake, in the same packet if it likes."""
    certificate, key = certify()
    tls = {"tls_certificate_path": str(certificate), "tls_key_path": str(key)}
    context = ssl.create_default_context(cafile=certificate)

    def talk(address: tuple[str, int]) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="shop.example")
        with socket.create_connection(address, 5) as plain:
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            plain.sendall(header + outgoing.read())
            while True:
                incoming.write(plain.recv(65536))
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
            client.write(GET)
            plain.sendall(outgoing.read())
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    return client.read()
                incoming.write(plain.recv(65536))

    async def main() -> None:
        async with net.running(telling_app(), **ON, **tls) as server:
            host, _, port = server.addresses[0].rpartition(":")
            answer = await asyncio.wait_for(asyncio.to_thread(talk, (host, int(port))), 5)

            assert answer.endswith(b"203.0.113.9:40000")

    run(main)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GET, id="http"),
        pytest.param(b"PROXY TCP4 999.0.113.9 192.0.2.1 40000 443\r\n" + GET, id="malformed"),
        pytest.param(V1.replace(b"\r\n", b"\n") + GET, id="line-feed"),
        pytest.param(SIGNATURE + b"\x31\x11\x00\x00" + GET, id="unknown-version"),
        pytest.param(V2[:-9], id="ends-in-the-header"),
        pytest.param(b"PROXY " + b"x" * 200, id="too-long"),
    ],
)
def test_what_is_no_header_is_closed(run: Any, net: Any, data: bytes) -> None:
    """Without a word, because nobody knows whom it would be said to."""

    async def main() -> None:
        async with net.running(telling_app(), **ON, header_timeout_seconds=0.5) as server:
            assert b"" == await net.talk(server, data, 3)

    run(main)


@pytest.mark.security("I1")
@pytest.mark.parametrize("sent", [b"", V1[:20], V2[:20]], ids=["nothing", "half-v1", "half-v2"])
def test_header_that_does_not_come_in_time(run: Any, net: Any, sent: bytes) -> None:
    """The connection is closed when the time of a head is over, and others are served meanwhile."""

    async def main() -> None:
        async with (
            net.running(telling_app(), **ON, header_timeout_seconds=0.3) as server,
            net.client(server) as slow,
            net.client(server) as quick,
        ):
            began = time.monotonic()
            await slow.send(sent)
            await quick.send(V1 + GET)

            assert 200 == (await quick.answer())[0]
            assert b"" == await slow.rest(3)
            assert 0.25 <= time.monotonic() - began < 1.5

    run(main)


@pytest.mark.security("F4")
def test_who_may_not_say_so(run: Any, net: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A peer that is no load balancer is refused, header or not, and the log names it."""
    caplog.set_level("INFO", "costrel.server")

    async def main() -> None:
        settings = {**ON, "proxy_protocol_networks": ("10.0.0.0/8",)}
        async with net.running(telling_app(("127.0.0.1",)), **settings) as server:
            for data in (V1 + GET, GET, b""):
                assert b"" == await net.talk(server, data, 3)

            assert 3 == caplog.text.count("proxy_protocol_refused client=127.0.0.1")

    run(main)


def test_proxies_of_the_application_are_its_balancers(run: Any, net: Any) -> None:
    """Unless the server has networks of its own, those that the application trusts may speak the protocol."""

    async def main() -> None:
        async with net.running(telling_app(("127.0.0.1",)), proxy_protocol=True) as server:
            answer = await net.talk(server, V1 + GET[:-2] + b"Connection: close\r\n\r\n")

            assert answer.endswith(b"203.0.113.9:40000")

    run(main)


@pytest.mark.security("C30")
def test_nobody_may_speak_it() -> None:
    """The protocol without a network that may speak it is an error at the start."""
    with pytest.raises(ConfigurationError) as caught:
        balancers_of(telling_app(), ServerSettings(proxy_protocol=True))

    assert "COS-SERVER-004" == caught.value.code
    assert balancers_of(telling_app(("10.0.0.0/8",)), ServerSettings()) is None


def test_unix_socket(run: Any, net: Any, tmp_path: Path) -> None:
    """There the permissions of the file say who may connect."""
    path = str(tmp_path / "s")

    async def main() -> None:
        async with net.running(telling_app(), proxy_protocol=True, uds=path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(V1 + GET[:-2] + b"Connection: close\r\n\r\n")

            assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"203.0.113.9:40000")

            writer.close()

    run(main)


def test_without_a_descriptor_accepting_pauses(run: Any, net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no file may be opened, accepting pauses instead of spinning, and goes on afterwards."""
    attempts = 0

    class Full:
        """A listening socket of a process that may open nothing more, at first."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real

        def accept(self) -> Any:
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return self.real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    monkeypatch.setattr("costrel.server.entrance._PAUSE_SECONDS", 0.2)

    async def main() -> None:
        async with net.running(telling_app(), **ON) as server:
            entrance = server._entrance
            listening = Full(entrance._listening[0])
            server._core.loop.remove_reader(entrance._listening[0])
            entrance._listening[0] = listening
            server._core.loop.add_reader(listening.real, entrance._accept, listening)
            began = time.monotonic()
            answer = await net.talk(server, V1 + GET[:-2] + b"Connection: close\r\n\r\n")

            assert answer.endswith(b"203.0.113.9:40000")
            assert time.monotonic() - began >= 0.15
            assert 2 <= attempts <= 4

    run(main)


def test_what_waits_in_the_kernel_is_let_in_at_the_end(run: Any, net: Any) -> None:
    """A request that has arrived before the server closes its door is answered, header and all."""

    async def main() -> None:
        async with net.running(telling_app(), **ON, graceful_timeout_seconds=2) as server:
            host, _, port = server.addresses[0].rpartition(":")
            clients = [socket.create_connection((host, int(port)), 5) for _ in range(5)]
            for client in clients:
                client.sendall(V1 + GET)
            server.request_stop()
            await server.stop()
            answers = [client.recv(65536) for client in clients]
            for client in clients:
                client.close()

            assert [200] * 5 == [status for answer in answers for status in net.statuses(answer)]

    run(main)
