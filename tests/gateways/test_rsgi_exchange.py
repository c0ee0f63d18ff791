"""The RSGI server's side of the seam: how a body ends, and how a response is sent."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState
from costrel.gateways.rsgi_exchange import RSGIExchange, text_fields

LENGTH_FIELD = (b"content-length", b"5")


def make(scope: Any, protocol: Any) -> RSGIExchange:
    """Make an exchange on the running loop."""
    return RSGIExchange(LoopState.start(asyncio.get_running_loop()), scope, protocol)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("expected_bytes", [None, 5])
def test_a_body_is_read_in_pieces_of_at_most_the_size_asked_for(
    rsgi: SimpleNamespace, size: int, expected_bytes: int | None
) -> None:
    """However the server cuts it, nothing is lost and nothing is too long; after the end it is empty for ever."""

    async def main() -> tuple[list[bytes], int]:
        exchange = make(rsgi.scope(), rsgi.Protocol(b"abc", b"de", b""))
        exchange.expected_bytes = expected_bytes
        assert exchange.take_arrived(100) is None
        pieces = []
        while piece := await exchange.read_body(size):
            pieces.append(piece)
        assert b"" == await exchange.read_body(size)
        assert exchange.body_complete
        exchange.end()
        return pieces, exchange.bytes_received

    pieces, received_bytes = asyncio.run(main())

    assert (b"abcde", 5) == (b"".join(pieces), received_bytes)
    assert max(map(len, pieces)) <= size


@pytest.mark.parametrize(
    ("pieces", "expected_bytes", "has_trailers", "is_whole"),
    [
        pytest.param((b"abc", b""), None, False, True, id="chunks"),
        pytest.param((b"abc", b"", b""), None, False, False, id="chunks-that-break-off"),
        pytest.param((b"abc", b"", b""), None, True, True, id="chunks-with-trailers"),
        pytest.param((b"abc", b"", b""), 5, False, False, id="a-length-that-is-not-reached"),
        pytest.param((b"abcde", b""), 5, False, True, id="a-length-that-is-reached"),
        pytest.param((b"",), None, False, True, id="no-chunks"),
        pytest.param((), 5, False, False, id="nothing-of-a-length"),
    ],
)
def test_a_body_that_breaks_off_is_no_whole_one(
    rsgi: SimpleNamespace, pieces: tuple[bytes, ...], expected_bytes: int | None, has_trailers: bool, is_whole: bool
) -> None:
    """The server ends both alike, so the length decides, or the empty piece that stands for the error."""

    async def main() -> tuple[bytes, bool]:
        exchange = make(rsgi.scope(), rsgi.Protocol(*pieces))
        exchange.expected_bytes, exchange.has_trailers = expected_bytes, has_trailers
        read = b""
        try:
            while piece := await exchange.read_body(100):
                read += piece
        except ClientDisconnected:
            with pytest.raises(ClientDisconnected):
                await exchange.read_body(100)
            return read, False
        return read, True

    assert (b"".join(pieces), is_whole) == asyncio.run(main())


def test_two_readers_are_a_mistake(rsgi: SimpleNamespace) -> None:
    """The second is told so, and the first goes on."""

    async def main() -> bytes:
        protocol = rsgi.Protocol()
        protocol.incoming = asyncio.Queue()
        exchange = make(rsgi.scope(), protocol)
        first = asyncio.create_task(exchange.read_body(100))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await exchange.read_body(100)
        protocol.incoming.put_nowait(b"abc")
        return await first

    assert asyncio.run(main()) == b"abc"


def test_a_read_that_was_given_up_loses_nothing(rsgi: SimpleNamespace) -> None:
    """What comes later belongs to the next read."""

    async def main() -> bytes:
        protocol = rsgi.Protocol()
        protocol.incoming = asyncio.Queue()
        exchange = make(rsgi.scope(), protocol)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.read_body(100), 0.001)
        protocol.incoming.put_nowait(b"abc")
        return await exchange.read_body(100)

    assert asyncio.run(main()) == b"abc"


@pytest.mark.pain("P10")
@pytest.mark.parametrize("is_complete", [False, True])
def test_a_client_that_leaves_is_told_of_until_the_response_is_complete(
    rsgi: SimpleNamespace, is_complete: bool
) -> None:
    """What a client does after it has everything is nobody's concern; the end leaves no task."""

    async def main() -> tuple[bool, int]:
        protocol = rsgi.Protocol()
        exchange = make(rsgi.scope(), protocol)
        assert not exchange.is_disconnected
        exchange.is_complete = is_complete
        protocol.gone.set()
        for _ in range(5):
            await asyncio.sleep(0)
        is_gone = exchange.is_disconnected
        exchange.end()
        await asyncio.sleep(0)
        return is_gone, len(asyncio.all_tasks()) - 1

    assert (not is_complete, 0) == asyncio.run(main())


def test_the_end_takes_the_listener_with_it(rsgi: SimpleNamespace) -> None:
    """Nobody listens to the server any more, and who asks then begins nothing."""

    async def main() -> int:
        exchange = make(rsgi.scope(), rsgi.Protocol())
        exchange.on_disconnect(lambda: None)
        await asyncio.sleep(0)
        exchange.end()
        assert not exchange.is_disconnected
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(
    ("method", "status_code", "fields", "pieces", "kind"),
    [
        pytest.param("GET", 200, [LENGTH_FIELD], [b"abcde"], "bytes", id="whole"),
        pytest.param("GET", 200, [LENGTH_FIELD], [b"abc", b"de", b""], "stream", id="in-pieces-with-a-length"),
        pytest.param("GET", 200, [], [b"abc", b"de", b""], "stream", id="in-pieces"),
        pytest.param("GET", 200, [], [b""], "stream", id="a-stream-without-pieces"),
        pytest.param("HEAD", 200, [LENGTH_FIELD], [b""], "empty", id="head"),
        pytest.param("HEAD", 200, [], [b""], "empty", id="head-of-a-stream"),
        pytest.param("GET", 204, [], [b""], "empty", id="no-content"),
        pytest.param("GET", 304, [LENGTH_FIELD], [b""], "empty", id="not-modified"),
        pytest.param("GET", 205, [(b"content-length", b"0")], [b""], "bytes", id="reset-content"),
    ],
)
def test_how_a_response_is_sent_is_known_with_its_head(
    rsgi: SimpleNamespace, method: str, status_code: int, fields: Any, pieces: list[bytes], kind: str
) -> None:
    """The server is called in the one way that fits."""

    async def main() -> tuple[Any, RSGIExchange]:
        protocol = rsgi.Protocol()
        exchange = make(rsgi.scope(method=method), protocol)
        await exchange.send_head(status_code, fields, has_trailers=False)
        for number, piece in enumerate(pieces, 1):
            await exchange.send_piece(piece, is_last=number == len(pieces))
        return protocol, exchange

    protocol, exchange = asyncio.run(main())

    assert (kind, status_code, b"".join(pieces)) == (protocol.kind, protocol.status_code, protocol.body)
    assert text_fields(fields) == protocol.fields
    assert (True, status_code, len(protocol.body)) == (exchange.is_complete, exchange.status_code, exchange.bytes_sent)


def test_a_file_is_the_servers_to_send(rsgi: SimpleNamespace) -> None:
    """It gets the path."""

    async def main() -> tuple[Any, int]:
        protocol = rsgi.Protocol()
        exchange = make(rsgi.scope(), protocol)
        await exchange.send_head(200, [LENGTH_FIELD], has_trailers=False)
        await exchange.send_path("/files/a", 5)
        return protocol, exchange.bytes_sent

    protocol, sent_bytes = asyncio.run(main())

    assert ("file", b"/files/a", [("content-length", "5")], 5) == (
        protocol.kind,
        protocol.body,
        protocol.fields,
        sent_bytes,
    )


@pytest.mark.parametrize("step", ["head", "first-piece", "later-piece", "path"])
def test_nothing_is_sent_to_a_client_that_has_left(rsgi: SimpleNamespace, step: str) -> None:
    """Whoever sends is told."""

    async def main() -> None:
        protocol = rsgi.Protocol()
        exchange = make(rsgi.scope(), protocol)
        if step != "head":
            await exchange.send_head(200, [] if step == "later-piece" else [LENGTH_FIELD], has_trailers=False)
        if step == "later-piece":
            protocol.is_lost = True
        else:
            exchange.lose()
        steps = {
            "head": lambda: exchange.send_head(200, [LENGTH_FIELD], has_trailers=False),
            "path": lambda: exchange.send_path("/files/a", 5),
        }
        with pytest.raises(ClientDisconnected):
            await steps.get(step, lambda: exchange.send_piece(b"abcde", is_last=False))()
        assert exchange.is_gone

    asyncio.run(main())


def test_what_the_protocol_does_not_have_is_dropped(rsgi: SimpleNamespace) -> None:
    """Interim responses and trailer fields are sent nowhere."""

    async def main() -> str:
        protocol = rsgi.Protocol()
        exchange = make(rsgi.scope(), protocol)
        await exchange.send_informational(103, [(b"link", b"</a>")])
        await exchange.send_trailers([(b"x-a", b"1")])
        assert not exchange.sends_trailers
        return protocol.kind

    assert asyncio.run(main()) == ""


@pytest.mark.parametrize(
    ("fields", "way", "is_cut"),
    [
        pytest.param([], "broken", True, id="broken-without-a-length"),
        pytest.param([LENGTH_FIELD], "broken", False, id="broken-with-a-length"),
        pytest.param([], "aborted", True, id="aborted-without-a-length"),
        pytest.param([LENGTH_FIELD], "aborted", True, id="aborted-with-a-length"),
        pytest.param([], "gone", False, id="the-client-is-gone"),
        pytest.param([], "complete", False, id="complete"),
        pytest.param([], "aborted-when-complete", False, id="aborted-when-complete"),
    ],
)
def test_a_response_that_broke_off_is_cut_before_it_looks_complete(
    rsgi: SimpleNamespace, caplog: pytest.LogCaptureFixture, fields: Any, way: str, is_cut: bool
) -> None:
    """One with a length tells by itself that some of it is missing; a connection that is not found is a warning."""

    async def main() -> RSGIExchange:
        exchange = make(rsgi.scope("/broken", server="", client=""), rsgi.Protocol())
        await exchange.send_head(200, fields, has_trailers=False)
        await exchange.send_piece(b"abc", is_last="complete" in way)
        if way == "gone":
            exchange.lose()
        elif "aborted" in way:
            exchange.abort()
        exchange.end()
        return exchange

    exchange = asyncio.run(main())

    assert ("aborted" in way) == exchange.is_aborted
    assert is_cut == ("response_not_cut path='/broken'" in caplog.text)


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        pytest.param("192.0.2.1:80", ("192.0.2.1", 80), id="ipv4"),
        pytest.param("[2001:db8::1]:80", ("2001:db8::1", 80), id="ipv6"),
        pytest.param("unix:", None, id="a-unix-socket"),
        pytest.param("", None, id="unknown"),
    ],
)
def test_the_address_of_the_client_is_taken_apart(
    rsgi: SimpleNamespace, client: str, peer: tuple[str, int] | None
) -> None:
    """A Unix socket has none."""

    async def main() -> tuple[str, int] | None:
        return make(rsgi.scope(client=client), rsgi.Protocol()).peer

    assert peer == asyncio.run(main())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(b"plain", "plain", id="ascii"),
        pytest.param("caf\u00e9".encode(), "caf\u00e9", id="utf-8"),
        pytest.param(b"caf\xe9", "caf\u00e9", id="latin-1"),
    ],
)
def test_the_value_of_a_field_becomes_text(value: bytes, text: str) -> None:
    """The server sends it as UTF-8, so that is what bytes that are no ASCII are taken for first."""
    assert [("x-a", text)] == text_fields([(b"x-a", value)])
