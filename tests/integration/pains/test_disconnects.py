"""Clients that leave: seen through layers, and nothing they held stays taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel import App, Request, Response
from costrel.messages import Dispatch

pytestmark = pytest.mark.integration
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Connection:
    """One of a pool."""


@pytest.mark.pain("P7")
def test_a_thousand_abandoned_queries_give_their_connections_back(net: Any) -> None:
    """Each client resets its connection in the middle of a query; every one is rolled back and counted back in."""
    app = App("test", extensions=())
    counts = {"queries": 0, "open": 0, "rolled back": 0, "committed": 0}

    async def connect() -> AsyncIterator[Connection]:
        counts["open"] += 1
        try:
            yield Connection()
            counts["committed"] += 1
        except BaseException:
            await asyncio.sleep(0)
            counts["rolled back"] += 1
            raise
        finally:
            await asyncio.sleep(0)
            counts["open"] -= 1

    app.provide(Connection, connect)

    @app.get("/", cancel_on_disconnect=True)
    async def query(db: Connection) -> str:
        counts["queries"] += 1
        await asyncio.sleep(60)
        return "late"

    async def main() -> int:
        async with net.serving(app) as (host, port):
            before = len(asyncio.all_tasks())
            for rounds in range(1, 11):
                writers = [(await asyncio.open_connection(host, port))[1] for _ in range(100)]
                for writer in writers:
                    writer.write(GET)
                await net.until(lambda rounds=rounds: counts["queries"] == 100 * rounds)
                for writer in writers:
                    writer.transport.abort()
                await net.until(lambda: counts["open"] == 0)
            await net.until(lambda: len(asyncio.all_tasks()) <= before)
            return len(asyncio.all_tasks()) - before

    assert asyncio.run(main()) <= 0
    assert {"queries": 1000, "open": 0, "rolled back": 1000, "committed": 0} == counts


@pytest.mark.pain("P1")
@pytest.mark.parametrize("layer_count", [0, 5])
def test_layers_do_not_hide_a_disconnect(net: Any, layer_count: int) -> None:
    """Behind five layers that do nothing a handler is told at once, as without them."""

    async def nothing(request: Request, call_next: Dispatch) -> Response:
        return await call_next(request)

    app = App("test", extensions=(), use=[nothing] * layer_count)
    log: list[str] = []

    @app.get("/")
    async def wait(request: Request) -> str:
        log.append("waiting")
        await request.wait_disconnected()
        log.append(f"gone {request.is_disconnected}")
        return ""

    async def main() -> None:
        async with net.serving(app) as (host, port):
            for count in range(1, 21):
                _, writer = await asyncio.open_connection(host, port)
                writer.write(GET)
                await net.until(lambda count=count: log.count("waiting") == count)
                writer.transport.abort()
                await net.until(lambda count=count: log.count("gone True") == count)

    asyncio.run(main())

    assert ["waiting", "gone True"] * 20 == log


@pytest.mark.pain("P11")
def test_a_hundred_thousand_header_fields_are_refused_early(net: Any) -> None:
    """The server answers 431 and reads no further, and the next client is served."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        return "x"

    async def main() -> list[bytes]:
        async with net.serving(app) as (host, port):
            first_lines = []
            for fields in (b"".join(b"X-%d: y\r\n" % number for number in range(100_000)), b""):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(GET[:-2] + fields + b"\r\n")
                first_lines.append(await asyncio.wait_for(reader.readline(), 5))
                writer.transport.abort()
            return first_lines

    assert [b"431", b"200"] == [line.split(b" ")[1] for line in asyncio.run(main())]
