from __future__ import annotations

from pathlib import Path

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import Maintenance
from costrel.layers.maintenance import LOOK_EVERY_SECONDS
from costrel.messages import Request, WebSocket
from costrel.testing import TestClient, WebSocketRefused


def on() -> bool:
    return True


def off() -> bool:
    return False


async def on_later() -> bool:
    return True


async def off_later() -> bool:
    return False


def is_admin(request: Request) -> bool:
    return request.headers.get("x-admin") == "yes"


def app_with(layer: Maintenance, **settings: object) -> App:
    app = App("test", use=[layer], settings=AppSettings(**settings))

    @app.get("/{path:path}")
    async def index(path: str) -> str:
        return "served"

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def status_of(layer: Maintenance, path: str = "/a", **options: object) -> int:
    with app_with(layer).test_client(**options) as client:
        return client.get(path).status_code


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        pytest.param(on, 503, id="function-on"),
        pytest.param(off, 200, id="function-off"),
        pytest.param(on_later, 503, id="async-function-on"),
        pytest.param(off_later, 200, id="async-function-off"),
    ],
)
def test_a_function_is_asked(switch: object, expected: int) -> None:
    """A function of either kind says whether the service is maintained."""

    assert expected == status_of(Maintenance(switch))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, 200), ("", 200), ("0", 200), ("False", 200), ("off", 200), ("no", 200), ("1", 503), ("yes", 503)],
)
def test_a_variable_of_the_environment_switches(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: int
) -> None:
    """It is read when the application is built; off, the layer is left out."""
    monkeypatch.delenv("SHOP_MAINTENANCE", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_MAINTENANCE", value)
    app = app_with(Maintenance("SHOP_MAINTENANCE"))

    with app.test_client() as client:
        assert expected == client.get("/a").status_code


def test_a_file_switches_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file is there, the service is maintained; it is looked at once a second."""
    switch, now = tmp_path / "maintenance", [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    statuses = []
    with app_with(Maintenance(switch)).test_client() as client:
        for is_there in (False, True, False):
            now[0] += LOOK_EVERY_SECONDS
            switch.touch() if is_there else switch.unlink(missing_ok=True)
            statuses.append(client.get("/a").status_code)
        switch.touch()
        statuses.append(client.get("/a").status_code)

    assert [200, 503, 200, 200] == statuses


def test_clients_are_told_when_to_come_back() -> None:
    """The answer is for now only, and no cache keeps it (RFC 9110 §10.2.3)."""
    with app_with(Maintenance(on, retry_after_seconds=60, detail="We are moving.")).test_client() as client:
        response = client.get("/a")

    assert ("60", "no-store") == (response.headers["retry-after"], response.headers["cache-control"])
    assert ("application/problem+json", "We are moving.") == (
        response.headers["content-type"],
        response.json()["detail"],
    )


def test_a_browser_gets_a_page() -> None:
    """The form of the answer follows `Accept`."""
    with app_with(Maintenance(on, detail="We are moving.")).test_client() as client:
        response = client.get("/a", headers={"accept": "text/html"})

    assert (503, True) == (response.status_code, response.headers["content-type"].startswith("text/html"))
    assert "We are moving." in response.text


@pytest.mark.parametrize(
    ("allow", "peer", "expected"),
    [
        pytest.param(["10.0.0.0/8"], "10.1.2.3", 200, id="in-the-network"),
        pytest.param(["10.0.0.0/8"], "11.1.2.3", 503, id="outside"),
        pytest.param(["10.0.0.0/8", "192.0.2.1"], "192.0.2.1", 200, id="an-address"),
        pytest.param(["10.0.0.0/8"], "::ffff:10.1.2.3", 200, id="ipv4-in-ipv6"),
        pytest.param(["2001:db8::/32"], "2001:db8::1", 200, id="ipv6"),
        pytest.param([], "10.1.2.3", 503, id="nobody"),
    ],
)
def test_some_networks_are_let_in(allow: list[str], peer: str, expected: int) -> None:
    """Whoever maintains the service wants to see it."""

    assert expected == status_of(Maintenance(on, allow=allow), peer=(peer, 50000))


def test_a_client_without_an_address_is_in_no_network() -> None:
    """On a Unix socket nobody has one."""

    assert 503 == status_of(Maintenance(on, allow=["10.0.0.0/8"]), peer=None)


@pytest.mark.security("F4")
def test_nobody_is_let_in_for_what_a_client_says_of_itself() -> None:
    """A forwarded address counts from trusted proxies alone."""
    with app_with(Maintenance(on, allow=["10.0.0.0/8"])).test_client() as client:
        assert 503 == client.get("/a", headers={"x-forwarded-for": "10.0.0.1"}).status_code


def test_a_function_lets_in() -> None:
    """What a request has to show is up to the application."""
    with app_with(Maintenance(on, allow=is_admin)).test_client() as client:
        assert [503, 200] == [client.get("/a", headers=fields).status_code for fields in ({}, {"x-admin": "yes"})]


@pytest.mark.parametrize(
    ("path", "expected"), [("/health", 200), ("/health/x", 503), ("/static/a.css", 200), ("/static", 503)]
)
def test_exempt_paths_are_served(path: str, expected: int) -> None:
    """Probes, and what the page itself needs."""

    assert expected == status_of(Maintenance(on, exempt=["/health", "/static/*"]), path)


def test_a_handshake_is_refused_too() -> None:
    """A socket would outlive the switch."""
    app = app_with(Maintenance(on))

    with TestClient(app) as client, pytest.raises(WebSocketRefused) as caught, client.websocket("/ws"):
        pass

    assert (503, "120") == (caught.value.response.status_code, caught.value.response.headers["retry-after"])


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around is maintained."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[Maintenance(on)] if scope == "blueprint" else [])

    @part.get("/", use=[Maintenance(on)] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [200, 503] == [client.get(path).status_code for path in ("/", "/part/")]


@pytest.mark.parametrize(
    ("is_on", "options"),
    [
        pytest.param("", {}, id="no-variable"),
        pytest.param(True, {}, id="a-value-for-ever"),
        pytest.param(on, {"retry_after_seconds": -1}, id="back-in-the-past"),
        pytest.param(on, {"retry_after_seconds": 1.5}, id="fraction-of-a-second"),
        pytest.param(on, {"allow": "10.0.0.0/8"}, id="one-text-for-many"),
        pytest.param(on, {"allow": ["office"]}, id="no-network"),
        pytest.param(on, {"allow": ["10.0.0.1/8"]}, id="network-with-host-bits"),
        pytest.param(on, {"exempt": ["health"]}, id="path-without-slash"),
    ],
)
def test_an_option_that_cannot_be_is_refused(is_on: object, options: dict[str, object]) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        Maintenance(is_on, **options)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""

    assert [503] == list(Maintenance(off).describe().status_codes)
    assert "Maintenance('SHOP_MAINTENANCE')" == repr(Maintenance("SHOP_MAINTENANCE"))
