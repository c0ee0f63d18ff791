from __future__ import annotations

import pytest

from costrel.app import App, AppSettings
from costrel.messages import Request
from costrel.static.dev_address import DevAddress, is_at_home


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param("http://localhost:5173", ("localhost", 5173, "http://localhost:5173"), id="the-usual"),
        pytest.param("http://127.0.0.1:5173/", ("127.0.0.1", 5173, "http://127.0.0.1:5173"), id="an-address"),
        pytest.param("http://[::1]:5173", ("::1", 5173, "http://[::1]:5173"), id="version-6"),
        pytest.param("http://app.localhost", ("app.localhost", 80, "http://app.localhost:80"), id="a-local-name"),
    ],
)
def test_an_origin_on_this_machine_is_read(origin, expected):
    """A final slash and a missing port are fine."""
    address = DevAddress.parse(origin, is_proxied=True)

    assert expected == (address.host, address.port, address.origin)


@pytest.mark.parametrize(
    ("origin", "is_allowed_directly"),
    [
        pytest.param("http://192.168.1.7:5173", True, id="another-machine"),
        pytest.param("http://localhost.example:5173", True, id="a-name-that-only-begins-so"),
        pytest.param("http://169.254.169.254", True, id="the-metadata-of-a-cloud"),
        pytest.param("http://0.0.0.0:5173", True, id="every-address"),
        pytest.param("https://localhost:5173", True, id="with-tls"),
        pytest.param("ftp://localhost", False, id="another-scheme"),
        pytest.param("localhost:5173", False, id="no-scheme"),
        pytest.param("http://localhost:5173/app", False, id="with-a-path"),
        pytest.param("http://localhost:5173?x=1", False, id="with-a-query"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_the_proxy_connects_to_this_machine_alone(origin, is_allowed_directly):
    """What pages may refer to is wider than what the application connects to."""
    with pytest.raises(ValueError, match="dev_server"):
        DevAddress.parse(origin, is_proxied=True)
    if is_allowed_directly:
        assert DevAddress.parse(origin, is_proxied=False).origin.startswith(origin)


@pytest.mark.parametrize(
    ("peer_address", "fields", "expected"),
    [
        pytest.param("127.0.0.1", {}, True, id="the-developer"),
        pytest.param("::1", {"Host": "[::1]:8000"}, True, id="version-6"),
        pytest.param("::ffff:127.0.0.1", {"Host": "app.localhost"}, True, id="version-4-in-6"),
        pytest.param("192.168.1.7", {}, False, id="a-neighbour"),
        pytest.param("nonsense", {"X-Forwarded-Proto": "https"}, False, id="no-address"),
        pytest.param("127.0.0.1", {"Host": "evil.example"}, False, id="a-name-that-leads-here"),
        pytest.param("127.0.0.1", {"Host": "localhost.evil.example"}, False, id="a-name-that-begins-so"),
        pytest.param("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False, id="through-a-proxy"),
        pytest.param("127.0.0.1", {"Via": "1.1 proxy"}, False, id="through-another"),
    ],
)
def test_the_sources_are_for_the_developer_alone(peer_address, fields, expected):
    """Neither a neighbour nor a page of a foreign site reads them."""
    app = App(extensions=(), settings=AppSettings(debug=True))

    @app.get("/")
    async def index(request: Request) -> bool:
        return is_at_home(request)

    with app.test_client(peer=(peer_address, 50000)) as client:
        assert expected == client.get("/", headers={"Host": "localhost", **fields}).json()
