"""Tests of WebSockets over real sockets, with the client of another project and with raw bytes."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from costrel import App, Disconnect, EventStream, Forbidden, HTTPError, Request, Response, WebSocket, session
from costrel.app import AppSettings
from costrel.messages import Dispatch

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
LIMIT_SECONDS = 5.0
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)


class Transaction:
    """Something a provider makes."""


def make_app(seen: list[Any]) -> App:
    app = App("sockets", settings=AppSettings(secret_key="a key for tests of sockets"))

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = str(response.status_code)
        return response

    async def transaction(request: Request) -> AsyncIterator[Transaction]:
        if "x-no-database" in request.headers:
            raise HTTPError(503, "no database")
        seen.append("enter")
        yield Transaction()
        seen.append("exit")

    app.provide(Transaction, transaction)

    @app.get("/login")
    async def login() -> str:
        session["name"] = "Ann"
        return "welcome"

    @app.websocket("/echo", subprotocols=["chat.v2", "chat.v1"], use=[layer])
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    @app.websocket("/guarded", use=[layer])
    async def guarded(socket: WebSocket, transaction: Transaction) -> None:
        await socket.send(f"hello {socket.session.get('name')}")
        await socket.receive()

    @app.websocket("/fails/{how}")
    async def fails(socket: WebSocket, how: str) -> None:
        await socket.send("open")
        if how == "forbidden":
            raise Forbidden("Not here.")
        if how == "broken":
            raise ValueError("broken")
        if how == "code":
            await socket.close(3456, "bye")

    @app.websocket("/codes")
    async def codes(socket: WebSocket) -> None:
        try:
            await socket.receive()
        except Disconnect as error:
            seen.append((error.code, error.reason))

    @app.websocket("/slow")
    async def slow(socket: WebSocket) -> None:
        while "go on" not in seen:
            await asyncio.sleep(0.01)
        async for _ in socket:
            seen.append("message")

    @app.websocket("/flood")
    async def flood(socket: WebSocket) -> None:
        try:
            while True:
                await socket.send(b"x" * 65_536)
                seen.append(1)
        except Disconnect as error:
            seen.append(error.code)

    @app.before_request
    async def guard(request: Request) -> Response | None:
        return Response("not you", 403) if "x-stranger" in request.headers else None

    return app


def url_of(server: Any, path: str) -> str:
    return f"ws://{server.addresses[0]}{path}"


async def soon(work: Any) -> Any:
    return await asyncio.wait_for(work, LIMIT_SECONDS)


async def close_code(client: ClientConnection) -> int | None:
    await soon(client.wait_closed())
    return client.close_code


@pytest.mark.capability("C108")
@pytest.mark.parametrize("compression", ["off", "deflate"])
def test_echo_of_any_length(run: Any, net: Any, compression: str) -> None:
    """Text and bytes of all lengths, in one piece and in fragments, compressed and not."""

    async def main() -> None:
        async with (
            net.running(make_app([]), ws_compression=compression) as server,
            connect(url_of(server, "/echo"), max_size=None) as client,
        ):
            for size in (0, 1, 125, 126, 65_535, 65_536, MIB):
                for message in ("é" * (size // 2), random.Random(size).randbytes(size)):
                    await soon(client.send(message))

                    assert message == await soon(client.recv())
            await soon(client.send(["frag", "men", "ts"]))

            assert "fragments" == await soon(client.recv())

            await soon(await client.ping(b"alive"))

            assert (compression == "deflate") == ("Sec-WebSocket-Extensions" in client.response.headers)

    run(main)


@pytest.mark.capability("C108")
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        pytest.param(["chat.v1", "chat.v2"], "chat.v2", id="the-favourite-of-the-server"),
        pytest.param(["other", "chat.v1"], "chat.v1", id="what-both-speak"),
        pytest.param(["other"], None, id="nothing-in-common"),
        pytest.param(None, None, id="no-offer"),
    ],
)
def test_subprotocols(run: Any, net: Any, offered: list[str] | None, chosen: str | None) -> None:
    """The handler's list is in the order of preference; a client without a common one gets none."""

    async def main() -> None:
        async with (
            net.running(make_app([])) as server,
            connect(url_of(server, "/echo"), subprotocols=offered) as client,
        ):
            assert chosen == client.subprotocol
            assert "101" == client.response.headers["x-layer"]

    run(main)


def test_the_session_of_the_pages_is_there(run: Any, net: Any) -> None:
    """The cookie of a login is the socket's too, and a provider lives as long as the handler."""
    seen: list[Any] = []

    async def main() -> None:
        async with net.running(make_app(seen)) as server:
            async with net.client(server) as client:
                await client.send(b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n")
                cookie = (await client.answer())[1]["set-cookie"].partition(";")[0]
            async with connect(url_of(server, "/guarded"), additional_headers={"cookie": cookie}) as socket:
                assert "hello Ann" == await soon(socket.recv())
                assert ["enter"] == seen

                await socket.send("bye")
                await close_code(socket)
            assert await net.until(lambda: seen == ["enter", "exit"])

    run(main)


@pytest.mark.capability("C109")
@pytest.mark.pain("P21")
@pytest.mark.security("J1")
@pytest.mark.parametrize(
    ("headers", "status_code", "body"),
    [
        pytest.param({"x-stranger": "1"}, 403, b"not you", id="a-guard"),
        pytest.param({"x-no-database": "1"}, 503, b"no database", id="a-provider"),
        pytest.param({"origin": "http://evil.example"}, 403, b"may not open", id="another-site"),
    ],
)
def test_a_refusal_is_an_http_response(
    run: Any, net: Any, headers: dict[str, str], status_code: int, body: bytes
) -> None:
    """Layers, guards, providers and the check of the origin run around the handshake; the client sees what they say."""
    seen: list[Any] = []

    async def main() -> None:
        async with net.running(make_app(seen)) as server:
            with pytest.raises(websockets.InvalidStatus) as refused:
                await soon(connect(url_of(server, "/guarded"), additional_headers=headers).__aenter__())
            response = refused.value.response

            assert status_code == response.status_code
            assert body in response.body
            assert str(status_code) == response.headers["x-layer"]
            assert "close" == response.headers["connection"]
        assert "hello" not in str(seen)

    run(main)


def test_no_route_is_404_for_a_handshake_too(run: Any, net: Any) -> None:
    """A path that has none is answered as any other."""

    async def main() -> None:
        async with net.running(make_app([])) as server:
            with pytest.raises(websockets.InvalidStatus) as refused:
                await soon(connect(url_of(server, "/nowhere")).__aenter__())

            assert 404 == refused.value.response.status_code

    run(main)


@pytest.mark.pain("P21")
@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [("returns", 1000, ""), ("forbidden", 4403, "Not here."), ("broken", 1011, ""), ("code", 3456, "bye")],
)
def test_how_a_handler_ends_is_a_close_code(run: Any, net: Any, how: str, code: int, reason: str) -> None:
    """1000, 4000 with the status, 1011, or what it says itself."""

    async def main() -> None:
        async with net.running(make_app([])) as server, connect(url_of(server, f"/fails/{how}")) as client:
            assert "open" == await soon(client.recv())
            assert code == await close_code(client)
            assert reason == client.close_reason

    run(main)


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "leaving"), (4321, "mine")], ids=["normal", "away", "own"]
)
def test_how_the_client_ends_is_seen(run: Any, net: Any, code: int, reason: str) -> None:
    """Code and reason of the client's close frame are those of the handler's `Disconnect`."""
    seen: list[Any] = []

    async def main() -> None:
        async with net.running(make_app(seen)) as server:
            client = await soon(connect(url_of(server, "/codes")).__aenter__())
            await soon(client.close(code, reason))

            assert code == client.close_code
            assert await net.until(lambda: seen == [(code, reason)])

    run(main)


def test_a_connection_that_breaks_is_1006(run: Any, net: Any) -> None:
    """A reset is seen once, without a reason."""
    seen: list[Any] = []

    async def main() -> None:
        async with net.running(make_app(seen)) as server:
            async with net.client(server) as client:
                await client.send(HANDSHAKE % (b"/codes", b""))

                assert 101 == (await client.answer())[0]

                client.reset()
            assert await net.until(lambda: seen == [(1006, "")])

    run(main)


@pytest.mark.security("J5")
@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1])
@pytest.mark.parametrize("is_fragmented", [False, True], ids=["whole", "in-fragments"])
def test_the_limit_of_a_message(run: Any, net: Any, size: int, is_fragmented: bool) -> None:
    """1 MiB passes and one byte more is 1009, which the client gets to read."""

    async def main() -> None:
        async with net.running(make_app([])) as server, connect(url_of(server, "/echo"), compression=None) as client:
            message = "x" * size
            await soon(client.send([message[:1000], message[1000:]] if is_fragmented else message))
            if size > MIB:
                assert 1009 == await close_code(client)
            else:
                assert message == await soon(client.recv())

    run(main)


@pytest.mark.capability("C111")
@pytest.mark.security("J10")
def test_a_client_that_floods_is_made_to_wait(run: Any, net: Any) -> None:
    """While the handler is busy its client cannot send; everything it sent arrives when the handler goes on."""
    seen: list[Any] = []
    frame = b"\x82\xfe" + struct.pack("!H", 32_768) + bytes(4) + bytes(32_768)

    async def main() -> None:
        async with net.running(make_app(seen)) as server, net.client(server) as client:
            await client.send(HANDSHAKE % (b"/slow", b""))

            assert 101 == (await client.answer())[0]

            sent_count = 0
            try:
                while sent_count < 2_000:
                    client.writer.write(frame)
                    sent_count += 1
                    await asyncio.wait_for(client.writer.drain(), 0.1)
            except TimeoutError:
                pass

            # 64 MiB would have gone through if anybody kept them.
            assert sent_count < 1_000

            seen.append("go on")

            assert await net.until(lambda: seen.count("message") == sent_count, 5)

    run(main)


@pytest.mark.capability("C111")
@pytest.mark.pain("P21")
def test_a_client_that_reads_nothing_is_cut_off(run: Any, net: Any) -> None:
    """`send` waits, so memory does not grow, and after `write_timeout_seconds` the client is gone."""
    seen: list[Any] = []

    async def main() -> None:
        async with (
            net.running(make_app(seen), write_timeout_seconds=0.5) as server,
            net.client(server) as client,
        ):
            client.writer.transport.pause_reading()
            await client.send(HANDSHAKE % (b"/flood", b""))

            assert await net.until(lambda: bool(seen) and seen[-1] == 1006, 5)
            # What the kernel buffers on both sides, and the 64 KiB of the transport.
            assert len(seen) * 65_536 < 24 * MIB

    run(main)


def test_a_socket_over_tls(run: Any, net: Any, certify: Any) -> None:
    """The handshake knows of it, and messages, the close and the end of the stream are as without."""
    seen: list[Any] = []
    app = make_app(seen)
    certificate, key = certify()
    context = ssl.create_default_context(cafile=certificate)

    @app.websocket("/tls")
    async def secure(socket: WebSocket) -> None:
        await socket.send(f"{socket.url.scheme} {socket.request.exchange.tls is not None}")
        async for message in socket:
            await socket.send(message)

    async def main() -> None:
        files = {"tls_certificate_path": str(certificate), "tls_key_path": str(key)}
        async with net.running(app, **files) as server:
            url = url_of(server, "/tls").replace("ws:", "wss:")
            async with connect(url, ssl=context, server_hostname="shop.example") as client:
                assert "https True" == await soon(client.recv())

                await client.send("x" * 300_000)

                assert "x" * 300_000 == await soon(client.recv())

            assert 1000 == client.close_code

            client = await soon(
                connect(url_of(server, "/codes").replace("ws:", "wss:"), ssl=context, server_hostname="shop.example")
            )
            client.transport.abort()

            assert await net.until(lambda: seen == [(1006, "")])

    run(main)


@pytest.mark.security("J11")
def test_a_client_that_vanishes_is_found_by_a_ping(run: Any, net: Any) -> None:
    """It answers no ping, so the handler learns 1006 after interval and time-out."""
    seen: list[Any] = []

    async def main() -> None:
        settings = {"ws_ping_interval_seconds": 0.3, "ws_ping_timeout_seconds": 0.3}
        async with net.running(make_app(seen), **settings) as server, net.client(server) as client:
            await client.send(HANDSHAKE % (b"/codes", b""))
            await client.answer()

            assert b"\x89\x00" == await soon(client.reader.readexactly(2))
            assert await net.until(lambda: seen == [(1006, "")])

    run(main)


@pytest.mark.pain("P9")
def test_a_stop_with_open_sockets_and_streams_is_quick(run: Any, net: Any) -> None:
    """Three sockets get 1012, three streams end, and the lifespan exits once, within two seconds."""
    life: list[str] = []
    app = make_app(life)

    @app.lifespan
    async def lifespan() -> AsyncIterator[None]:
        yield
        life.append("stopped")

    @app.get("/events")
    async def events() -> EventStream:
        async def ticks() -> AsyncIterator[str]:
            yield "tick"
            await asyncio.get_running_loop().create_future()

        return EventStream(ticks())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with net.running(app, graceful_timeout_seconds=5) as server:
            sockets = [await soon(connect(url_of(server, "/codes")).__aenter__()) for _ in range(3)]
            streams = [await asyncio.open_connection(*server.addresses[0].rsplit(":", 1)) for _ in range(3)]
            for reader, writer in streams:
                writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                await soon(reader.readuntil(b"tick"))
            begin = loop.time()
            await server.stop()
            seconds = loop.time() - begin

            assert seconds < 2
            assert [1012] * 3 == [await close_code(client) for client in sockets]
            assert 1 == life.count("stopped")
            assert [(1012, "The server is stopping.")] * 3 == [each for each in life if isinstance(each, tuple)]
            for reader, writer in streams:
                await soon(reader.read())
                writer.close()

    run(main)


def test_the_access_log_has_a_line_when_the_socket_closes(run: Any, net: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Status 101, the route, and how long it was open."""
    finished: list[Any] = []
    app = make_app([])
    app.on("request_finished", finished.append)

    async def main() -> None:
        async with net.running(app) as server:
            async with connect(url_of(server, "/echo")) as client:
                await client.send("hello")
                await soon(client.recv())

                assert [] == finished

            assert await net.until(lambda: len(finished) == 1)

    with caplog.at_level(logging.INFO):
        run(main)
    fields = finished[0]

    assert ("GET", "/echo", 101, 7) == tuple(fields[name] for name in ("method", "route", "status_code", "bytes_sent"))
    assert fields["duration_seconds"] > 0
    assert [] == [record for record in caplog.records if record.name.startswith("websockets.server")]
