"""The server on real sockets: answers that arrive, half-closed clients, Unix sockets, and stopping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from costrel import App, Response, StreamResponse
from costrel.errors import ConfigurationError
from costrel.server import Server, ServerSettings

pytestmark = pytest.mark.integration
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def test_answer_to_a_bad_request_arrives(run: Any, net: Any) -> None:
    """The answer to a bad request is read by the client although it was still sending."""

    async def main() -> None:
        async with net.running() as server:
            answer = await net.talk(server, b"GET / HTTP/1.1\r\n\r\n" + bytes(50_000))

            assert [400] == net.statuses(answer)
            assert answer.endswith(b"\r\n\r\nThe Host field is missing or is not a host with an optional port.")

    run(main)


@pytest.mark.capability("C040")
def test_large_stream_arrives_whole(run: Any, net: Any) -> None:
    """A stream that is longer than all buffers is sent in chunks, waits for the client, and ends properly."""
    app = App()

    @app.get("/")
    async def index() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 65536

        return StreamResponse(pieces())

    async def main() -> None:
        async with net.running(app) as server, net.client(server) as client:
            for _ in range(2):
                await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                status_code, _, body = await client.answer()

                assert (200, 100 * 65536) == (status_code, len(body))

    run(main)


@pytest.mark.parametrize("is_plain", [True, False])
def test_half_closed_client_gets_all_its_answers(run: Any, net: Any, is_plain: bool) -> None:
    """A client that has sent all its requests and closed its side is answered, every one of them, and then closed."""
    app = App()

    @app.get("/{number}")
    async def answer(number: int) -> Response:
        await asyncio.sleep(0.002)
        return Response(b"%d" % number, headers=None if is_plain else {"X-A": "1"})

    async def main() -> None:
        async with net.running(app) as server:
            for count in (1, 2, 40):
                async with net.client(server) as client:
                    await client.send(b"".join(GET % number for number in range(count)))
                    client.writer.write_eof()

                    assert [200] * count == net.statuses(await client.rest())

    run(main)


@pytest.mark.pain("P9")
def test_stop_finishes_what_runs_and_cancels_what_stays(run: Any, net: Any) -> None:
    """Stopping waits for requests in flight, cancels those that stay, and always ends the application."""
    outcome: list[str] = []
    app = App()

    @app.get("/{tenths}")
    async def wait(tenths: int) -> str:
        try:
            await asyncio.sleep(tenths / 10)
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise
        return "done"

    @app.on_stop
    async def stop() -> None:
        outcome.append("stopped")

    async def main() -> None:
        server = Server(app, ServerSettings(port=0, graceful_timeout_seconds=0.4))
        await server.start()
        answers = [asyncio.ensure_future(net.talk(server, GET % number)) for number in (1, 300)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await server.stop()

        assert time.monotonic() - began < 3
        assert b"done" in await answers[0]
        assert b"connection: close" in await answers[0]
        assert [503] == net.statuses(await answers[1])
        assert ["cancelled", "stopped"] == outcome

    run(main)


def test_delay_before_stopping(run: Any, net: Any) -> None:
    """While the delay runs, new connections are still served, so that a balancer can take the server out first."""

    async def main() -> None:
        server = Server(net.make_app(), ServerSettings(port=0, shutdown_delay_seconds=0.3))
        await server.start()
        stopping = asyncio.ensure_future(server.stop())
        await asyncio.sleep(0.1)

        assert [200] == net.statuses(await net.talk(server, (GET % 1)[:-2] + b"Connection: close\r\n\r\n"))

        await stopping
        with pytest.raises(OSError):
            await net.talk(server, GET % 2)

    run(main)


def test_unix_socket(run: Any, net: Any, tmp_path: Path) -> None:
    """A Unix socket serves as a TCP one does, also where an earlier process has left its own behind."""

    async def main() -> None:
        path = str(tmp_path / "s")
        for _ in range(2):
            async with net.running(uds=path) as server:
                assert (path,) == server.addresses

                client = net.Client(*await asyncio.open_unix_connection(path))
                await client.send(GET % 1)

                assert (200, b"1") == (await client.answer())[::2]

                client.close()

    run(main)


def test_file_in_the_place_of_a_socket(run: Any, net: Any, tmp_path: Path) -> None:
    """A file that is no socket is never replaced."""
    path = tmp_path / "precious"
    path.write_text("data")

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="COS-SERVER-002"):
            async with net.running(uds=str(path)):
                pass

    run(main)

    assert "data" == path.read_text()


def test_every_address_of_a_name(run: Any, net: Any) -> None:
    """With port 0 each address of a host gets the same free port, and the addresses say which."""

    async def main() -> None:
        async with net.running(host="localhost") as server:
            ports = {address.rpartition(":")[2] for address in server.addresses}

            assert 1 == len(ports)
            assert [200] == net.statuses(await net.talk(server, (GET % 1)[:-2] + b"Connection: close\r\n\r\n"))

    run(main)
