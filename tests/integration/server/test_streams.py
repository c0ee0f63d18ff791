"""Responses on real sockets: truncation that shows, trailers, interim responses, clients that leave."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from costrel import App, Request, Response, StreamResponse

pytestmark = pytest.mark.integration


def get(path: str, *, closes: bool = False) -> bytes:
    end = "Connection: close\r\n\r\n" if closes else "\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{end}".encode()


def download(address: str) -> bytes:
    """Return the body as the standard library's client reads it."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.pain("P22")
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_stream_that_fails_is_cut(run: Any, net: Any, kind: str) -> None:
    """A stream that fails has no end, its `finally` has run, and a tool that downloads it says so."""
    ended: list[str] = []
    app = App()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"a" * 1000
            await asyncio.sleep(0.01)
            raise ValueError("broken")
        finally:
            ended.append("finally")

    def sync_pieces() -> Iterator[bytes]:
        try:
            yield b"a" * 1000
            time.sleep(0.01)
            raise ValueError("broken")
        finally:
            ended.append("finally")

    @app.get("/")
    async def index() -> Response:
        return StreamResponse(pieces() if kind == "async" else sync_pieces())

    async def main() -> None:
        async with net.running(app) as server:
            answer = await net.talk(server, get("/"))

            assert b"HTTP/1.1 200 " in answer
            assert b"a" * 1000 in answer
            assert not answer.endswith(b"0\r\n\r\n")
            assert ["finally"] == ended

            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                await asyncio.to_thread(download, server.addresses[0])

            assert ["finally"] * 2 == ended

    run(main)


@pytest.mark.pain("P22")
def test_stream_that_fails_at_once_is_a_500(run: Any, net: Any) -> None:
    """The first piece is made before the head is sent, so a stream that cannot begin is an honest error."""
    app = App()

    async def pieces() -> AsyncIterator[bytes]:
        raise ValueError("broken")
        yield b""

    @app.get("/")
    async def index() -> Response:
        return StreamResponse(pieces())

    async def main() -> None:
        async with net.running(app) as server:
            assert [500, 500] == net.statuses(await net.talk(server, get("/") + get("/", closes=True)))

    run(main)


@pytest.mark.capability("X15")
def test_trailers(run: Any, net: Any) -> None:
    """A checksum that is known at the end of a stream arrives behind its last chunk."""
    app = App()

    @app.get("/")
    async def index() -> Response:
        digest = hashlib.sha256()

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                piece = b"%d" % number * 100
                digest.update(piece)
                yield piece

        response = StreamResponse(pieces(), headers={"Trailer": "X-Checksum"})
        response.trailers = lambda: {"X-Checksum": digest.hexdigest()}
        return response

    async def main() -> None:
        async with net.running(app) as server, net.client(server) as client:
            for _ in range(2):
                await client.send(get("/"))
                status_code, fields, body = await client.answer()

                assert 200 == status_code
                assert "X-Checksum" == fields["trailer"]
                assert hashlib.sha256(body).hexdigest() == fields["trailer x-checksum"]

    run(main)


@pytest.mark.capability("C048")
def test_early_hints(run: Any, net: Any) -> None:
    """A client has the links of 103 before the handler has its answer; a client of HTTP/1.0 never sees them."""
    gate: list[asyncio.Event] = []
    app = App()

    @app.get("/")
    async def index(request: Request) -> str:
        await request.send_informational(103, {"Link": "</a.css>; rel=preload"})
        await gate[0].wait()
        return "page"

    async def main() -> None:
        gate.append(asyncio.Event())
        async with net.running(app) as server, net.client(server) as client:
            await client.send(get("/"))
            status_code, fields, _ = await client.answer()

            assert 103 == status_code
            assert "</a.css>; rel=preload" == fields["link"]

            gate[0].set()

            assert (200, b"page") == (await client.answer())[::2]
            assert [200] == net.statuses(await net.talk(server, b"GET / HTTP/1.0\r\n\r\n"))

    run(main)
    gate.clear()


@pytest.mark.capability("C035")
@pytest.mark.pain("P10")
@pytest.mark.parametrize("how", ["close", "reset"])
def test_disconnect_is_seen_at_once(run: Any, net: Any, how: str) -> None:
    """A handler that computes sees within 100 ms that its client has left."""
    seen: list[float] = []
    app = App()

    @app.get("/")
    async def index(request: Request) -> str:
        while not request.is_disconnected:
            await asyncio.sleep(0.002)
        seen.append(time.monotonic())
        await request.wait_disconnected()
        return "late"

    async def main() -> None:
        async with net.running(app) as server, net.client(server) as client:
            await client.send(get("/"))
            await asyncio.sleep(0.05)
            left = time.monotonic()
            getattr(client, how)()

            assert await net.until(lambda: bool(seen))
            assert seen[0] - left < 0.1
            assert await net.until(lambda: server._core.active_count == 0)

    run(main)


@pytest.mark.pain("P10")
def test_disconnect_is_no_error(run: Any, net: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A client that leaves in the middle of its body is 499 in the log, and no handler's `except` makes more of it."""
    caught: list[str] = []
    events: list[tuple[str, object]] = []
    app = App()
    app.on("request_finished", lambda fields: events.append(("finished", fields["status_code"])))
    app.on("client_disconnected", lambda fields: events.append(("disconnected", fields["path"])))

    @app.errorhandler(Exception)
    async def on_error(error: Exception) -> str:
        caught.append(repr(error))
        return "error page"

    @app.post("/up")
    async def up(request: Request) -> str:
        try:
            await request.read()
        except Exception as error:
            caught.append(repr(error))
            raise
        return "complete"

    async def main() -> None:
        async with net.running(app) as server, net.client(server) as client:
            await client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            await asyncio.sleep(0.05)
            client.reset()

            assert await net.until(lambda: len(events) == 2)

    caplog.set_level(logging.INFO, "costrel")
    run(main)

    assert [] == caught
    assert {("finished", 499), ("disconnected", "/up")} == set(events)
    assert [] == [record for record in caplog.records if record.levelno > logging.INFO]
    assert ["costrel.server"] == [record.name for record in caplog.records if "status_code=499" in record.getMessage()]


@pytest.mark.capability("N01")
def test_handler_is_cancelled_when_its_client_leaves(run: Any, net: Any) -> None:
    """With `cancel_on_disconnect` a handler ends where it waits; without it, it goes on."""
    outcome: list[str] = []
    app = App()

    async def work(name: str) -> str:
        try:
            await asyncio.sleep(0.3)
            outcome.append(f"{name} done")
        except asyncio.CancelledError:
            outcome.append(f"{name} cancelled")
            raise
        return name

    @app.get("/stops", cancel_on_disconnect=True)
    async def stops() -> str:
        return await work("stops")

    @app.get("/goes-on")
    async def goes_on() -> str:
        return await work("goes on")

    async def main() -> None:
        async with net.running(app) as server:
            for path in ("/stops", "/goes-on"):
                async with net.client(server) as client:
                    await client.send(get(path))
                    await asyncio.sleep(0.05)
                    client.reset()

            assert await net.until(lambda: len(outcome) == 2)
            assert {"stops cancelled", "goes on done"} == set(outcome)
            assert await net.until(lambda: server._core.active_count == 0)
            assert not server._core.orphans

    run(main)


@pytest.mark.capability("C148")
@pytest.mark.capability("N01")
def test_deadline_cancels_a_handler(run: Any, net: Any) -> None:
    """A handler that is over its deadline is cancelled, its client gets 503, and the connection goes on."""
    outcome: list[str] = []
    app = App()

    async def deadline(request: Request, call_next: Any) -> Response:
        request.deadline_seconds = 0.1
        response: Response = await call_next(request)
        return response

    @app.get("/", use=[deadline])
    async def index() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise
        return "late"

    @app.get("/next")
    async def following() -> str:
        return "next"

    async def main() -> None:
        async with net.running(app) as server, net.client(server) as client:
            began = time.monotonic()
            await client.send(get("/") + get("/next"))

            assert 503 == (await client.answer())[0]
            assert time.monotonic() - began < 1
            assert b"next" == (await client.answer())[2]
            assert ["cancelled"] == outcome

    run(main)
