"""Every limit of what one client may send: what is one below it or at it is answered, what is one above is not.

Each request is sent whole and in single bytes, because a limit that is checked in one place for a request that comes
at once and in another for one that is dribbled is easily wrong in one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from costrel import App, Request
from costrel.app import AppSettings

pytestmark = pytest.mark.integration

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def request_line(size: int) -> bytes:
    """A request line of so many bytes, its end included."""
    line = b"GET /%b HTTP/1.1\r\n" % (b"x" * (size - len(b"GET / HTTP/1.1\r\n")))
    return line + b"Host: a\r\nConnection: close\r\n\r\n"


def header_section(size: int) -> bytes:
    """A header section of so many bytes, without the empty line at its end."""
    fields = b"Host: a\r\nConnection: close\r\n"
    for _ in range(3):
        fields += b"X: %b\r\n" % (b"x" * 20)
    return b"GET / HTTP/1.1\r\n" + fields + b"Y: %b\r\n\r\n" % (b"y" * (size - len(fields) - len(b"Y: \r\n")))


def header_field(size: int) -> bytes:
    """A field line of so many bytes."""
    return b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: %b\r\n\r\n" % (b"x" * (size - len(b"X: \r\n")))


def header_count(count: int) -> bytes:
    """A header section of so many field lines."""
    return b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + b"X: y\r\n" * (count - 2) + b"\r\n"


def body(size: int) -> bytes:
    """A body whose length is told before it."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


def chunked_body(size: int) -> bytes:
    """A body whose length nobody knows before its end."""
    return CHUNKED + b"1\r\nx\r\n" * size + b"0\r\n\r\n"


def trailer_section(size: int) -> bytes:
    """A trailer section of so many bytes."""
    return CHUNKED + b"1\r\nx\r\n0\r\nX: y\r\nX: %b\r\n\r\n" % (b"x" * (size - len(b"X: y\r\nX: \r\n")))


def trailer_count(count: int) -> bytes:
    """A trailer section of so many field lines."""
    return CHUNKED + b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * count + b"\r\n"


def chunk_overhead(size: int) -> bytes:
    """A chunk whose first line has so many bytes; the content behind it pays for the rest."""
    return CHUNKED + b"1;%b\r\nx\r\n0\r\n\r\n" % (b"e" * (size - len(b"1;\r\n")))


async def send_all(client: Any, data: bytes, *, is_dribbled: bool) -> None:
    """Send whole, or byte by byte with a moment's rest behind the head and in front of the end."""
    rests = {data.find(b"\r\n\r\n") + 4, len(data) - len(b"x\r\n0\r\n\r\n")}
    for start in range(0, len(data), 1 if is_dribbled else len(data)):
        if is_dribbled:
            await asyncio.sleep(0.05 if start in rests else 0)
        await client.send(data[start : start + 1] if is_dribbled else data)


LIMITS = [
    pytest.param({"max_request_line_bytes": 64}, request_line, 414, id="max_request_line_bytes"),
    pytest.param({"max_header_bytes": 200, "max_header_field_bytes": 200}, header_section, 431, id="max_header_bytes"),
    pytest.param({"max_header_field_bytes": 100}, header_field, 431, id="max_header_field_bytes"),
    pytest.param({"max_header_count": 10}, header_count, 431, id="max_header_count"),
    pytest.param({"max_body_bytes": 100}, body, 413, id="max_body_bytes"),
    pytest.param({"max_body_bytes": 50}, chunked_body, 413, id="max_body_bytes-chunked"),
    pytest.param({"max_trailer_bytes": 100}, trailer_section, 431, id="max_trailer_bytes"),
    pytest.param({"max_trailer_count": 5}, trailer_count, 431, id="max_trailer_count"),
]


@pytest.mark.capability("C174")
@pytest.mark.security("A19")
@pytest.mark.security("A21")
@pytest.mark.security("A35")
@pytest.mark.security("A37")
@pytest.mark.security("A38")
@pytest.mark.parametrize(
    ("limit", "make", "refusal", "is_dribbled"),
    [
        *(pytest.param(*limit.values, False, id=f"{limit.id}-whole") for limit in LIMITS),
        *(pytest.param(*limit.values, True, id=f"{limit.id}-byte-by-byte") for limit in LIMITS),
        # What comes in one read with the rest of its body is bounded by the size of a read.
        pytest.param({"max_chunk_overhead_bytes": 100}, chunk_overhead, 400, True, id="max_chunk_overhead_bytes"),
    ],
)
def test_one_below_at_and_one_above(
    run: Any, net: Any, limit: dict[str, int], make: Callable[[int], bytes], refusal: int, is_dribbled: bool
) -> None:
    """At the limit a request is answered, one above it is refused, and the connection ends."""
    name, size = next(iter(limit.items()))
    app = App(settings=AppSettings(max_body_bytes=limit.get("max_body_bytes", 1 << 20)))

    @app.route("/", methods=["GET", "POST"])
    @app.route("/{rest}", methods=["GET", "POST"])
    async def echo(request: Request, rest: str = "") -> str:
        await request.read()
        return "read"

    async def main() -> None:
        limits = {} if name == "max_body_bytes" else limit
        async with net.running(app, **limits) as server:
            for offset, expected in ((-1, 200), (0, 200), (1, refusal)):
                data = make(size + offset)
                async with net.client(server) as client:
                    try:
                        await send_all(client, data, is_dribbled=is_dribbled)
                    except ConnectionError:
                        pass

                    assert (offset, [expected]) == (offset, net.statuses(await client.rest()))

    run(main)


@pytest.mark.parametrize("is_pipelined", [False, True], ids=["one-by-one", "pipelined"])
@pytest.mark.parametrize("sent_count", [2, 3, 4])
def test_requests_of_one_connection(run: Any, net: Any, sent_count: int, is_pipelined: bool) -> None:
    """The last request that a connection may bring is answered with `Connection: close`, and one more with nothing."""

    async def main() -> None:
        async with net.running(max_requests_per_connection=3) as server, net.client(server) as client:
            requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(sent_count)]
            if is_pipelined:
                await client.send(b"".join(requests))
            closes = []
            for number in range(min(sent_count, 3)):
                if not is_pipelined:
                    await client.send(requests[number])
                status, fields, content = await client.answer()

                assert (200, str(number).encode()) == (status, content)

                closes.append(fields.get("connection") == "close")

            assert [False, False, True][:sent_count] == closes
            if sent_count >= 3:
                assert b"" == await client.rest()

    run(main)


def test_requests_of_one_connection_are_unlimited_by_default(run: Any, net: Any) -> None:
    """Without the setting nobody counts."""

    async def main() -> None:
        async with net.running() as server, net.client(server) as client:
            for number in range(300):
                await client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)

                assert 200 == (await client.answer())[0]

    run(main)


@pytest.mark.parametrize(("waiting_count", "is_paused"), [(2, False), (3, False), (4, True), (5, True)])
def test_pipelined_requests_that_wait(run: Any, net: Any, waiting_count: int, is_paused: bool) -> None:
    """One request runs, three may wait, and with those the socket is read no further."""
    gate = asyncio.Event()
    app = App()

    @app.get("/{number}")
    async def wait(number: int) -> str:
        await gate.wait()
        return str(number)

    async def main() -> None:
        async with net.running(app, max_pipelined_requests=4) as server, net.client(server) as client:
            await client.send(b"GET /0 HTTP/1.1\r\nHost: a\r\n\r\n")
            for number in range(1, waiting_count + 1):
                await client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                await asyncio.sleep(0.02)
            connection = next(iter(server._core.connections))

            assert is_paused == connection._is_reading_paused

            gate.set()
            for number in range(waiting_count + 1):
                assert str(number).encode() == (await client.answer())[2]

    run(main)
