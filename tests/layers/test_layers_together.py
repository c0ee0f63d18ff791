"""All layers at once: one stack around an application, in the order that the documentation gives."""

from __future__ import annotations

import pytest

from costrel.app import App
from costrel.layers import (
    BodyLimit,
    ConditionalGet,
    HTTPSRedirect,
    Maintenance,
    RequestID,
    SecurityHeaders,
    Timeout,
    TrustedHosts,
)
from costrel.messages import Request, WebSocket
from costrel.testing import TestClient


def make_app() -> App:
    app = App(
        "test",
        use=[
            RequestID(),
            SecurityHeaders(),
            TrustedHosts("shop.test"),
            HTTPSRedirect(),
            Maintenance(lambda: False),
            Timeout(10),
            BodyLimit(100),
            ConditionalGet(),
        ],
    )

    @app.get("/")
    async def index() -> str:
        return "page"

    @app.post("/")
    async def change(request: Request) -> str:
        return request.text

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


@pytest.mark.parametrize(
    ("method", "url", "status_code"),
    [
        pytest.param("GET", "https://shop.test/", 200, id="page"),
        pytest.param("GET", "https://evil.test/", 400, id="another-host"),
        pytest.param("GET", "http://shop.test/", 308, id="over-http"),
        pytest.param("GET", "http://evil.test/", 400, id="another-host-over-http"),
        pytest.param("GET", "https://shop.test/nothing", 404, id="no-route"),
        pytest.param("DELETE", "https://shop.test/", 405, id="no-method"),
        pytest.param("POST", "https://shop.test/", 413, id="too-large"),
        pytest.param("GET", "https://shop.test/broken", 500, id="crash"),
    ],
)
def test_every_answer_has_what_the_outermost_add(method: str, url: str, status_code: int) -> None:
    """An answer of a layer, of the router or of a crash goes out through all layers outside it."""
    with make_app().test_client(raise_app_exceptions=False) as client:
        response = client.request(method, url, content=b"x" * 101 if method == "POST" else b"")

    assert status_code == response.status_code
    assert {"x-request-id", "x-frame-options", "referrer-policy"} <= set(response.headers)


def test_a_handshake_has_it_too() -> None:
    """The same layers stand around a WebSocket."""
    with TestClient(make_app()) as client, client.websocket("https://shop.test/ws") as socket:
        assert {"x-request-id", "x-frame-options", "strict-transport-security"} <= set(socket.headers)
        assert "hello" == socket.receive()
