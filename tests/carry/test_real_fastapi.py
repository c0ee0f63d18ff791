"""FastAPI with what its users use most: alone, and carried."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
NUMBERS = itertools.count(1)
PLACES = ["path", "host", "fallback"]


@pytest.fixture
def module(carrier: Any) -> Any:
    return carrier.load("fastapi_stock", "fastapi", "httpx2")


def use(carrier: Any, client: Any, log: list[str], prefix: str = "", origin: str = "http://testserver") -> None:
    """Ask for everything that can be asked with plain requests; `client` is httpx's or Starlette's own."""

    def forget() -> None:
        log.clear()

    forget()
    assert {"value": "async and sync"} == client.get(f"{prefix}/opened").json()
    carrier.wait_for(lambda: ["open", "open in a thread", "close in a thread", "close"] == log)

    forget()
    item, path = {"name": "tea", "count": 3}, f"{prefix}/items/{next(NUMBERS)}"
    assert 404 == client.get(path).status_code
    created = client.put(path, json=item)
    assert (201, item) == (created.status_code, created.json())
    carrier.wait_for(lambda: ["kept tea"] == log)
    assert {**item, "url": f"{origin}{path}"} == client.get(path).json()

    refused = client.put(f"{prefix}/items/x", json={"name": "t", "count": -1})
    assert 422 == refused.status_code
    assert [["path", "id"], ["body", "name"], ["body", "count"]] == [each["loc"] for each in refused.json()["detail"]]

    sent = client.post(f"{prefix}/upload", files={"file": ("a.txt", b"x" * 300_000)})
    assert {"name": "a.txt", "size": 300_000} == sent.json()

    page = client.get(f"{prefix}/docs").text
    found = re.search(r"url: '([^']+)'", page)
    assert found is not None
    assert f"{prefix}/openapi.json" == found[1]
    described = client.get(found[1]).json()
    assert "Stock" == described["info"]["title"]
    assert "/items/{id}" in described["paths"]
    assert [prefix] == [each["url"] for each in described.get("servers", [{"url": ""}])]


def test_alone(carrier: Any, module: Any) -> None:
    """With its own test client the application does what it should."""
    from starlette.testclient import TestClient

    app = module.make_app()
    with TestClient(app, raise_server_exceptions=False) as client:
        assert ["start"] == app.state.log
        use(carrier, client, app.state.log)
        with client.websocket_connect("/live/ann", subprotocols=["stock"]) as socket:
            assert {"hello": "ann", "opened": "async", "path": "/live/ann"} == socket.receive_json()
            socket.send_text("tea")
            assert "TEA" == socket.receive_text()
        app.state.log.clear()
        assert 500 == client.get("/broken").status_code
        assert "rolled back" in app.state.log
    assert "stop" == app.state.log[-1]


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def carried(request: pytest.FixtureRequest, carrier: Any) -> Iterator[Any]:
    """The application, carried by one of the servers, with the port."""
    application = carrier.load("fastapi_stock", "fastapi", "httpx2").make_app()
    with carrier.serve(carrier.carry(application), request.param) as port:
        yield application, port


@pytest.mark.parametrize("place", PLACES)
def test_carried(carrier: Any, carried: Any, place: str) -> None:
    """Requests, dependencies, background work and the documentation are as they are alone."""
    application, port = carried
    with carrier.browsers(port)[place] as browser:
        origin = str(browser.base_url).rstrip("/")
        use(carrier, browser, application.state.log, browser.prefix, origin)
        application.state.log.clear()
        assert 500 == browser.get(browser.at("/broken")).status_code
        carrier.wait_for(lambda: "close" in application.state.log)
        assert "rolled back" in application.state.log


@pytest.mark.parametrize("path", ["/shop", ""])
def test_sockets_carried(carrier: Any, carried: Any, path: str) -> None:
    """A WebSocket gets its path, its subprotocol and its dependencies, and a refusal is one."""
    application, port = carried
    address = f"ws://127.0.0.1:{port}{path}"
    application.state.log.clear()
    with connect(f"{address}/live/ann", subprotocols=["stock"]) as socket:
        assert "stock" == socket.subprotocol
        assert f'{{"hello":"ann","opened":"async","path":"{path}/live/ann"}}' == socket.recv(5)
        socket.send("tea")
        assert "TEA" == socket.recv(5)
    carrier.wait_for(lambda: ["open", "close"] == application.state.log)
    with pytest.raises(InvalidStatus) as refused, connect(f"{address}/closed"):
        pass
    assert 403 == refused.value.response.status_code


@pytest.mark.capability("C073")
def test_start_and_stop(carrier: Any, module: Any) -> None:
    """The lifespan of an application that is mounted is joined once."""
    application = module.make_app()
    app = carrier.carry(application)

    async def run() -> None:
        async with app.lifespan():
            assert ["start"] == application.state.log

    asyncio.run(run())
    assert ["start", "stop"] == application.state.log
