"""Tests of writing responses, through a connection in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel.messages import Request, Response
from costrel.server.writer import HeadCache

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Stream:
    """Pieces, perhaps with an error at the end."""

    def __init__(self, *pieces: bytes, length: int | None = None, error: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.content_length = length
        self.error = error
        self.is_closed = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.is_closed = True


def answer(kit: Any, response: Response, request: bytes = GET) -> tuple[bytes, bool, bool]:
    """Return the bytes of a response, whether the connection was closed, and whether it was cut."""

    async def handler(_: Request) -> Response:
        return response

    async def main() -> tuple[bytes, bool, bool]:
        async with kit.wire(handler) as wire:
            await wire.send(request)
            return wire.text, wire.is_closed, wire.transport.was_aborted

    return asyncio.run(main())


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("stream", "body", "closed", "cut"),
    [
        pytest.param(Stream(b"abc", b"de"), b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", False, False, id="chunked"),
        pytest.param(Stream(), b"0\r\n\r\n", False, False, id="empty"),
        pytest.param(Stream(b"abc", length=3), b"abc", False, False, id="length"),
        pytest.param(Stream(b"abc", length=5), b"abc", True, False, id="too-short"),
        pytest.param(Stream(b"abc", b"de", length=4), b"abcd", True, False, id="too-long"),
        pytest.param(Stream(b"abc", error=ValueError("x")), b"3\r\nabc\r\n", True, True, id="breaks-off"),
    ],
)
@pytest.mark.security("A49")
def test_streams(kit: Any, stream: Stream, body: bytes, closed: bool, cut: bool) -> None:
    """A stream is framed by its length or in chunks, ends properly or not at all, and is always closed."""
    data, is_closed, is_cut = answer(kit, Response(stream))

    assert (body, closed, cut) == (body_of(data), is_closed, is_cut)
    assert stream.is_closed


def test_stream_that_fails_before_its_head(kit: Any) -> None:
    """As long as no head was sent, a broken stream is an honest 500."""
    data, is_closed, _ = answer(kit, Response(Stream(error=ValueError("x"))))

    assert data.startswith(b"HTTP/1.1 500 ")
    assert is_closed


@pytest.mark.security("A49")
@pytest.mark.parametrize(
    ("declared", "status_code", "body", "closed"),
    [
        pytest.param("3", 200, b"Hel", True, id="too-long"),
        pytest.param("5", 200, b"Hello", False, id="as-long-as-said"),
        pytest.param("9", 500, b"Something went wrong on our side.", True, id="too-short"),
    ],
)
def test_declared_length(kit: Any, declared: str, status_code: int, body: bytes, closed: bool) -> None:
    """A longer body is cut to its declared length; a shorter one cannot be mended, so nothing of it is sent."""
    data, is_closed, _ = answer(kit, Response(b"Hello", headers={"Content-Length": declared}))

    assert (b"%d" % status_code, body, closed) == (data.split()[1], body_of(data), is_closed)
    assert 1 == data.count(b"content-length: ")


def test_a_stream_that_contradicts_its_head_is_closed(kit: Any) -> None:
    """A stream whose known length is below the declared one is an error before anything of it was sent."""
    stream = Stream(b"abc", length=3)
    data, is_closed, _ = answer(kit, Response(stream, headers={"Content-Length": "5"}))

    assert (b"500", True, True) == (data.split()[1], is_closed, stream.is_closed)


@pytest.mark.parametrize("status_code", [204, 304])
def test_statuses_without_content(kit: Any, status_code: int) -> None:
    """204 and 304 end with their head."""
    data, is_closed, _ = answer(kit, Response(b"Hello", status_code))

    assert b"" == body_of(data)
    assert b"content-length" not in data
    assert not is_closed


def test_own_fields_of_the_transport(kit: Any) -> None:
    """Fields of the connection are the server's, whatever the application sets."""
    fields = {"Transfer-Encoding": "gzip", "Date": "never", "Keep-Alive": "x", "Connection": "x", "X-A": "1"}
    data, _, _ = answer(kit, Response(b"Hello", headers=fields))

    assert b"x-a: 1\r\n" in data
    assert b"gzip" not in data
    assert b"never" not in data
    assert 1 == data.count(b"date: ")


@pytest.mark.security("A48")
def test_field_that_would_split_the_response(kit: Any) -> None:
    """A line break that was smuggled past the checks never reaches the wire."""
    response = Response(b"Hello", headers={"X-A": "1"})
    response.headers.raw.append((b"x-b", b"v\r\nX-Evil: 1"))
    data, _, _ = answer(kit, response)

    assert data.startswith(b"HTTP/1.1 500 ")
    assert b"Evil" not in data


def test_trailers(kit: Any) -> None:
    """Trailer fields follow the last chunk."""
    response = Response(Stream(b"a"))
    response.trailers = lambda: {"X-Sum": "1"}
    data, _, _ = answer(kit, response)

    assert data.endswith(b"0\r\nx-sum: 1\r\n\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "connection"),
    [
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", b"connection: close\r\n", id="1.0"),
        pytest.param(
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"connection: keep-alive\r\n", id="1.0-keep-alive"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"connection: close\r\n", id="close"),
    ],
)
def test_connection_field(kit: Any, request_bytes: bytes, connection: bytes) -> None:
    """The client is told how the connection goes on where it cannot know."""
    data, is_closed, _ = answer(kit, Response(b"Hello"), request_bytes)

    assert connection in data
    assert is_closed == (b"close" in connection)


def test_heads_are_renewed_with_the_date() -> None:
    """A head is made once a second."""
    cache = HeadCache()
    cache.refresh(784111777.2)
    head = cache.make(200, "text/plain")
    cache.refresh(784111777.9)

    assert head == cache.heads[200, "text/plain"]
    assert (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: "
    ) == head

    cache.refresh(784111778.0)

    assert {} == cache.heads
