"""Testing applications in memory: clients, requests to look at, captured events, a clock.

    def test_greeting() -> None:
        with TestClient(app) as client:
            assert client.get("/").text == "Hello"

`TestClient` is for plain tests, `AsyncTestClient` for ``async def`` tests; both send real requests through the whole
application, only the sockets are missing. `pytest_plugin` has the fixtures and is imported by pytest alone.
"""

from __future__ import annotations

from costrel.testing.async_client import AsyncTestClient
from costrel.testing.capture import CapturedEvent, capture_events
from costrel.testing.client import TestClient
from costrel.testing.clock import FrozenClock
from costrel.testing.core import WebSocketRefused
from costrel.testing.outgoing import RequestOptions
from costrel.testing.requests import make_request
from costrel.testing.response import TestResponse
from costrel.testing.settings import ClientOptions, ClientSettings
from costrel.testing.websocket import AsyncTestWebSocket, TestWebSocket

__all__ = [
    "AsyncTestClient",
    "AsyncTestWebSocket",
    "CapturedEvent",
    "ClientOptions",
    "ClientSettings",
    "FrozenClock",
    "RequestOptions",
    "TestClient",
    "TestResponse",
    "TestWebSocket",
    "WebSocketRefused",
    "capture_events",
    "make_request",
]
