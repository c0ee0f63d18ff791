"""Starlette with its own middleware, streams and static files: alone, and carried."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
PLACES = ["path", "host", "fallback"]


def use(carrier: Any, client: Any, log: list[str], prefix: str = "", origin: str = "http://testserver") -> None:
    """Ask for everything; `client` is httpx's or Starlette's own."""
    first = client.get(f"{prefix}/", headers={"x-stamp": "mine"})
    assert {"visits": 1, "seen": "mine"} == first.json()
    assert "yes" == first.headers["x-stamped"]
    assert {"visits": 2, "seen": "none"} == client.get(f"{prefix}/").json()
    forgotten = client.post(f"{prefix}/forget", follow_redirects=True)
    assert f"{prefix}/" == forgotten.url.path
    assert 1 == forgotten.json()["visits"]
    stopped = client.get(f"{prefix}/stopped")
    assert (403, "stopped by middleware") == (stopped.status_code, stopped.text)

    log.clear()
    streamed = client.get(f"{prefix}/stream")
    assert "".join(f"piece {number}\n" for number in range(5)) == streamed.text
    carrier.wait_for(lambda: ["streamed"] == log)
    content = bytes(range(256)) * 2000
    pieces = iter([content[:100_000], content[100_000:]])
    assert hashlib.sha256(content).hexdigest() == client.post(f"{prefix}/digest", content=pieces).text

    place = client.get(f"{prefix}/inner/place").json()
    path = f"{prefix}/inner/place"
    assert (path, True, f"{prefix}/inner") == (place["path"], place["started"], place["root_path"])
    assert f"{origin}{prefix}/static/site.css" == place["file"]
    file = client.get(f"{prefix}/static/site.css")
    assert 2200 == len(file.content)
    assert "gzip" == file.headers["content-encoding"]
    tag = {"if-none-match": file.headers["etag"]}
    assert 304 == client.get(f"{prefix}/static/site.css", headers=tag).status_code
    missing = client.get(f"{prefix}/static/none.css")
    assert (404, "Not Found") == (missing.status_code, missing.text)
    refused = client.post(f"{prefix}/stream")
    assert (405, "GET, HEAD") == (refused.status_code, ", ".join(sorted(refused.headers["allow"].split(", "))))
    assert 500 == client.get(f"{prefix}/broken").status_code


def test_alone(carrier: Any, tmp_path: Any) -> None:
    """With its own test client the application does what it should."""
    from starlette.testclient import TestClient

    app = carrier.load("starlette_counter", "starlette", "httpx2").make_app(tmp_path)
    with TestClient(app, raise_server_exceptions=False) as client:
        use(carrier, client, app.state.log)
    assert "stop" == app.state.log[-1]


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def carried(request: pytest.FixtureRequest, carrier: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application, carried by one of the servers, with the port."""
    application = carrier.load("starlette_counter", "starlette", "httpx2").make_app(
        tmp_path_factory.mktemp("starlette")
    )
    with carrier.serve(carrier.carry(application), request.param) as port:
        yield application, port


@pytest.mark.capability("C017")
@pytest.mark.parametrize("place", PLACES)
def test_carried(carrier: Any, carried: Any, place: str) -> None:
    """Middleware, streams and files are as they are alone."""
    application, port = carried
    with carrier.browsers(port)[place] as browser:
        use(carrier, browser, application.state.log, browser.prefix, str(browser.base_url).rstrip("/"))
