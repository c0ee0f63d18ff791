"""Nothing passes from one request to the next on a connection."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

from costrel import App, Request

pytestmark = pytest.mark.integration
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.pain("P2")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_every_request_starts_from_the_same_context(run: Any, net: Any, kind: str) -> None:
    """Pipelined requests in one segment, and those around a body that fills the buffers, see only defaults."""
    names = ("first", "second")
    variables = [contextvars.ContextVar(name, default="default") for name in names]
    at_start: contextvars.ContextVar[str] = contextvars.ContextVar("at_start", default="unset")
    seen: list[list[str]] = []
    app = App()

    def look(request: Request) -> str:
        seen.append([*(variable.get() for variable in variables), at_start.get()])
        for variable in variables:
            variable.set(request.path)
        at_start.set("overwritten")
        return "ok"

    @app.on_start
    async def start() -> None:
        at_start.set("start")

    @app.route("/{number}", methods=["GET", "POST"])
    async def in_loop(request: Request) -> str:
        await request.read()
        result = look(request)
        await asyncio.sleep(0)
        return result

    @app.route("/thread/{number}", methods=["GET", "POST"])
    def in_thread(request: Request) -> str:
        return look(request)

    async def main() -> None:
        prefix = b"/thread/" if kind == "thread" else b"/"
        big = b"POST /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000)
        data = (GET % 1 + GET % 2 + big + GET % 3 + big + LAST).replace(b" /", b" " + prefix)
        async with net.running(app) as server:
            answers = await net.talk(server, data)

            assert [200] * 6 == net.statuses(answers)
            assert [["default", "default", "start"]] * 6 == seen

    run(main)
