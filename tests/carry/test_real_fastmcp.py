"""FastMCP, which cannot answer before its lifespan was joined: alone, and carried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from costrel import App

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


async def use(target: Any) -> None:
    """List the tools with FastMCP's own client, and call both."""
    from fastmcp import Client

    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with Client(target, progress_handler=hear) as client:
        assert ["add", "count"] == sorted(tool.name for tool in await client.list_tools())
        assert 5 == (await client.call_tool("add", {"a": 2, "b": 3})).data
        assert "done" == (await client.call_tool("count", {"upto": 3})).data
        assert [1, 2, 3] == told
        refused = await client.call_tool("add", {"a": "two"}, raise_on_error=False)
        assert refused.is_error


@pytest.fixture(scope="module")
def module(carrier: Any) -> Any:
    return carrier.load("mcp_tools", "fastmcp")


def test_alone(module: Any) -> None:
    """With its own client, in memory, the server does what it should."""
    asyncio.run(asyncio.wait_for(use(module.make_server()), 20))


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def port(request: pytest.FixtureRequest, carrier: Any, module: Any) -> Iterator[int]:
    """The application below a path and as what answers the rest, carried by one of the servers: the port."""
    app = App("carrier")
    app.mount("/tools", module.make_server().http_app(), name="below")
    app.mount("/", module.make_server().http_app(path="/rest"), name="rest", fallback=True)
    with carrier.serve(app, request.param) as port:
        yield port


@pytest.mark.parametrize("path", ["/tools/mcp", "/rest"])
def test_carried(module: Any, port: int, path: str) -> None:
    """Its own client opens a session, gets events while a tool runs, and closes it."""
    asyncio.run(asyncio.wait_for(use(f"http://127.0.0.1:{port}{path}"), 20))


def test_what_is_no_message_is_refused(module: Any, port: int) -> None:
    """The application's own errors arrive as they are."""
    refused = httpx.get(f"http://127.0.0.1:{port}/tools/mcp", headers={"accept": "text/html"})
    unknown = httpx.get(f"http://127.0.0.1:{port}/tools/nowhere")

    assert (406, "jsonrpc") == (refused.status_code, next(iter(refused.json())))
    assert (404, "Not Found") == (unknown.status_code, unknown.text)
