from __future__ import annotations

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import HTTPSRedirect
from costrel.messages import WebSocket
from costrel.testing import TestClient, WebSocketRefused


def app_with(layer: HTTPSRedirect, **settings: object) -> App:
    app = App("test", use=[layer], settings=AppSettings(**settings))

    @app.route("/{path:path}", methods=["GET", "POST"])
    async def index(path: str) -> str:
        return "served"

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def redirected(layer: HTTPSRedirect, path: str = "/", host: str = "shop.test", **settings: object) -> tuple[int, str]:
    with app_with(layer, **settings).test_client() as client:
        response = client.get(path, headers={"host": host})
    return response.status_code, response.headers.get("location", "")


@pytest.mark.capability("C099")
@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("path", "location"),
    [
        pytest.param("/", "https://shop.test/", id="root"),
        pytest.param("/a/b?c=1&d=%20", "https://shop.test/a/b?c=1&d=%20", id="path-and-query"),
        pytest.param("/a%20b%2Fc", "https://shop.test/a%20b%2Fc", id="encoded-once"),
        pytest.param("/a?next=//evil.test", "https://shop.test/a?next=//evil.test", id="query-stays-a-query"),
        pytest.param("/%0d%0aSet-Cookie:x", "https://shop.test/%0d%0aSet-Cookie:x", id="line-break-stays-encoded"),
        pytest.param("/nothing/at/all", "https://shop.test/nothing/at/all", id="without-a-route"),
    ],
)
def test_a_request_over_http_goes_to_the_same_address_over_https(path: str, location: str) -> None:
    """Path and query are kept as they came."""

    assert (308, location) == redirected(HTTPSRedirect(), path)


def test_a_request_over_https_is_served() -> None:
    """Nothing is redirected twice."""
    with app_with(HTTPSRedirect()).test_client(base_url="https://shop.test") as client:
        response = client.get("/a")

    assert (200, "served") == (response.status_code, response.text)


@pytest.mark.security("F1")
@pytest.mark.parametrize(
    ("options", "settings", "host", "expected"),
    [
        pytest.param({}, {}, "shop.test", (308, "https://shop.test/"), id="of-the-request"),
        pytest.param({}, {}, "shop.test:8000", (308, "https://shop.test/"), id="port-of-http-is-dropped"),
        pytest.param({}, {}, "SHOP.test", (308, "https://shop.test/"), id="lower-case"),
        pytest.param({}, {}, "[::1]:8000", (308, "https://[::1]/"), id="ipv6"),
        pytest.param({}, {}, "shop.test@evil.test", (400, ""), id="user-information"),
        pytest.param({}, {}, "evil.test/?", (400, ""), id="no-host-by-its-grammar"),
        pytest.param({"host": "a.test"}, {}, "evil.test", (308, "https://a.test/"), id="as-the-option-says"),
        pytest.param({"host": "a.test:8443"}, {}, "evil.test", (308, "https://a.test:8443/"), id="option-with-port"),
        pytest.param(
            {}, {"base_url": "https://a.test:8443/x"}, "evil.test", (308, "https://a.test:8443/"), id="of-the-base-url"
        ),
        pytest.param(
            {}, {"base_url": "http://a.test:8000"}, "evil.test", (308, "https://a.test/"), id="of-a-base-url-over-http"
        ),
        pytest.param({}, {"allowed_hosts": ("a.test",)}, "a.test", (308, "https://a.test/"), id="allowed"),
        pytest.param({}, {"allowed_hosts": ("a.test",)}, "evil.test", (400, ""), id="not-allowed"),
        pytest.param(
            {},
            {"allowed_hosts": ("a.test", "b.test"), "base_url": "https://a.test"},
            "b.test",
            (308, "https://b.test/"),
            id="allowed-beside-a-base-url",
        ),
        pytest.param(
            {},
            {"allowed_hosts": ("b.test",), "base_url": "https://a.test"},
            "evil.test",
            (308, "https://a.test/"),
            id="not-allowed-beside-a-base-url",
        ),
    ],
)
def test_a_client_does_not_choose_where_others_are_sent(
    options: dict[str, str], settings: dict[str, object], host: str, expected: tuple[int, str]
) -> None:
    """The host is that of the settings; only without any it is the request's, if it is one."""

    assert expected == redirected(HTTPSRedirect(**options), host=host, **settings)


@pytest.mark.parametrize("status_code", [301, 302, 307, 308])
def test_the_status_is_the_one_that_was_asked_for(status_code: int) -> None:
    """Some clients know no 308."""

    assert (status_code, "https://shop.test/") == redirected(HTTPSRedirect(status_code))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/health", 200, id="the-path"),
        pytest.param("/health/x", 308, id="below-it"),
        pytest.param("/Health", 308, id="in-another-case"),
        pytest.param("/.well-known/acme-challenge/abc", 200, id="below-a-prefix"),
        pytest.param("/.well-known/acme-challengeabc", 308, id="beside-a-prefix"),
    ],
)
def test_exempt_paths_are_served_over_http(path: str, expected: int) -> None:
    """A probe and a certificate's challenge come over http."""
    layer = HTTPSRedirect(exempt=["/health", "/.well-known/acme-challenge/*"])

    assert expected == redirected(layer, path)[0]


@pytest.mark.capability("C099")
@pytest.mark.security("F5")
@pytest.mark.parametrize(
    ("trusted", "expected"),
    [pytest.param((), 308, id="of-nobody"), pytest.param(("127.0.0.1",), 200, id="of-a-trusted-proxy")],
)
def test_a_forwarded_scheme_counts_when_its_proxy_is_trusted(trusted: tuple[str, ...], expected: int) -> None:
    """A client cannot say that it has come over https."""
    with app_with(HTTPSRedirect(), trusted_proxies=trusted).test_client() as client:
        response = client.get("/a", headers={"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1"})

    assert expected == response.status_code


def test_a_websocket_without_tls_is_refused() -> None:
    """No browser follows a redirect of a handshake."""
    with TestClient(app_with(HTTPSRedirect())) as client:
        with pytest.raises(WebSocketRefused) as caught, client.websocket("/ws"):
            pass
        with client.websocket("https://testserver/ws") as socket:
            assert "hello" == socket.receive()

    assert 403 == caught.value.response.status_code
    assert "wss" in caught.value.response.text


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around is redirected."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[HTTPSRedirect()] if scope == "blueprint" else [])

    @part.get("/", use=[HTTPSRedirect()] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [200, 308] == [client.get(path).status_code for path in ("/", "/part/")]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"status_code": 303}, id="a-status-that-changes-the-method"),
        pytest.param({"status_code": 200}, id="no-redirect"),
        pytest.param({"host": "https://a.test"}, id="url-as-host"),
        pytest.param({"host": "bücher.test"}, id="host-beyond-ascii"),
        pytest.param({"host": ""}, id="empty-host"),
        pytest.param({"exempt": "/health"}, id="one-text-for-many"),
        pytest.param({"exempt": ["health"]}, id="path-without-slash"),
        pytest.param({"exempt": ["/a*"]}, id="half-a-segment"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, object]) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        HTTPSRedirect(**options)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""

    assert [308] == list(HTTPSRedirect().describe().status_codes)
    assert "HTTPSRedirect(307)" == repr(HTTPSRedirect(307))
