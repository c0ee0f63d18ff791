"""Request bodies on real sockets: 100-continue, early answers, limits, and bodies larger than memory should be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel import App, BodyStream, Forbidden, Request

pytestmark = pytest.mark.integration
MIB = 1024 * 1024


def make_app() -> App:
    app = App()

    @app.post("/read")
    async def read(body: BodyStream) -> str:
        size = 0
        async for piece in body:
            size += len(piece)
        return str(size)

    @app.post("/refuse")
    async def refuse(body: BodyStream) -> str:
        raise Forbidden("not you")

    @app.post("/json")
    async def json(body: dict[str, int]) -> dict[str, int]:
        return body

    @app.get("/after")
    async def after() -> str:
        return "after"

    return app


def post(path: bytes, length: int, fields: bytes = b"") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % length + fields + b"\r\n"


@pytest.mark.security("A40")
def test_continue_is_sent_when_the_body_is_read(run: Any, net: Any) -> None:
    """100 comes when the handler reads, once, and the final answer follows the body."""

    async def main() -> None:
        async with net.running(make_app()) as server, net.client(server) as client:
            await client.send(post(b"/read", 3, b"Expect: 100-continue\r\n"))

            assert 100 == (await client.answer())[0]

            await client.send(b"abc")

            assert (200, b"3") == (await client.answer())[::2]

            await client.send(b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n")

            assert b"after" == (await client.answer())[2]

    run(main)


@pytest.mark.security("A40")
def test_no_continue_for_a_refused_body(run: Any, net: Any) -> None:
    """A request that is refused early never hears 100, and its connection ends, for nobody knows what follows."""

    async def main() -> None:
        async with net.running(make_app()) as server:
            for path, length, status_code in ((b"/refuse", 9, 403), (b"/missing", 9, 404), (b"/json", 2 * MIB, 413)):
                answer = await net.talk(server, post(path, length, b"Expect: 100-continue\r\n"))

                assert [status_code] == net.statuses(answer)
                assert b"connection: close\r\n" in answer

    run(main)


@pytest.mark.capability("C029")
def test_body_over_the_limit(run: Any, net: Any) -> None:
    """A body that says it is too large is refused before a byte of it is read, one that is too large while it comes."""

    async def main() -> None:
        async with net.running(make_app()) as server:
            declared = await net.talk(server, post(b"/json", 2 * MIB))
            head = b"POST /json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunked = await net.talk(server, head + (b"10000\r\n" + bytes(65536) + b"\r\n") * 17)

            assert [[413], [413]] == [net.statuses(declared), net.statuses(chunked)]

    run(main)


def test_early_response(run: Any, net: Any) -> None:
    """A short rest of a body is dropped and the connection goes on; a long one ends it, and the answer arrives."""
    early: list[dict[str, Any]] = []

    async def main() -> None:
        app = make_app()
        app.on("early_response", lambda fields: early.append(dict(fields)))
        async with net.running(app) as server:
            async with net.client(server) as client:
                await client.send(post(b"/refuse", 60_000) + bytes(10_000))

                assert 403 == (await client.answer())[0]

                await client.send(bytes(50_000) + b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n")

                assert b"after" == (await client.answer())[2]

            answer = await net.talk(server, post(b"/refuse", MIB) + bytes(65_536))

            assert [403] == net.statuses(answer)
            assert b"connection: close\r\n" in answer

    run(main)

    assert [403, 403] == [fields["status_code"] for fields in early]
    assert ["/refuse", "/refuse"] == [fields["request"].path for fields in early]


@pytest.mark.security("A15")
def test_rest_of_a_body_that_never_comes(run: Any, net: Any) -> None:
    """Waiting for the rest of a body that nobody wants ends after a second."""

    async def main() -> None:
        async with net.running(make_app()) as server, net.client(server) as client:
            await client.send(post(b"/refuse", 60_000) + b"a")

            assert 403 == (await client.answer())[0]
            assert b"" == await client.rest(2.5)

    run(main)


@pytest.mark.security("R35")
def test_probe_of_an_old_health_check(run: Any, net: Any) -> None:
    """A request of HTTP/1.0 needs no Host, and a connection that is only opened and closed leaves no trace."""
    app = App()

    @app.get("/")
    async def health(request: Request) -> str:
        return f"{request.http_version} {bool(request.host)}"

    async def main() -> None:
        async with net.running(app) as server:
            answer = await net.talk(server, b"GET / HTTP/1.0\r\n\r\n")

            assert [200] == net.statuses(answer)
            assert b"connection: close\r\n" in answer
            assert b"transfer-encoding" not in answer
            assert answer.partition(b"\r\n\r\n")[2].startswith(b"1.0 ")

            async with net.client(server):
                pass
            async with net.client(server) as client:
                client.reset()
            await asyncio.sleep(0.02)

            assert await net.until(lambda: not server._core.connections)

    run(main)
