"""The WebSocket between a page and Vite's dev server, through an application."""

from __future__ import annotations

from typing import Any

import pytest
from transports.in_threads import under_native
from websockets.sync.client import connect

from costrel import Disconnect
from costrel.testing import WebSocketRefused

pytestmark = pytest.mark.integration

TOKEN = "kn2Gij_iZV2L"
PATH = f"/vite/?token={TOKEN}"
LIMIT_SECONDS = 10
FIELDS = {"Origin": "http://localhost"}


@pytest.fixture
def client(socket_server: Any, make_app: Any) -> Any:
    with make_app(socket_server.port).test_client() as client:
        yield client


@pytest.mark.parametrize("subprotocol", ["vite-hmr", "vite-ping"])
def test_messages_go_both_ways(client: Any, socket_server: Any, subprotocol: str) -> None:
    """The page hears of changes, and what it says is heard; the token and the origin reach the dev server."""
    with client.websocket(PATH, subprotocols=[subprotocol], headers={**FIELDS, "Cookie": "session=secret"}) as page:
        first = page.receive()
        page.send_text("é" * 10_000)
        second = page.receive()
        page.send_bytes(b"bytes")
        third = page.receive()
        chosen = page.subprotocol
    _, target, fields = socket_server.seen[0]

    assert ('{"type":"connected"}', "é" * 10_000, b"bytes", subprotocol) == (first, second, third, chosen)
    assert (PATH, "http://localhost", False) == (target, fields["origin"], "cookie" in fields)


def test_the_socket_of_the_dev_server_ends_with_the_page(client: Any, socket_server: Any) -> None:
    """A page that is left leaves nothing open."""
    with client.websocket(PATH, subprotocols=["vite-hmr"], headers=FIELDS) as page:
        page.receive()

    assert socket_server.closed.wait(LIMIT_SECONDS)


def test_the_page_hears_that_the_dev_server_has_closed(client: Any) -> None:
    """Then Vite's script asks until it is back."""
    with client.websocket(PATH, subprotocols=["vite-hmr"], headers=FIELDS) as page:
        page.receive()
        page.send_text("close")
        with pytest.raises(Disconnect) as caught:
            page.receive()

    assert (4000, "enough") == (caught.value.code, caught.value.reason)


def test_without_a_dev_server_the_handshake_is_refused(make_app: Any, dead_port: int) -> None:
    """Were it accepted, Vite's script would think that it is back, and load the page again without end."""
    with (
        make_app(dead_port).test_client() as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket(PATH, subprotocols=["vite-ping"]),
    ):
        pass

    assert 502 == caught.value.response.status_code


def test_what_the_dev_server_refuses_is_refused(client: Any) -> None:
    """Its token keeps pages of other sites away, behind the application too."""
    with pytest.raises(WebSocketRefused) as caught, client.websocket("/vite/?token=x", headers=FIELDS):
        pass

    assert 502 == caught.value.response.status_code
    assert "refused the socket with 400" in caught.value.response.text


@pytest.mark.parametrize(
    ("peer", "fields", "status_code"),
    [
        pytest.param(("192.168.1.7", 50000), {}, 404, id="a-neighbour"),
        pytest.param(("127.0.0.1", 50000), {"Host": "evil.example"}, 404, id="a-name-that-leads-here"),
        pytest.param(("127.0.0.1", 50000), {"Origin": "http://evil.example"}, 403, id="a-page-of-another-site"),
    ],
)
def test_the_socket_is_for_the_developer_alone(
    make_app: Any, socket_server: Any, peer: Any, fields: Any, status_code: int
) -> None:
    """The dev server is not even asked."""
    with (
        make_app(socket_server.port).test_client(peer=peer) as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket(PATH, headers=fields),
    ):
        pass

    assert (status_code, []) == (caught.value.response.status_code, socket_server.seen)


def test_it_works_over_real_sockets(make_app: Any, socket_server: Any) -> None:
    """A browser's connection to our server is handed on to the dev server's."""
    with under_native(make_app(socket_server.port)) as port:
        url = f"ws://localhost:{port}{PATH}"
        with connect(url, subprotocols=["vite-hmr"], origin=f"http://localhost:{port}") as page:
            assert '{"type":"connected"}' == page.recv(LIMIT_SECONDS)
            page.send("changed")
            assert "changed" == page.recv(LIMIT_SECONDS)

    assert socket_server.closed.wait(LIMIT_SECONDS)
