"""The ASGI server's side of the seam: one reader, and a task only for who asks."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState
from costrel.gateways.asgi_exchange import ASGIExchange

GONE = {"type": "http.disconnect"}


def make(server: Any, scope: Any) -> ASGIExchange:
    """Make an exchange on the running loop."""
    return ASGIExchange(LoopState.start(asyncio.get_running_loop()), scope, server.receive, server.send)


def other_tasks() -> int:
    """Count the tasks beside the test's own."""
    return len(asyncio.all_tasks()) - 1


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("listens", [False, True])
def test_a_body_is_read_in_pieces_of_at_most_the_size_asked_for(
    asgi: SimpleNamespace, size: int, listens: bool
) -> None:
    """However the server cuts it, and whoever reads, nothing is lost and nothing is too long."""

    async def main() -> list[bytes]:
        server = asgi.Server(asgi.body(b"abc", more=True), asgi.body(b"", more=True), asgi.body(b"de"))
        exchange = make(server, asgi.http())
        if listens:
            assert not exchange.is_disconnected
        pieces = []
        while piece := await exchange.read_body(size):
            pieces.append(piece)
        assert b"" == await exchange.read_body(size)
        exchange.end()
        return pieces

    pieces = asyncio.run(main())

    assert b"abcde" == b"".join(pieces)
    assert max(map(len, pieces)) <= size


@pytest.mark.pain("P10")
def test_nobody_asking_costs_no_task_and_no_message(asgi: SimpleNamespace) -> None:
    """A body is read by whoever reads it; the disconnect is not waited for."""

    async def main() -> tuple[int, int]:
        server = asgi.Server(asgi.body(b"abc"))
        exchange = make(server, asgi.http())
        await exchange.read_body(100)
        await exchange.read_body(100)
        return server.receive_count, other_tasks()

    assert (1, 0) == asyncio.run(main())


@pytest.mark.pain("P10")
@pytest.mark.parametrize("way", ["wait", "callback", "ask", "ask-in-a-thread"])
def test_whoever_asks_is_told(asgi: SimpleNamespace, way: str) -> None:
    """Each way of asking begins to listen, and learns of the disconnect when it comes."""

    async def main() -> bool:
        server = asgi.Server(asgi.body())
        exchange = make(server, asgi.http())
        told = asyncio.Event()
        if way == "callback":
            exchange.on_disconnect(told.set)
        elif way == "ask":
            assert not exchange.is_disconnected
        elif way == "ask-in-a-thread":
            assert not await asyncio.to_thread(lambda: exchange.is_disconnected)
        waiting = asyncio.create_task(exchange.wait_disconnected()) if way == "wait" else None
        await asyncio.sleep(0)
        server.incoming.put_nowait(GONE)
        if waiting is not None:
            await waiting
        elif way == "callback":
            await told.wait()
        else:
            while not exchange.is_disconnected:
                await asyncio.sleep(0)
        late: list[bool] = []
        exchange.on_disconnect(lambda: late.append(True))
        await exchange.wait_disconnected()
        with pytest.raises(ClientDisconnected):
            await exchange.send_head(200, [], has_trailers=False)
        exchange.end()
        return late == [True]

    assert asyncio.run(main())


def test_the_listener_holds_one_piece_at_most(asgi: SimpleNamespace) -> None:
    """A body that nobody reads stays with the server, where the back-pressure is."""

    async def main() -> int:
        server = asgi.Server(*[asgi.body(b"x", more=True) for _ in range(5)])
        exchange = make(server, asgi.http())
        exchange.on_disconnect(lambda: None)
        for _ in range(10):
            await asyncio.sleep(0)
        exchange.end()
        return int(server.receive_count)

    assert 1 == asyncio.run(main())


def test_a_reader_that_is_there_first_keeps_reading(asgi: SimpleNamespace) -> None:
    """Somebody who asks while a read waits does not read beside it."""

    async def main() -> tuple[bytes, int]:
        server = asgi.Server()
        exchange = make(server, asgi.http())
        reading = asyncio.create_task(exchange.read_body(10))
        await asyncio.sleep(0)
        exchange.on_disconnect(lambda: None)
        await asyncio.sleep(0)
        count = server.receive_count
        server.incoming.put_nowait(asgi.body(b"a"))
        piece = await reading
        exchange.end()
        return piece, count

    assert (b"a", 1) == asyncio.run(main())


@pytest.mark.parametrize("listens", [False, True])
def test_a_disconnect_ends_a_read_that_waits(asgi: SimpleNamespace, listens: bool) -> None:
    """A body that will never be complete is no body."""

    async def main() -> None:
        server = asgi.Server(asgi.body(b"a", more=True))
        exchange = make(server, asgi.http())
        if listens:
            exchange.on_disconnect(lambda: None)
        assert b"a" == await exchange.read_body(10)
        reading = asyncio.create_task(exchange.read_body(10))
        await asyncio.sleep(0)
        server.incoming.put_nowait(GONE)
        with pytest.raises(ClientDisconnected):
            await reading
        with pytest.raises(ClientDisconnected):
            await exchange.read_body(10)

    asyncio.run(main())


def test_two_readers_are_a_mistake(asgi: SimpleNamespace) -> None:
    """Each would get half of the body."""

    async def main() -> None:
        exchange = make(asgi.Server(), asgi.http())
        reading = asyncio.create_task(exchange.read_body(10))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await exchange.read_body(10)
        reading.cancel()

    asyncio.run(main())


def test_the_end_of_the_response_is_no_disconnect(asgi: SimpleNamespace) -> None:
    """Servers tell a listener of a disconnect when the response is complete; it is not passed on."""

    async def main() -> tuple[bool, int]:
        server = asgi.Server(asgi.body())
        exchange = make(server, asgi.http())
        told: list[bool] = []
        exchange.on_disconnect(lambda: told.append(True))
        await asyncio.sleep(0)
        await exchange.send_head(200, [], has_trailers=False)
        server.incoming.put_nowait(GONE)
        await exchange.send_piece(b"", is_last=True)
        for _ in range(3):
            await asyncio.sleep(0)
        exchange.end()
        return told == [], other_tasks()

    assert (True, 0) == asyncio.run(main())


def test_a_send_that_fails_is_a_disconnect(asgi: SimpleNamespace) -> None:
    """ASGI 2.4 has `send` raise an `OSError` when the client is gone."""

    async def main() -> bool:
        server = asgi.Server()
        exchange = make(server, asgi.http())
        server.send_error = BrokenPipeError()
        with pytest.raises(ClientDisconnected):
            await exchange.send_piece(b"a", is_last=False)
        return exchange.is_disconnected

    assert asyncio.run(main())


def test_early_hints_are_sent_where_the_server_knows_them(asgi: SimpleNamespace) -> None:
    """103 has a message of its own; other interim responses, and servers without it, get none."""

    async def main(extensions: dict[str, Any]) -> list[Any]:
        server = asgi.Server()
        exchange = make(server, asgi.http(extensions=extensions))
        await exchange.send_informational(103, [(b"link", b"</a>"), (b"x", b"y")])
        await exchange.send_informational(102, [])
        await exchange.send_head(200, [], has_trailers=False)
        await exchange.send_informational(103, [(b"link", b"</late>")])
        return [message.get("links") for message in server.sent]

    assert [[b"</a>"], None] == asyncio.run(main({"http.response.early_hint": {}}))
    assert [None] == asyncio.run(main({}))


def test_a_server_whose_receive_fails_has_lost_its_client(
    asgi: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener never dies silently with somebody waiting for it."""

    async def main() -> None:
        async def receive() -> Any:
            raise ValueError("broken server")

        server = asgi.Server()
        server.receive = receive
        exchange = make(server, asgi.http())
        await exchange.wait_disconnected()

    asyncio.run(main())

    assert "receive_failed" in caplog.text


def test_what_is_known_of_tls_is_read(asgi: SimpleNamespace) -> None:
    """The TLS extension of the scope says the version."""

    async def main() -> list[object]:
        exchanges = [
            make(asgi.Server(), asgi.http(extensions={"tls": {"tls_version": 0x0304}})),
            make(asgi.Server(), asgi.http(extensions={"tls": {"tls_version": None}})),
            make(asgi.Server(), asgi.http()),
        ]
        return [exchange.tls.version if exchange.tls is not None else None for exchange in exchanges]

    assert ["TLSv1.3", "", None] == asyncio.run(main())
