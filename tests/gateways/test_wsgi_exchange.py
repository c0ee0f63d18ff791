"""The WSGI server's side of the seam, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.execution import Caller, LoopState
from costrel.gateways.wsgi_exchange import End, Head, WSGIExchange


def run(
    main: Callable[[WSGIExchange], Coroutine[Any, Any, None]], content: bytes = b"", length: int | None = 0, **more: Any
) -> None:
    """Run a coroutine with an exchange; what its caller is to do is done by `in_caller`."""

    async def start() -> None:
        loop = asyncio.get_running_loop()
        loop_state = LoopState.start(loop)
        environ = {"wsgi.input": BytesIO(content), **more}
        await main(WSGIExchange(loop_state, Caller(loop), environ, length))
        await loop_state.aclose(1)

    asyncio.run(start())


async def in_caller(exchange: WSGIExchange, awaited: Awaitable[Any]) -> Any:
    """Await something while another thread works as the caller."""
    serving = asyncio.create_task(asyncio.to_thread(exchange.caller.wait, 5))
    try:
        return await awaited
    finally:
        exchange.caller.tell("done")
        with suppress(TimeoutError):
            await serving


@pytest.mark.parametrize(
    ("environ", "peer"),
    [
        ({"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "80"}, ("192.0.2.1", 80)),
        ({"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": 80}, ("192.0.2.1", 80)),
        ({"REMOTE_ADDR": "::1"}, ("::1", 0)),
        ({"REMOTE_ADDR": ""}, None),
        ({}, None),
    ],
)
def test_the_peer(environ: dict[str, Any], peer: tuple[str, int] | None) -> None:
    """As far as the server says; a Unix socket has none."""

    async def main(exchange: WSGIExchange) -> None:
        assert peer == exchange.peer

    run(main, **environ)


def test_what_is_known_of_tls() -> None:
    """Apache and uWSGI tell; the others do not."""

    async def without(exchange: WSGIExchange) -> None:
        assert exchange.tls is None

    async def main(exchange: WSGIExchange) -> None:
        assert exchange.tls is not None
        assert ("TLSv1.3", "AES") == (exchange.tls.version, exchange.tls.cipher)

    run(without)
    run(main, SSL_PROTOCOL="TLSv1.3", SSL_CIPHER="AES")


def test_a_body_is_read_up_to_its_length() -> None:
    """In pieces as they are asked for, and then it is over for ever."""

    async def main(exchange: WSGIExchange) -> None:
        assert exchange.take_arrived(100) is None
        pieces = [await in_caller(exchange, exchange.read_body(4)) for _ in range(4)]

        assert [b"abcd", b"ef", b"", b""] == pieces
        assert (True, 6) == (exchange.body_complete, exchange.bytes_received)

    run(main, b"abcdefgh", 6)


def test_a_body_without_a_length_is_read_to_the_end_of_the_input() -> None:
    """Where the server says that its input has one."""

    async def main(exchange: WSGIExchange) -> None:
        pieces = [await in_caller(exchange, exchange.read_body(4)) for _ in range(3)]

        assert [b"abcd", b"ef", b""] == pieces
        assert exchange.body_complete

    run(main, b"abcdef", None)


def test_a_body_that_ends_too_early_is_a_client_that_has_left() -> None:
    """What came of it can still be taken."""

    async def main(exchange: WSGIExchange) -> None:
        assert b"abc" == await in_caller(exchange, exchange.read_body(10))
        with pytest.raises(ClientDisconnected):
            await in_caller(exchange, exchange.read_body(10))

    run(main, b"abc", 10)


def test_what_was_read_beforehand_is_taken_as_a_whole_or_in_pieces() -> None:
    """Whoever may take less than there is reads it piece by piece."""

    async def whole(exchange: WSGIExchange) -> None:
        exchange.read_beforehand()

        assert exchange.take_arrived(2) is None
        assert b"abc" == exchange.take_arrived(3)
        assert b"" == await exchange.read_body(3)

    async def pieces(exchange: WSGIExchange) -> None:
        exchange.read_beforehand()

        assert [b"ab", b"c", b""] == [await exchange.read_body(2) for _ in range(3)]

    async def short(exchange: WSGIExchange) -> None:
        exchange.read_beforehand()

        assert exchange.take_arrived(100) is None
        assert b"abc" == await exchange.read_body(100)

    run(whole, b"abc", 3)
    run(pieces, b"abc", 3)
    run(short, b"abc", 5)


def test_who_waits_for_the_client_to_leave_is_told_once() -> None:
    """By the future, by the callbacks and by the bool; a callback that fails does no harm."""

    async def main(exchange: WSGIExchange) -> None:
        told: list[str] = []
        exchange.on_disconnect(lambda: told.append("first"))
        exchange.on_disconnect(lambda: [][1])
        exchange.on_disconnect(lambda: told.append("third"))
        waiting = [asyncio.create_task(exchange.wait_disconnected()) for _ in range(2)]
        await asyncio.sleep(0)

        assert not exchange.is_disconnected
        exchange.leave()
        exchange.lose()
        exchange.on_disconnect(lambda: told.append("late"))
        await asyncio.wait_for(asyncio.gather(*waiting, exchange.wait_disconnected()), 5)

        assert (True, ["first", "third", "late"]) == (exchange.is_disconnected, told)
        for sending in (exchange.send_head(200, [], has_trailers=False), exchange.send_piece(b"a", is_last=False)):
            with pytest.raises(ClientDisconnected):
                await sending
        with pytest.raises(ClientDisconnected):
            await exchange.read_body(1)

    run(main, b"abc", 3)


def test_a_whole_response_is_told_in_one_message() -> None:
    """When the exchange has ended."""

    async def main(exchange: WSGIExchange) -> None:
        exchange.holds_head = True
        await exchange.send_head(201, [(b"content-length", b"3")], has_trailers=False)
        assert 0 == exchange.status_code
        await exchange.send_piece(b"abc", is_last=True)
        await exchange.send_informational(103, [])
        await exchange.send_trailers([])
        exchange.finish(None)

        assert Head(201, [(b"content-length", b"3")], b"abc", is_over=True) == exchange.caller.wait(1)
        assert (201, 3) == (exchange.status_code, exchange.bytes_sent)

    run(main)


def test_each_piece_waits_until_the_server_comes_back() -> None:
    """A stream is told piece by piece, then its end."""

    async def main(exchange: WSGIExchange) -> None:
        caller = exchange.caller
        await exchange.send_head(200, [], has_trailers=False)
        sending = asyncio.create_task(exchange.send_piece(b"a", is_last=False))
        await asyncio.sleep(0)

        assert (Head(200, []), b"a", False) == (caller.wait(1), caller.wait(1), sending.done())
        exchange.want()
        await asyncio.wait_for(sending, 5)
        await exchange.send_piece(b"", is_last=True)
        exchange.leave()
        exchange.finish(None)

        assert (End(), False) == (caller.wait(1), exchange.is_gone)

    run(main)


def test_a_server_that_goes_leaves_the_exchange_to_the_lanes() -> None:
    """Steps that follow find no caller any more."""

    async def main(exchange: WSGIExchange) -> None:
        exchange.abandon()

        assert (None, True) == (exchange.worker.caller, exchange.is_gone)
        with pytest.raises(TimeoutError):
            exchange.caller.wait(0.001)

    run(main)


def test_a_file_needs_a_head_that_was_held() -> None:
    """It is told with it."""

    async def main(exchange: WSGIExchange) -> None:
        with pytest.raises(RuntimeError, match="head"):
            exchange.send_file(BytesIO(), 0)

    run(main)


def test_a_refusal_to_a_client_that_has_left_is_499() -> None:
    """Nobody takes it."""

    async def main(exchange: WSGIExchange) -> None:
        exchange.abort()
        await exchange.refuse(500, b"")

        assert (499, True) == (exchange.status_code, exchange.is_aborted)

    run(main)
