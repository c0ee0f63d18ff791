"""What proxies say about a client, believed only when the application trusts them."""

from __future__ import annotations

from typing import Any

import pytest

from costrel import App, Request
from costrel.app import AppSettings

pytestmark = pytest.mark.integration
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: inside\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Host: shop.example\r\n"
)


@pytest.mark.security("F4")
@pytest.mark.security("F5")
@pytest.mark.parametrize(
    ("trusted", "expected", "client"),
    [
        pytest.param(("127.0.0.1",), b"192.0.2.7 https shop.example", "192.0.2.7", id="trusted"),
        pytest.param(("10.0.0.0/8",), b"127.0.0.1 http inside", "127.0.0.1", id="another-proxy"),
        pytest.param((), b"127.0.0.1 http inside", "127.0.0.1", id="nobody"),
    ],
)
def test_forwarded_fields(run: Any, net: Any, trusted: tuple[str, ...], expected: bytes, client: str) -> None:
    """Only a trusted peer may say who the client is, for every request of its connection and for the log."""
    app = App(settings=AppSettings(trusted_proxies=trusted))
    logged: list[object] = []
    app.on("request_finished", lambda fields: logged.append(fields["client"]))

    @app.get("/")
    async def index(request: Request) -> str:
        assert request.client is not None
        return f"{request.client[0]} {request.scheme} {request.host}"

    async def main() -> None:
        async with net.running(app) as server:
            answers = await net.talk(server, (REQUEST + b"\r\n") * 2 + REQUEST + b"Connection: close\r\n\r\n")

            assert 3 == answers.count(b"\r\n\r\n" + expected)
            assert [client] * 3 == logged

    run(main)


@pytest.mark.security("F3")
def test_forwarded_host_is_no_host(run: Any, net: Any) -> None:
    """A request without a Host is refused, whatever stands in another field."""

    async def main() -> None:
        async with net.running(App(settings=AppSettings(trusted_proxies=("127.0.0.1",)))) as server:
            answer = await net.talk(server, b"GET / HTTP/1.1\r\nX-Forwarded-Host: shop.example\r\n\r\n")

            assert [400] == net.statuses(answer)

    run(main)
