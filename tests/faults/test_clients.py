"""Clients that leave, vanish, dawdle or speak oddly, while others are served all the time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
MIB = 1024 * 1024
Serve = Callable[..., Any]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def reset(client: socket.socket) -> None:
    """Leave with a reset instead of a goodbye."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    client.close()


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)


@pytest.mark.security("R1")
@pytest.mark.security("R2")
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("path", ["/up/form", "/up/stream"])
def test_a_client_leaves_in_its_upload(serve: Serve, load: Any, path: str, framing: str, how: str) -> None:
    """The upload never counts as complete, its temporary file is gone, and nobody else notices."""
    service = serve()
    service.get("/")
    before = service.inside()
    fields = "Content-Length: 104857600" if framing == "length" else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n{fields}\r\n\r\n"

    async def main() -> Any:
        clients = load.Load(service.address, clients=8)
        async with clients.running() as ledger:
            for _ in range(10):
                client = service.connect()
                client.sendall(head.encode())
                pieces = [FORM, *[bytes(MIB)] * 3]
                for piece in pieces:
                    client.sendall(piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece))
                await asyncio.sleep(0.05)
                client.close() if how == "close" else reset(client)
        return ledger

    ledger = asyncio.run(main())

    assert [] == ledger.losses()
    assert service.settles(before)
    assert "complete" not in service.output
    if path == "/up/stream":
        service.wait_for(lambda: service.output.count("stream ended with ClientDisconnected") == 10, "ten ends")
    assert "Traceback" not in service.output


@pytest.mark.security("R3")
def test_a_client_leaves_while_its_handler_computes(serve: Serve) -> None:
    """The handler sees it and goes on; one that asked for it is cancelled where it waits."""
    service = serve()
    for path in ("/compute", "/compute/cancel"):
        with service.connect() as client:
            client.sendall(get(path))
            time.sleep(0.1)
            reset(client)
    service.wait_for_output("hasty cancelled")
    service.wait_for_output("patient finished")

    assert service.output.index("patient saw it") < service.output.index("patient finished")
    assert "hasty finished" not in service.output
    assert 200 == service.get("/")[0]


@pytest.mark.security("R4")
@pytest.mark.parametrize("path", ["/endless", "/events"])
def test_a_client_leaves_in_a_stream(serve: Serve, path: str) -> None:
    """The generator is closed, and its `finally` has run, within a second."""
    service = serve()
    service.get("/")
    before = service.inside()
    word = f"{path[1:]} closed"
    for number in range(1, 6):
        with service.connect() as client:
            client.sendall(get(path))
            client.recv(100)
            began = time.monotonic()
            reset(client)
        service.wait_for(lambda number=number: service.output.count(word) == number, word)

        assert time.monotonic() - began < 1
    assert service.settles(before)


@pytest.mark.security("R28")
def test_readers_that_read_nothing(serve: Serve, kit: Any) -> None:
    """A thousand of them cost bounded memory, are cut off at the write time-out, and leave nothing."""
    count = kit.scaled(1000)
    service = serve("--write-timeout-seconds", "4", "--max-concurrent-requests", "2000")
    service.get("/")
    before, held = service.rss_bytes, service.inside()

    async def main() -> int:
        peak = 0
        async with kit.connections(service.address, count) as opened:
            for reader, writer in opened:
                reader._limit = 1
                writer.transport.pause_reading()
                writer.write(get("/endless"))
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                peak = max(peak, service.rss_bytes)
                assert max(await kit.latencies(service.address, 5)) < 2
                await asyncio.sleep(0.1)
        return peak

    peak = asyncio.run(main())

    assert peak - before < count * 256 * 1024 + 32 * MIB
    service.wait_for(lambda: service.output.count("endless closed") == count, "the end of all streams", 30)
    assert service.settles(held)


@pytest.mark.security("R30")
def test_slow_heads_beside_normal_clients(serve: Serve, kit: Any, load: Any) -> None:
    """Thousands of clients that send a byte now and then are cut off at their deadline; nobody else is slower."""
    count = kit.scaled(5000)
    service = serve("--header-timeout-seconds", "4", "--max-connections", "12000")

    async def main() -> tuple[float, float, int, Any]:
        base = kit.percentile(await kit.latencies(service.address, 500), 0.99)
        clients = load.Load(service.address, clients=4, pause_seconds=0.01)
        async with clients.running() as ledger, kit.connections(service.address, count) as opened:
            for _, writer in opened:
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-")
            during = kit.percentile(await kit.latencies(service.address, 500), 0.99)
            ends = [asyncio.ensure_future(reader.read()) for reader, _ in opened]
            for _ in range(40):
                for (_, writer), end in list(zip(opened, ends, strict=True))[:: max(count // 100, 1)]:
                    if not end.done():
                        writer.write(b"a")
                _, left = await asyncio.wait(ends, timeout=0.25)
                if not left:
                    break
            for end in left:
                end.cancel()
            return base, during, len(left), ledger

    base, during, left, ledger = asyncio.run(main())

    assert 0 == left
    assert [] == ledger.losses()
    assert during < max(2 * base, 0.1)


@pytest.mark.security("R32")
def test_a_socket_whose_client_vanishes(serve: Serve, kit: Any) -> None:
    """Without a goodbye it is noticed by the ping, and the handler is told once, with code 1006."""
    client = pytest.importorskip("websockets.asyncio.client")
    service = serve("--ws-ping-interval-seconds", "1", "--ws-ping-timeout-seconds", "1")
    service.get("/")
    before = service.inside()

    async def main() -> float:
        async with kit.Proxy(service.address) as proxy:
            host, port = proxy.address
            socket = await client.connect(f"ws://{host}:{port}/chat", ping_interval=None, open_timeout=10)
            await socket.send("hello")

            assert "hello" == await asyncio.wait_for(socket.recv(), 10)

            proxy.pause()
            began = time.monotonic()
            await asyncio.to_thread(service.wait_for_output, "chat ended with Disconnect 1006", 10)
            took = time.monotonic() - began
            socket.transport.abort()
            return took

    assert asyncio.run(main()) < 4
    assert 1 == service.output.count("chat ended")
    assert service.settles(before)


@pytest.mark.security("R35")
def test_probes_of_load_balancers(serve: Serve) -> None:
    """HTTP/1.0 without Host is answered; a connection that says nothing leaves no line in any log."""
    service = serve("--access-log")
    answer = service.talk(b"GET / HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"hello")

    service.wait_for_output("path=/ status_code=200")
    lines = service.output.count("\n")
    for _ in range(20):
        service.connect().close()
    with service.connect() as client:
        reset(client)
    time.sleep(0.3)

    assert lines == service.output.count("\n")


@pytest.mark.security("R35")
def test_the_header_of_a_load_balancer(serve: Serve) -> None:
    """A PROXY header is a bad request where nobody expects it, and names the client where somebody does."""
    header = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 80\r\n"
    plain = serve()

    assert plain.talk(header + get("/")).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))

    behind = serve("--proxy-protocol", "--proxy-protocol-networks", "127.0.0.0/8", "--access-log")
    answer = behind.talk(header + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b"hello")
    behind.wait_for_output("192.0.2.7")
