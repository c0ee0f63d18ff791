"""Tests of the origin of a handshake: this site's pages and no browser at all pass, other sites' do not."""

from __future__ import annotations

import pytest

from costrel import App, WebSocket
from costrel.app import AppSettings
from costrel.testing import WebSocketRefused

SAME = "http://shop.example"


def make_app(**settings: str) -> App:
    app = App("origins", extensions=(), settings=AppSettings(**settings))

    @app.websocket("/")
    async def own(socket: WebSocket) -> None:
        await socket.send("open")

    @app.websocket("/friends", origins=["https://app.friend.example"], name="friends")
    async def friends(socket: WebSocket) -> None:
        await socket.send("open")

    @app.websocket("/all", origins=["*"], name="all")
    async def everybody(socket: WebSocket) -> None:
        await socket.send("open")

    return app


def status_of(app: App, path: str, origin: str | None, host: str = "shop.example") -> int:
    """Return 101 where the handler has spoken, else the status of the refusal."""
    headers = {"host": host} if origin is None else {"host": host, "origin": origin}
    with app.test_client() as client:
        try:
            with client.websocket(path, headers=headers) as socket:
                return 101 if socket.receive_text() == "open" else 0
        except WebSocketRefused as refused:
            return refused.response.status_code


@pytest.mark.security("J1")
@pytest.mark.parametrize(
    ("path", "origin", "host", "passes"),
    [
        pytest.param("/", None, "shop.example", True, id="no-browser"),
        pytest.param("/", SAME, "shop.example", True, id="the-same"),
        pytest.param("/", "https://shop.example", "shop.example", True, id="tls-ended-in-front"),
        pytest.param("/", "http://SHOP.example", "Shop.Example:80", True, id="spelled-otherwise"),
        pytest.param("/", "http://shop.example:8000", "shop.example:8000", True, id="a-port"),
        pytest.param("/", "http://evil.example", "shop.example", False, id="another-site"),
        pytest.param("/", "http://shop.example.evil", "shop.example", False, id="a-longer-name"),
        pytest.param("/", "http://sub.shop.example", "shop.example", False, id="a-subdomain"),
        pytest.param("/", "http://shop.example:8001", "shop.example:8000", False, id="another-port"),
        pytest.param("/", "null", "shop.example", False, id="null"),
        pytest.param("/", "", "shop.example", False, id="empty"),
        pytest.param("/", "shop.example", "shop.example", False, id="no-origin-at-all"),
        pytest.param("/", "file://shop.example", "shop.example", False, id="another-scheme"),
        pytest.param("/friends", "https://app.friend.example", "shop.example", True, id="a-friend"),
        pytest.param("/friends", SAME, "shop.example", True, id="a-friend-and-oneself"),
        pytest.param("/friends", "http://app.friend.example", "shop.example", False, id="a-friend-without-tls"),
        pytest.param("/all", "http://evil.example", "shop.example", True, id="everybody"),
    ],
)
def test_who_may_open_a_socket(path: str, origin: str | None, host: str, passes: bool) -> None:
    """Refused before the handshake is answered, with 403."""

    assert (101 if passes else 403) == status_of(make_app(), path, origin, host)


def test_the_site_may_have_another_name_in_front() -> None:
    """`base_url` names the site where a proxy changes Host."""
    app = make_app(base_url="https://shop.example")

    assert 101 == status_of(app, "/", "https://shop.example", host="backend:8000")
    assert 403 == status_of(app, "/", "https://evil.example", host="backend:8000")
