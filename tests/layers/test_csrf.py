from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import CSRF, BodyLimit, csrf_token
from costrel.messages import BodyStream, Request, WebSocket
from costrel.testing import TestClient

SITE = "https://shop.example"
OTHER = "https://evil.example"
KEY = "a key for the tests alone"
BASIC = {"authorization": "Basic YTpi"}
BEARER = {"authorization": "Bearer abc"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def make_app(layer: CSRF, **settings: Any) -> App:
    app = App("test", use=[layer], settings=AppSettings(**{"secret_key": KEY, **settings}))

    @app.get("/token")
    async def token() -> str:
        return csrf_token()

    @app.route("/change", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    async def change(request: Request) -> str:
        await request.read()
        return request.form.get("name", "") or request.text

    @app.post("/stream")
    async def stream(body: BodyStream) -> str:
        return (await body.read()).decode()

    @app.post("/login")
    async def login(request: Request) -> str:
        request.session["user"] = "ann"
        return "in"

    @app.post("/hooks/payment")
    async def hook() -> str:
        return "paid"

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def client_of(layer: CSRF | None = None, base_url: str = SITE, **settings: Any) -> TestClient:
    return make_app(layer or CSRF(), **settings).test_client(base_url=base_url)


@pytest.fixture(scope="module")
def asked() -> Iterator[TestClient]:
    """One client for the tables, whose requests get no cookie."""
    with client_of() as client:
        yield client


def status_of(client: TestClient, headers: dict[str, str], method: str = "POST") -> int:
    return client.request(method, "/change", headers=headers).status_code


@pytest.mark.capability("C095")
@pytest.mark.capability("N16")
@pytest.mark.security("G9")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"sec-fetch-site": "same-origin"}, 200, id="own-page"),
        pytest.param({"sec-fetch-site": "none"}, 200, id="the-user-itself"),
        pytest.param({"sec-fetch-site": "same-site"}, 403, id="neighbouring-host"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="other-site"),
        pytest.param({"sec-fetch-site": "Same-Origin"}, 403, id="not-the-word"),
        pytest.param({"sec-fetch-site": ""}, 403, id="no-word"),
        pytest.param({"sec-fetch-site": "same-origin, cross-site"}, 403, id="two-words"),
        pytest.param({"sec-fetch-site": "cross-site", "origin": SITE}, 403, id="origin-does-not-outweigh-it"),
        pytest.param({"sec-fetch-site": "same-origin", "origin": OTHER}, 200, id="it-outweighs-the-origin"),
    ],
)
def test_sec_fetch_site_is_asked_first(asked: TestClient, headers: dict[str, str], expected: int) -> None:
    """A page of this site needs nothing in its form, and a page of another one is refused (Fetch Metadata §2.3)."""

    assert expected == status_of(asked, {**FORM, **headers})


@pytest.mark.capability("C095")
@pytest.mark.parametrize(
    ("origin", "base_url", "expected"),
    [
        pytest.param(SITE, SITE, 200, id="own"),
        pytest.param("HTTPS://SHOP.example:443", SITE, 200, id="other-spelling"),
        pytest.param("http://shop.example:8000", "http://shop.example:8000", 200, id="own-port"),
        pytest.param("http://shop.example:8000", "http://shop.example", 403, id="other-port"),
        pytest.param("http://shop.example", SITE, 403, id="without-tls"),
        pytest.param(OTHER, SITE, 403, id="other-host"),
        pytest.param("https://shop.example.evil.example", SITE, 403, id="longer-name"),
        pytest.param("https://x.shop.example", SITE, 403, id="host-below"),
        pytest.param("null", SITE, 403, id="no-origin"),
        pytest.param("", SITE, 403, id="empty"),
        pytest.param(f"{SITE}/", SITE, 403, id="with-a-path"),
        pytest.param(f"{SITE}@evil.example", SITE, 403, id="user-information"),
        pytest.param("https://" + "a" * 8000, SITE, 403, id="endless"),
    ],
)
def test_the_origin_is_asked_next(asked: TestClient, origin: str, base_url: str, expected: int) -> None:
    """Without `Sec-Fetch-Site`, the page's origin must be that of the request; no token makes up for another one."""

    answer = asked.post(f"{base_url}/change", headers={**FORM, "origin": origin})

    assert expected == answer.status_code


def test_two_origins_are_none(asked: TestClient) -> None:
    """One of them might be checked and the other be true."""
    answers = [
        asked.post("/change", headers=[("origin", origin), ("origin", SITE)]).status_code for origin in (SITE, OTHER)
    ]

    assert [403, 403] == answers


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"sec-fetch-site": "cross-site", "origin": "https://app.example"}, 200, id="cross-site"),
        pytest.param({"sec-fetch-site": "same-site", "origin": "https://APP.example:443"}, 200, id="same-site"),
        pytest.param({"origin": "https://app.example"}, 200, id="without-sec-fetch-site"),
        pytest.param({"sec-fetch-site": "cross-site", "origin": "https://x.app.example"}, 403, id="host-below"),
        pytest.param({"sec-fetch-site": "cross-site", "origin": "http://app.example"}, 403, id="without-tls"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="no-origin"),
        pytest.param({"sec-fetch-site": "cross-site", "origin": "app://local"}, 200, id="an-app-of-a-telephone"),
    ],
)
def test_listed_origins_may_send(headers: dict[str, str], expected: int) -> None:
    """An origin that is trusted counts for `Sec-Fetch-Site` and for the comparison alike."""
    with client_of(CSRF(["https://app.example:443", "app://local"])) as client:
        assert expected == status_of(client, headers)


def test_the_base_url_is_an_own_origin() -> None:
    """Behind a proxy that hides the scheme the settings know it."""
    statuses = []
    for settings in ({}, {"base_url": f"{SITE}/prefix/"}):
        with make_app(CSRF(), **settings).test_client(base_url="http://10.0.0.7:8000") as client:
            statuses.append(
                [client.post("/change", headers={"origin": origin}).status_code for origin in (SITE, OTHER)]
            )

    assert [[403, 403], [200, 403]] == statuses


def test_a_trusted_proxy_says_which_origin_is_ours() -> None:
    """Scheme and host are the client's, as the request knows them."""
    app = make_app(CSRF(), trusted_proxies=("10.0.0.0/8",))
    fields = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example", "origin": SITE}
    statuses = []
    for peer in ("10.0.0.1", "192.0.2.1"):
        with app.test_client(base_url="http://127.0.0.1:8000", peer=(peer, 5000)) as client:
            statuses.append(client.post("/change", headers=fields).status_code)

    assert [200, 403] == statuses


@pytest.mark.capability("C094")
@pytest.mark.security("G10")
@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        pytest.param("POST", FORM, 403, id="form"),
        pytest.param("POST", {"content-type": "multipart/form-data; boundary=x"}, 403, id="form-with-files"),
        pytest.param("POST", {"content-type": "Text/Plain; charset=utf-8"}, 403, id="plain-form"),
        pytest.param("POST", {}, 403, id="no-type"),
        pytest.param("POST", {**FORM, **BASIC}, 403, id="form-with-password"),
        pytest.param("POST", {**JSON, **BASIC}, 403, id="json-with-password"),
        pytest.param("DELETE", {"authorization": "negotiate abc"}, 403, id="ticket"),
        pytest.param("POST", {**JSON, "cookie": "session=x"}, 403, id="json-with-cookie"),
        pytest.param("POST", {**JSON, **BEARER, "cookie": "session=x"}, 403, id="bearer-with-cookie"),
        pytest.param("POST", {"content-type": "text/plain", "cookie": "a=b"}, 403, id="plain-with-cookie"),
        pytest.param("POST", {"cookie": "a=b"}, 403, id="no-type-with-cookie"),
        pytest.param("PUT", {**JSON, "cookie": "a=b"}, 403, id="put-with-cookie"),
        pytest.param("PATCH", {"cookie": ""}, 403, id="empty-cookie"),
        pytest.param("POST", JSON, 200, id="json"),
        pytest.param("POST", {**FORM, **BEARER}, 200, id="form-with-bearer"),
        pytest.param("POST", BEARER, 200, id="bearer"),
        pytest.param("DELETE", {}, 200, id="delete"),
        pytest.param("PUT", {"content-type": "text/plain"}, 200, id="put"),
    ],
)
def test_what_a_page_could_have_sent_needs_a_token(
    asked: TestClient, method: str, headers: dict[str, str], expected: int
) -> None:
    """Without both fields a request passes if it has no cookie or password, and is none that a form can send."""

    assert expected == status_of(asked, headers, method)


@pytest.mark.security("G12")
@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("OPTIONS", {}, 204),
        ("POST", {"x-http-method-override": "GET"}, 403),
        ("POST", {"x-method-override": "OPTIONS"}, 403),
        ("FORGET", {}, 403),
    ],
)
def test_safe_methods_pass_and_nothing_makes_a_method_safe(
    asked: TestClient, method: str, headers: dict[str, str], expected: int
) -> None:
    """What changes nothing is not asked; what nobody has defined is (RFC 9110 §9.2.1)."""

    assert expected == status_of(asked, {"sec-fetch-site": "cross-site", **headers}, method)


def test_a_handshake_passes() -> None:
    """The origin of a WebSocket is checked by its route."""
    with client_of() as client, client.websocket("/ws", headers={"origin": SITE}) as socket:
        assert "hello" == socket.receive()


@pytest.mark.parametrize("where", ["header", "form", "multipart"])
def test_a_token_lets_a_request_pass(where: str) -> None:
    """It may stand in a header field or in the form, and the handler reads the form as ever."""
    with client_of() as client:
        token = client.get("/token").text
        if where == "header":
            answer = client.post("/change", data={"name": "Ann"}, headers={"x-csrf-token": token})
        elif where == "form":
            answer = client.post("/change", data={"name": "Ann", "csrf_token": token})
        else:
            answer = client.post("/change", data={"name": "Ann", "csrf_token": token}, files={"f": ("a.txt", b"a")})

    assert (200, "Ann") == (answer.status_code, answer.text)


@pytest.mark.capability("C094")
@pytest.mark.security("G9")
def test_a_form_without_its_token_is_refused() -> None:
    """The cookie alone is what a forged request would have."""
    tokens = [None, "", "x", "A" * 43, "é" * 43, "A" * 5000]
    with client_of() as client:
        client.get("/token")
        forms = [{} if token is None else {"csrf_token": token} for token in tokens]
        reasons = [client.post("/change", data=form).json()["reason"] for form in forms]

    assert ["no-token", *["wrong-token"] * 5] == reasons


@pytest.mark.parametrize(
    ("options", "headers", "expected"),
    [
        pytest.param({"header_name": "X-Proof"}, {"x-proof": "{}"}, 200, id="own-header"),
        pytest.param({"header_name": "X-Proof"}, {"x-csrf-token": "{}"}, 403, id="the-header-that-is-not-used"),
        pytest.param({"cookie_name": "proof"}, {"x-csrf-token": "{}"}, 200, id="own-cookie"),
    ],
)
def test_names_can_be_chosen(options: dict[str, str], headers: dict[str, str], expected: int) -> None:
    """Header, field and cookie have names that clients of other frameworks expect."""
    with client_of(CSRF(**options)) as client:
        token = client.get("/token").text
        fields = {name: value.format(token) for name, value in headers.items()}

        assert expected == client.post("/change", headers=fields).status_code


def test_the_field_can_be_named() -> None:
    """A form may call it as it likes."""
    with client_of(CSRF(field_name="proof")) as client:
        token = client.get("/token").text
        statuses = [client.post("/change", data={name: token}).status_code for name in ("proof", "csrf_token")]

    assert [200, 403] == statuses


def test_a_body_is_read_only_for_its_field() -> None:
    """With the token in the header the stream is the handler's; with the token in it, it gets the body again."""
    with client_of() as client:
        token = client.get("/token").text
        by_header = client.post("/stream", content=b"raw", headers={"x-csrf-token": token})
        by_field = client.post("/stream", data={"csrf_token": token})

    assert ("raw", f"csrf_token={token}") == (by_header.text, by_field.text)


def test_a_header_leaves_the_body_unread() -> None:
    """An upload is not read by who has seen the token; nor is one without a cookie, which cannot pass."""
    seen = []

    async def watch(request: Request, call_next: Any) -> Any:
        seen.append(request.content)
        return await call_next(request)

    app = App("test", use=[CSRF(), watch], settings=AppSettings(secret_key=KEY, max_body_bytes=10))

    @app.get("/token")
    async def token() -> str:
        return csrf_token()

    @app.post("/change", use=[BodyLimit(1000)])
    async def change(request: Request) -> str:
        await request.read()
        return "read"

    content = {"content": b"x" * 100, "headers": FORM}
    with app.test_client(base_url=SITE) as client:
        refused = client.post("/change", **content).status_code
        proof = client.get("/token").text
        seen.clear()
        taken = client.post("/change", content=b"x" * 100, headers={**FORM, "x-csrf-token": proof}).status_code
        too_large = client.post("/change", **content).status_code

    assert (403, 200, 413) == (refused, taken, too_large)
    assert [None] == seen


@pytest.mark.security("G14")
def test_a_login_is_protected_without_a_session() -> None:
    """A forged login logs somebody in as the attacker, so it needs a token before there is any session."""
    with client_of() as client:
        forged = [
            client.post("/login", data={"user": "eve"}, headers=headers).status_code
            for headers in ({}, {"sec-fetch-site": "cross-site"}, {"origin": OTHER})
        ]
        token = client.get("/token").text
        own = client.post("/login", data={"user": "ann", "csrf_token": token})

    assert ([403, 403, 403], 200) == (forged, own.status_code)


def test_exempt_paths_pass() -> None:
    """What is called by other servers has its own proof."""
    fields = {"sec-fetch-site": "cross-site"}
    with client_of(CSRF(exempt=["/hooks/*"])) as client:
        statuses = [client.post(path, headers=fields).status_code for path in ("/hooks/payment", "/change")]

    assert [200, 403] == statuses


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part(scope: str) -> None:
    """Only what it stands around is asked."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[CSRF()] if scope == "blueprint" else [])

    @part.post("/", use=[CSRF()] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.post("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        fields = {"sec-fetch-site": "cross-site"}

        assert [200, 403] == [client.post(path, headers=fields).status_code for path in ("/", "/part/")]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"sec-fetch-site": "cross-site"}, "cross-site"),
        ({"sec-fetch-site": "same-site"}, "same-site"),
        ({"origin": OTHER}, "other-origin"),
        ({"origin": "null"}, "opaque-origin"),
        ({}, "no-cookie"),
        ({"cookie": "__Host-csrf=x"}, "bad-cookie"),
    ],
)
def test_a_refusal_says_what_was_wrong(asked: TestClient, headers: dict[str, str], reason: str) -> None:
    """A program reads the reason, and no cache keeps it; what can be done about it is for developers."""
    answer = asked.post("/change", headers=headers)
    problem = answer.json()

    assert (403, reason, "no-store") == (answer.status_code, problem["reason"], answer.headers["cache-control"])
    assert not re.search(r"CSRF\(|csrf_field|COSTREL", problem["detail"])


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"sec-fetch-site": "cross-site", "origin": OTHER}, f"CSRF(trusted_origins=['{OTHER}'])"),
        ({"origin": OTHER}, f"It came from '{OTHER}', and this is {SITE}. Behind a proxy set COSTREL_TRUSTED_PROXIES"),
        ({"origin": "null"}, "Referrer-Policy: no-referrer"),
        ({}, "Put {{ csrf_field() }} into the form, or send csrf_token() in the header"),
    ],
)
def test_in_debug_mode_a_refusal_says_what_to_do(headers: dict[str, str], words: str) -> None:
    """The developer meets it first."""
    with client_of(debug=True) as client:
        assert words in client.post("/change", headers=headers).json()["detail"]


def test_a_browser_gets_a_page() -> None:
    """The form of the answer follows `Accept`, and an origin in it is escaped."""
    fields = {"sec-fetch-site": "cross-site", "origin": "https://<b>", "accept": "text/html"}
    with client_of(debug=True) as client:
        answer = client.post("/change", headers=fields)

    assert (403, True) == (answer.status_code, answer.headers["content-type"].startswith("text/html"))
    assert "A page of another site has sent this request." in answer.text
    assert "<b>" not in answer.text


@pytest.mark.security("L9")
def test_a_refusal_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line with the reason, in which the client cannot begin another."""
    with caplog.at_level("INFO", "costrel.csrf"), client_of() as client:
        client.post("/change%0Acsrf_refused", headers={"sec-fetch-site": "cross-site", "origin": OTHER})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "costrel.csrf"]

    assert line.startswith(
        r"csrf_refused reason=cross_site method=POST path='/change\ncsrf_refused' origin='https://evil"
    )
    assert "\n" not in line


@pytest.mark.parametrize("origin", ["*", "null"])
def test_an_origin_that_everybody_can_have_is_refused(origin: str) -> None:
    """Who trusts it trusts every page."""
    with pytest.raises(ConfigurationError) as caught:
        CSRF([origin])

    assert "COS-LAYERS-020" == caught.value.code


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"trusted_origins": "https://app.example"}, id="one-text-for-many"),
        pytest.param({"trusted_origins": ["app.example"]}, id="no-scheme"),
        pytest.param({"trusted_origins": ["https://app.example/"]}, id="final-slash"),
        pytest.param({"trusted_origins": ["https://*.app.example"]}, id="wildcard"),
        pytest.param({"trusted_origins": ["https://bücher.example"]}, id="not-ascii"),
        pytest.param({"trusted_origins": ["1https://app.example"]}, id="no-scheme-by-its-grammar"),
        pytest.param({"cookie_name": "a b"}, id="cookie-with-space"),
        pytest.param({"cookie_name": "__Host-csrf"}, id="cookie-with-prefix"),
        pytest.param({"header_name": ""}, id="empty-header"),
        pytest.param({"field_name": ""}, id="empty-field"),
        pytest.param({"exempt": "/hooks"}, id="one-path-for-many"),
        pytest.param({"exempt": ["hooks"]}, id="path-without-slash"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        CSRF(**options)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer and what it reads."""
    info = CSRF(["https://B.example", "https://a.example"], header_name="X-Proof").describe()

    assert [403] == list(info.status_codes)
    assert ("sec-fetch-site", "origin", "x-proof") == info.request_headers
    assert "CSRF(['https://a.example', 'https://b.example'])" == repr(CSRF(["https://B.example", "https://a.example"]))


def test_what_passes_at_once_costs_no_frame() -> None:
    """A request that is not asked is handed on as it is: what comes back is the inner awaitable itself."""
    layer = CSRF().bind(Any)
    assert layer is not None

    async def inner(request: Request) -> Any:
        return request.method

    async def main() -> list[str]:
        found = []
        app = make_app(CSRF())
        for method, headers in (("GET", {}), ("POST", {"sec-fetch-site": "same-origin"})):
            with app.test_request_context("/change", method=method, headers=headers) as request:
                coroutine = layer(request, inner)
                found.append(getattr(coroutine, "__qualname__", "").rpartition(".")[2])
                await coroutine
        return found

    assert ["inner", "inner"] == asyncio.run(main())
