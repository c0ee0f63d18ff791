from __future__ import annotations

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import TrustedHosts
from costrel.messages import WebSocket
from costrel.testing import TestClient, WebSocketRefused


def app_with(*layers: TrustedHosts) -> App:
    app = App("test", use=layers)

    @app.get("/")
    async def index() -> str:
        return "served"

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def status_of(layer: TrustedHosts, host: str, path: str = "/") -> int:
    with app_with(layer).test_client() as client:
        return client.get(path, headers={"host": host}).status_code


@pytest.mark.capability("C034")
@pytest.mark.security("F2")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("example.com", 200, id="the-host"),
        pytest.param("EXAMPLE.com", 200, id="in-another-case"),
        pytest.param("example.com.", 200, id="with-a-final-dot"),
        pytest.param("EXAMPLE.com.:8000", 200, id="all-of-it-with-a-port"),
        pytest.param("example.com:8000", 200, id="with-any-port"),
        pytest.param("exampleXcom", 400, id="dot-is-no-wildcard"),
        pytest.param("example.com.evil", 400, id="longer-at-its-end"),
        pytest.param("evil-example.com", 400, id="longer-at-its-beginning"),
        pytest.param("example.com..", 400, id="two-final-dots"),
        pytest.param("example.com:80@evil", 400, id="user-information"),
        pytest.param("example.com:99999", 400, id="no-port"),
        pytest.param("example.com/?", 400, id="path-in-it"),
        pytest.param("evil, example.com", 400, id="list"),
        pytest.param("[::1]", 400, id="address"),
        pytest.param("", 400, id="empty"),
    ],
)
def test_only_the_listed_host_is_served(host: str, expected: int) -> None:
    """Hosts are compared whole, in lower case and without a final dot."""

    assert expected == status_of(TrustedHosts("example.com"), host)


@pytest.mark.security("F2")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("a.example.com", 200, id="one-label"),
        pytest.param("a.b.example.com", 200, id="two-labels"),
        pytest.param("A.Example.com.", 200, id="case-and-dot"),
        pytest.param("example.com", 400, id="the-domain-itself"),
        pytest.param(".example.com", 400, id="empty-label"),
        pytest.param("a..example.com", 400, id="empty-label-between"),
        pytest.param("evilexample.com", 400, id="part-of-a-label"),
        pytest.param("a.example.com.evil", 400, id="longer-at-its-end"),
    ],
)
def test_a_wildcard_is_every_name_below_a_domain(host: str, expected: int) -> None:
    """A wildcard stands for whole labels, one or more."""

    assert expected == status_of(TrustedHosts("*.example.com"), host)


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        pytest.param("[::1]", "[::1]:8000", 200, id="address"),
        pytest.param("[::1]", "[0:0:0:0:0:0:0:1]", 200, id="written-out"),
        pytest.param("[0:0:0:0:0:0:0:1]", "[::1]", 200, id="listed-written-out"),
        pytest.param("[::1]", "[::2]", 400, id="another-address"),
        pytest.param("[::1]", "::1", 400, id="without-brackets"),
        pytest.param("localhost:8000", "localhost:8000", 200, id="the-port"),
        pytest.param("localhost:8000", "LOCALHOST.:8000", 200, id="the-port-in-another-spelling"),
        pytest.param("localhost:8000", "localhost:8001", 400, id="another-port"),
        pytest.param("localhost:8000", "localhost", 400, id="no-port"),
        pytest.param("*.example.com:8000", "a.example.com:8000", 200, id="wildcard-with-port"),
        pytest.param("*.example.com:8000", "a.example.com", 400, id="wildcard-without-its-port"),
    ],
)
def test_addresses_and_ports_are_compared_by_their_value(pattern: str, host: str, expected: int) -> None:
    """An IPv6 address has many spellings, and a port counts where it is named."""

    assert expected == status_of(TrustedHosts(pattern), host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [pytest.param("anything.test", 200, id="host"), pytest.param("a/?", 400, id="no-host-by-its-grammar")],
)
def test_any_host_may_be_asked_for(host: str, expected: int) -> None:
    """Every host passes, but it has to be one."""

    assert expected == status_of(TrustedHosts(any_host=True), host)
    assert expected == status_of(TrustedHosts("*", any_host=True), host)


@pytest.mark.security("F3")
def test_a_forwarded_host_does_not_count() -> None:
    """What a client says in `X-Forwarded-Host` is nothing to go by."""
    with app_with(TrustedHosts("good.test")).test_client() as client:
        response = client.get("/", headers={"host": "evil.test", "x-forwarded-host": "good.test"})

    assert 400 == response.status_code


def test_the_answer_is_clear_and_does_not_repeat_the_host() -> None:
    """The client is told what is wrong and gets nothing of its own back."""
    with app_with(TrustedHosts("good.test")).test_client() as client:
        response = client.get("/", headers={"host": "evil.test"})

    assert "This server does not answer for the host that the request names." == response.json()["detail"]
    assert "evil" not in response.text


def test_a_handshake_is_checked_too() -> None:
    """A WebSocket is opened for the listed host alone."""
    with TestClient(app_with(TrustedHosts("good.test"))) as client:
        with client.websocket("/ws", headers={"host": "good.test"}) as socket:
            assert "hello" == socket.receive()
        with pytest.raises(WebSocketRefused) as caught, client.websocket("/ws", headers={"host": "evil.test"}):
            pass

    assert 400 == caught.value.response.status_code


def test_a_path_without_a_route_is_checked_too() -> None:
    """At the app, the check stands around the 404."""

    assert 404 == status_of(TrustedHosts("good.test"), "good.test", "/nothing")
    assert 400 == status_of(TrustedHosts("good.test"), "evil.test", "/nothing")


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around is refused."""
    app = App("test")
    layer = TrustedHosts("admin.test")
    admin = Blueprint("admin", prefix="/admin", use=[layer] if scope == "blueprint" else [])

    @admin.get("/", use=[layer] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(admin)
    with app.test_client() as client:
        statuses = [client.get(path, headers={"host": "shop.test"}).status_code for path in ("/", "/admin/")]

    assert [200, 400] == statuses


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        pytest.param((), "COS-LAYERS-001", id="none"),
        pytest.param(("*",), "COS-LAYERS-002", id="every-host"),
        pytest.param(("example.com", "*"), "COS-LAYERS-002", id="every-host-beside-one"),
        pytest.param(("https://example.com",), "COS-LAYERS-001", id="url"),
        pytest.param(("example.com/a",), "COS-LAYERS-001", id="path"),
        pytest.param(("bücher.example",), "COS-LAYERS-001", id="beyond-ascii"),
        pytest.param(("a.*.example.com",), "COS-LAYERS-001", id="wildcard-inside"),
        pytest.param((".example.com",), "COS-LAYERS-001", id="empty-label"),
        pytest.param(("::1",), "COS-LAYERS-001", id="address-without-brackets"),
        pytest.param(("example.com:0",), "COS-LAYERS-001", id="no-port"),
        pytest.param(("",), "COS-LAYERS-001", id="empty"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(hosts: tuple[str, ...], code: str) -> None:
    """A wrong pattern is a mistake when the layer is made, not a host that is never served."""
    with pytest.raises(ConfigurationError) as caught:
        TrustedHosts(*hosts)

    assert code == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""
    described = TrustedHosts("a.test").describe()

    assert ([400], ("host",)) == (list(described.status_codes), described.request_headers)
    assert "TrustedHosts('a.test')" == repr(TrustedHosts("a.test"))
