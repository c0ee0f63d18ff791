from __future__ import annotations

import re
from pathlib import Path

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError, OutsideRequest, ProgrammerError
from costrel.layers import SecurityHeaders, csp_nonce
from costrel.messages import Response, WebSocket
from costrel.templating import render
from costrel.testing import TestClient

HTTPS = "https://testserver"
WITH_NONCE = {"script-src": ["'self'", "'nonce'"]}


def app_with(layer: SecurityHeaders) -> App:
    app = App("test", use=[layer])

    @app.get("/")
    async def index() -> str:
        return "page"

    @app.get("/own")
    async def own() -> Response:
        return Response("page", headers={"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "img-src *"})

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError

    @app.get("/kept")
    async def kept() -> Response:
        return Response(None, 304, {"ETag": '"v1"'})

    @app.get("/nonce")
    async def nonce() -> str:
        return csp_nonce()

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def fields_of(layer: SecurityHeaders, path: str = "/", base_url: str = HTTPS) -> dict[str, str]:
    with app_with(layer).test_client(base_url=base_url, raise_app_exceptions=False) as client:
        return dict(client.get(path).headers)


SAFE = {
    "content-security-policy": "base-uri 'self'; object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-site",
    "referrer-policy": "strict-origin-when-cross-origin",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_the_defaults_are_safe(path: str) -> None:
    """Without a word about it, an answer has all that no page misses."""
    fields = fields_of(SecurityHeaders(), path)

    expected = SAFE if path == "/" else {**SAFE, "content-security-policy": fields["content-security-policy"]}
    assert expected == {name: fields[name] for name in SAFE}


def test_a_crash_has_the_fields_too() -> None:
    """An error page is a page."""
    fields = fields_of(SecurityHeaders(), "/broken")

    assert SAFE == {name: fields[name] for name in SAFE}


@pytest.mark.capability("C099")
def test_strict_transport_is_promised_over_https_alone() -> None:
    """Over http the promise would be passed over, and anybody could have made it (RFC 6797 §7.2)."""

    assert "strict-transport-security" in fields_of(SecurityHeaders())
    assert "strict-transport-security" not in fields_of(SecurityHeaders(), base_url="http://testserver")


def test_what_a_handler_has_set_stays() -> None:
    """The handler knows its page better."""
    fields = fields_of(SecurityHeaders(), "/own")

    assert ("SAMEORIGIN", "img-src *") == (fields["x-frame-options"], fields["content-security-policy"])
    assert "same-origin" == fields["cross-origin-opener-policy"]


def test_no_field_is_there_twice() -> None:
    """A page has `nosniff` already."""
    with app_with(SecurityHeaders()).test_client() as client:
        names = [name for name, _ in client.get("/").headers.raw]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        pytest.param({"csp": "default-src 'self'"}, "content-security-policy", "default-src 'self'", id="csp-text"),
        pytest.param(
            {"csp": {"default-src": "self https:", "img-src": ["*", "data:"]}},
            "content-security-policy",
            "default-src 'self' https:; img-src * data:",
            id="csp-directives-with-keywords-quoted",
        ),
        pytest.param(
            {"csp": "upgrade-insecure-requests; sandbox allow-forms;"},
            "content-security-policy",
            "upgrade-insecure-requests; sandbox allow-forms",
            id="csp-directives-without-sources",
        ),
        pytest.param({"csp": None}, "content-security-policy", None, id="no-csp"),
        pytest.param(
            {"csp": "img-src *", "csp_report_only": True},
            "content-security-policy-report-only",
            "img-src *",
            id="report-only",
        ),
        pytest.param(
            {"hsts_seconds": 63072000, "hsts_subdomains": True, "hsts_preload": True},
            "strict-transport-security",
            "max-age=63072000; includeSubDomains; preload",
            id="hsts-with-all",
        ),
        pytest.param({"hsts_seconds": 0}, "strict-transport-security", "max-age=0", id="hsts-taken-back"),
        pytest.param({"hsts_seconds": None}, "strict-transport-security", None, id="no-hsts"),
        pytest.param({"frame_options": "SAMEORIGIN"}, "x-frame-options", "SAMEORIGIN", id="frames-of-its-own"),
        pytest.param({"frame_options": None}, "x-frame-options", None, id="no-frame-options"),
        pytest.param({"referrer_policy": "no-referrer"}, "referrer-policy", "no-referrer", id="referrer"),
        pytest.param(
            {"permissions_policy": {"camera": (), "geolocation": ("self", "https://maps.test"), "usb": ("*",)}},
            "permissions-policy",
            'camera=(), geolocation=(self "https://maps.test"), usb=*',
            id="permissions",
        ),
        pytest.param({"permissions_policy": "camera=()"}, "permissions-policy", "camera=()", id="permissions-text"),
        pytest.param({"coop": "unsafe-none"}, "cross-origin-opener-policy", "unsafe-none", id="coop"),
        pytest.param({"corp": "cross-origin"}, "cross-origin-resource-policy", "cross-origin", id="corp"),
        pytest.param({"coep": "require-corp"}, "cross-origin-embedder-policy", "require-corp", id="coep"),
    ],
)
def test_an_option_becomes_its_field(options: dict[str, object], name: str, value: str | None) -> None:
    """Each field has an option, and `None` leaves it out."""

    assert value == fields_of(SecurityHeaders(**options)).get(name)


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"csp": "defualt-src 'self'"}, id="misspelt-directive"),
        pytest.param({"csp": ""}, id="empty-policy"),
        pytest.param({"csp": {}}, id="policy-without-directives"),
        pytest.param({"csp": "img-src *; img-src a.test"}, id="directive-twice"),
        pytest.param({"csp": {"img-src": ["a.test;script-src *"]}}, id="directive-in-a-source"),
        pytest.param({"csp": {"img-src": ["a.test\r\nx: y"]}}, id="line-break-in-a-source"),
        pytest.param({"csp": {"img-src": ["a.test,b.test"]}}, id="second-policy-in-a-source"),
        pytest.param({"csp": {"img-src": [""]}}, id="empty-source"),
        pytest.param({"csp": "img-src 'none' a.test"}, id="none-beside-another"),
        pytest.param({"hsts_seconds": -1}, id="negative-time"),
        pytest.param({"hsts_seconds": 1.5}, id="fraction-of-a-second"),
        pytest.param({"hsts_preload": True}, id="preload-without-subdomains"),
        pytest.param({"hsts_seconds": 60, "hsts_subdomains": True, "hsts_preload": True}, id="preload-for-a-minute"),
        pytest.param({"frame_options": "deny\r\nx: y"}, id="line-break-in-frame-options"),
        pytest.param({"frame_options": "ALLOW-FROM https://a.test"}, id="frame-options-of-old"),
        pytest.param({"referrer_policy": "nothing"}, id="unknown-referrer-policy"),
        pytest.param({"coop": "same-site"}, id="unknown-coop"),
        pytest.param({"corp": "none"}, id="unknown-corp"),
        pytest.param({"coep": "same-origin"}, id="unknown-coep"),
        pytest.param({"permissions_policy": "camera=()\r\nx: y"}, id="line-break-in-permissions"),
        pytest.param({"permissions_policy": {"Camera": ()}}, id="feature-in-capitals"),
        pytest.param({"permissions_policy": {"camera": "self"}}, id="one-text-for-many"),
        pytest.param({"permissions_policy": {"camera": ("maps.test",)}}, id="host-for-an-origin"),
        pytest.param({"permissions_policy": {"camera": ('https://a.test" x="',)}}, id="quote-in-an-origin"),
    ],
)
def test_a_value_that_the_field_cannot_have_is_refused(options: dict[str, object]) -> None:
    """A header field that browsers pass over protects from nothing, so it is a mistake at once."""
    with pytest.raises(ConfigurationError) as caught:
        SecurityHeaders(**options)

    assert "COS-LAYERS-001" == caught.value.code


def test_a_misspelt_directive_gets_a_suggestion() -> None:
    """The fix names what was probably meant."""
    with pytest.raises(ConfigurationError, match="default-src"):
        SecurityHeaders(csp="defualt-src 'self'")


@pytest.mark.capability("C098")
def test_the_nonce_of_the_policy_is_that_of_the_page() -> None:
    """What the handler puts into its page is what the header field allows."""
    with app_with(SecurityHeaders(csp=WITH_NONCE)).test_client() as client:
        first, second = client.get("/nonce"), client.get("/nonce")

    assert f"script-src 'self' 'nonce-{first.text}'" == first.headers["content-security-policy"]
    assert f"script-src 'self' 'nonce-{second.text}'" == second.headers["content-security-policy"]
    assert first.text != second.text
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", first.text)


@pytest.mark.capability("C098")
def test_a_template_has_the_nonce(tmp_path: Path) -> None:
    """By the name of the request's state, and as a function that was registered."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{{ request.state.csp_nonce }} {{ csp_nonce() }}")
    app = App("test", use=[SecurityHeaders(csp="script-src 'nonce'")])
    app.root_folder = tmp_path
    app.template_global("csp_nonce")(csp_nonce)

    @app.get("/")
    def index() -> str:
        return render("page.html")

    with app.test_client() as client:
        response = client.get("/")

    first, second = response.text.split()
    assert first == second
    assert f"script-src 'nonce-{first}'" == response.headers["content-security-policy"]


def test_two_layers_share_one_nonce() -> None:
    """A route with a policy of its own is not left with the nonce of the application's."""
    app = App("test", use=[SecurityHeaders(csp=WITH_NONCE)])

    @app.get("/", use=[SecurityHeaders(csp="style-src 'nonce'", frame_options="SAMEORIGIN")])
    async def index() -> str:
        return csp_nonce()

    with app.test_client() as client:
        response = client.get("/")

    assert f"style-src 'nonce-{response.text}'" == response.headers["content-security-policy"]
    assert "SAMEORIGIN" == response.headers["x-frame-options"]


def test_a_304_leaves_the_policy_that_the_client_has_kept() -> None:
    """The kept page has the nonce of its own policy (RFC 9111 §3.2 would replace the field)."""

    assert "content-security-policy" not in fields_of(SecurityHeaders(csp=WITH_NONCE), "/kept")


def test_a_nonce_that_nobody_made_is_a_mistake() -> None:
    """The message says which layer is missing."""
    app = App("test")

    @app.get("/")
    async def index() -> str:
        return csp_nonce()

    with app.test_client() as client, pytest.raises(ProgrammerError) as caught:
        client.get("/")
    with pytest.raises(OutsideRequest):
        csp_nonce()

    assert "COS-LAYERS-003" == caught.value.code


def test_a_handshake_has_the_fields_too() -> None:
    """Layers stand around handshakes as around requests."""
    with TestClient(app_with(SecurityHeaders())) as client, client.websocket("/ws") as socket:
        assert "nosniff" == socket.headers["x-content-type-options"]
        assert "hello" == socket.receive()


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around has the fields."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[SecurityHeaders()] if scope == "blueprint" else [])

    @part.get("/", use=[SecurityHeaders()] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [False, True] == ["x-frame-options" in client.get(path).headers for path in ("/", "/part/")]


def test_it_describes_itself() -> None:
    """Documentation learns which fields it sets."""
    layer = SecurityHeaders(csp=WITH_NONCE, hsts_seconds=None, coop=None, corp=None, referrer_policy=None)

    assert ("content-security-policy", "x-content-type-options", "x-frame-options") == layer.describe().response_headers
    assert "SecurityHeaders(content-security-policy, x-content-type-options, x-frame-options)" == repr(layer)
