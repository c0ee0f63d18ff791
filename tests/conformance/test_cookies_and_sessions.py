"""Cookies and sessions as attackers send them, and as applications set them, through a whole application."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from itsdangerous import TimestampSigner
from itsdangerous.encoding import base64_encode

from costrel import App, Request, Response, session
from costrel.app import AppSettings
from costrel.errors import BuildError, MissingSecretKey
from costrel.testing import TestClient

KEY, OLD_KEY = "k" * 32, "o" * 32


def make_app(**settings: Any) -> App:
    """An application whose pages use the session in every way there is."""
    app = App(settings=AppSettings(**{"secret_key": KEY, **settings}))

    @app.get("/untouched")
    async def untouched() -> str:
        return "x"

    @app.get("/in")
    async def contains() -> str:
        return str("user" in session)

    @app.get("/len")
    async def length() -> str:
        return str(len(session))

    @app.get("/get")
    async def get() -> str:
        return str(session.get("user"))

    @app.get("/iterate")
    async def iterate() -> str:
        return ",".join(session)

    @app.get("/bool")
    async def is_true() -> str:
        return str(bool(session))

    @app.get("/login")
    def login(permanent: bool = False) -> str:
        session.permanent = permanent
        session["user"] = "ann"
        return "in"

    @app.get("/grow")
    def grow(size: int) -> str:
        session["data"] = Random(1).randbytes(size).hex()
        return "grown"

    @app.get("/cookies")
    async def cookies(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with make_app().test_client(base_url="https://shop.example") as client:
        yield client


def session_cookie(response: Any) -> str:
    """Return the one Set-Cookie line of a response."""
    (line,) = response.headers.getlist("set-cookie")
    return line


def value_of(response: Any) -> str:
    return session_cookie(response).partition(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param("=__Host-session=evil", {}, id="nameless-prefix", marks=pytest.mark.security("D2")),
        pytest.param("=session=x", {}, id="nameless", marks=pytest.mark.security("D2")),
        pytest.param(
            "session=first; session=second", {"session": "first"}, id="twice", marks=pytest.mark.security("D2")
        ),
        pytest.param(
            "__Host-a=1; a=2", {"__Host-a": "1", "a": "2"}, id="prefix-and-plain", marks=pytest.mark.security("D2")
        ),
        pytest.param(";" * 60_000, {}, id="semicolons", marks=pytest.mark.security("D1")),
        pytest.param(",=;" * 5000, {",": ""}, id="junk", marks=pytest.mark.security("D1")),
        pytest.param('a="' + "\\1" * 7000 + '"', {"a": "1" * 7000}, id="escapes", marks=pytest.mark.security("D1")),
    ],
)
def test_cookies_are_read_one_way(client: TestClient, field_value: str, expected: dict[str, str]) -> None:
    """What has no name is no cookie, and the first of several counts."""
    response = client.get("/cookies", headers={"Cookie": field_value})

    assert (200, expected) == (response.status_code, response.json())


@pytest.mark.security("D1")
@pytest.mark.parametrize(("count", "expected"), [(99, 99), (100, 100), (101, 100), (4000, 100)])
def test_cookies_have_a_limit(client: TestClient, caplog: pytest.LogCaptureFixture, count: int, expected: int) -> None:
    """A hundred cookies are read, those after them are ignored, and no line is written for each."""
    caplog.set_level(logging.DEBUG)
    response = client.get("/cookies", headers={"Cookie": ";".join(f"c{n}=v" for n in range(count))[:16_000]})

    assert expected == len(response.json())
    assert len([record for record in caplog.records if record.name.startswith("costrel")]) <= 1


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"name": "a;b"}, id="name-semicolon", marks=pytest.mark.security("D3")),
        pytest.param({"name": "a\r\nb"}, id="name-line-break", marks=pytest.mark.security("D3")),
        pytest.param({"name": "a b"}, id="name-space", marks=pytest.mark.security("D3")),
        pytest.param({"name": "é"}, id="name-not-ascii", marks=pytest.mark.security("D3")),
        pytest.param({"name": ""}, id="name-empty", marks=pytest.mark.security("D3")),
        pytest.param({"value": "x\r\nSet-Cookie: evil=1"}, id="value-line-break", marks=pytest.mark.security("D3")),
        pytest.param({"value": "x\0"}, id="value-nul", marks=pytest.mark.security("D3")),
        pytest.param({"path": "/; Domain=evil"}, id="path-semicolon", marks=pytest.mark.security("D3")),
        pytest.param({"path": "/\r\n"}, id="path-line-break", marks=pytest.mark.security("D3")),
        pytest.param({"domain": "a; Secure"}, id="domain-semicolon", marks=pytest.mark.security("D3")),
        pytest.param({"domain": "é.example"}, id="domain-not-ascii", marks=pytest.mark.security("D3")),
        pytest.param({"same_site": "Lax; Secure"}, id="same-site", marks=pytest.mark.security("D3")),
        pytest.param({"priority": "High\r\nX: y"}, id="priority", marks=pytest.mark.security("D3")),
        pytest.param({"name": "__Host-a", "secure": False}, id="host-insecure", marks=pytest.mark.security("D4")),
        pytest.param({"name": "__Host-a", "domain": "a.example"}, id="host-domain", marks=pytest.mark.security("D4")),
        pytest.param({"name": "__Host-a", "path": "/x"}, id="host-path", marks=pytest.mark.security("D4")),
        pytest.param({"name": "__host-a", "secure": False}, id="host-in-lower-case", marks=pytest.mark.security("D4")),
        pytest.param({"name": "__Secure-a", "secure": False}, id="secure-prefix", marks=pytest.mark.security("D4")),
        pytest.param({"same_site": "None", "secure": False}, id="same-site-none", marks=pytest.mark.security("D4")),
        pytest.param({"partitioned": True, "secure": False}, id="partitioned", marks=pytest.mark.security("D4")),
    ],
)
def test_a_cookie_that_must_not_be_is_refused_where_it_is_set(options: dict[str, Any]) -> None:
    """The handler gets a `ValueError`, the client a plain 500, and nothing of the cookie is sent."""
    app = App(extensions=())

    @app.get("/")
    async def index() -> Response:
        response = Response("x")
        with pytest.raises(ValueError):
            response.set_cookie(**{"name": "a", "value": "b", **options})
        response.set_cookie(**{"name": "a", "value": "b", **options})
        return response

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert 500 == response.status_code
    assert "set-cookie" not in response.headers


def changed(text: str, index: int) -> str:
    return text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]


def signed(payload: bytes) -> str:
    """Sign any payload with the right key."""
    return TimestampSigner(KEY, salt="cookie-session", key_derivation="hmac").sign(payload).decode()


BOMB = b"." + base64_encode(zlib.compress(b'{"user":"' + b"a" * 10_000_000 + b'"}', 9))


@pytest.mark.security("D5")
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda good: changed(good, 3), id="payload"),
        pytest.param(lambda good: changed(good, good.index(".") + 2), id="timestamp"),
        pytest.param(lambda good: changed(good, len(good) - 5), id="signature"),
        pytest.param(lambda good: good.rpartition(".")[0], id="no-signature"),
        pytest.param(lambda good: good.partition(".")[0], id="payload-alone"),
        pytest.param(lambda good: good[:-4], id="truncated"),
        pytest.param(lambda good: "." * 8192, id="dots"),
        pytest.param(lambda good: "!!!!.????.####", id="no-base64"),
        pytest.param(lambda good: signed(base64_encode(b"[1]")), id="no-object"),
        pytest.param(lambda good: signed(b"." + base64_encode(b"no zlib")), id="not-compressed"),
        pytest.param(lambda good: signed(BOMB), id="bomb"),
    ],
)
def test_a_damaged_session_is_an_empty_one(client: TestClient, damage: Callable[[str], str]) -> None:
    """No cookie raises; one that is not ours counts for nothing and is deleted."""
    bad = damage(value_of(client.get("/login")))
    client.cookies.clear()
    response = client.get("/get", headers={"Cookie": f"session={bad}"})

    assert (200, "None") == (response.status_code, response.text)
    assert session_cookie(response).startswith("session=;") or session_cookie(response).startswith('session="";')
    assert "Max-Age=0" in session_cookie(response)


@pytest.mark.security("D8")
def test_a_rotated_key_is_read_and_the_newest_signs() -> None:
    """A cookie of the old key opens the session; what is written next needs the new key alone."""
    with make_app(secret_key=OLD_KEY).test_client(base_url="https://a.example") as client:
        old = value_of(client.get("/login"))
    with make_app(secret_key=(KEY, OLD_KEY)).test_client(base_url="https://a.example") as client:
        assert "ann" == client.get("/get", headers={"Cookie": f"session={old}"}).text

        new = value_of(client.get("/login", headers={"Cookie": f"session={old}"}))
    answers = []
    for key in (KEY, OLD_KEY):
        with make_app(secret_key=key).test_client(base_url="https://a.example") as client:
            answers.append(client.get("/get", headers={"Cookie": f"session={new}"}).text)

    assert ["ann", "None"] == answers


@pytest.mark.security("D9")
@pytest.mark.parametrize("has_cookie", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("path", ["/in", "/len", "/get", "/iterate", "/bool"])
def test_a_page_that_looks_at_the_session_is_kept_out_of_caches(
    client: TestClient, path: str, has_cookie: bool
) -> None:
    """However the session was touched, the answer depends on the cookie (CVE-2026-27205)."""
    if has_cookie:
        client.get("/login")
    headers = client.get(path).headers

    assert ("Cookie", "private") == (headers.get("vary"), headers.get("cache-control"))
    assert "set-cookie" not in headers


@pytest.mark.security("D9")
def test_a_page_that_changes_or_renews_the_session_is_stored_nowhere() -> None:
    """An answer with the cookie in it is for one client, also when only its time was renewed (CVE-2023-30861)."""
    with make_app(session_lifetime_seconds=2).test_client(base_url="https://shop.example") as client:
        first = client.get("/login?permanent=1")
        again = client.get("/login?permanent=1")
        untouched = client.get("/untouched")

    for response in (first, again):
        assert ("Cookie", "no-store") == (response.headers["vary"], response.headers["cache-control"])
        assert session_cookie(response)
    assert {"vary", "cache-control", "set-cookie"}.isdisjoint(untouched.headers)


@pytest.mark.security("D10")
@pytest.mark.parametrize(
    ("settings", "base_url", "attributes"),
    [
        pytest.param({}, "https://shop.example", "Path=/; Secure; HttpOnly; SameSite=Lax", id="production"),
        pytest.param({}, "http://shop.example", "Path=/; Secure; HttpOnly; SameSite=Lax", id="behind-a-plain-hop"),
        pytest.param({"debug": True}, "http://localhost", "Path=/; HttpOnly; SameSite=Lax", id="development"),
        pytest.param({"debug": True}, "http://evil.example", "Path=/; Secure; HttpOnly; SameSite=Lax", id="rebinding"),
        pytest.param(
            {"session_cookie_name": "__Host-session", "debug": True},
            "http://localhost",
            "Path=/; Secure; HttpOnly; SameSite=Lax",
            id="host-prefix",
        ),
    ],
)
def test_the_session_cookie_protects_itself(settings: dict[str, Any], base_url: str, attributes: str) -> None:
    """Hidden from scripts, not sent across sites, and only over https, but for development on this machine."""
    with make_app(**settings).test_client(base_url=base_url) as client:
        name, _, rest = session_cookie(client.get("/login")).partition("=")

    assert settings.get("session_cookie_name", "session") == name
    assert attributes == rest.partition("; ")[2]


@pytest.mark.security("D11")
def test_a_session_that_does_not_fit_is_never_lost_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """In debug mode it is an error; in production it is logged and the client keeps what it had."""
    with make_app(debug=True).test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/grow?size=6000").status_code

    caplog.clear()
    with make_app().test_client(base_url="https://shop.example") as client:
        client.get("/login")
        response = client.get("/grow?size=6000")

        assert (200, "ann") == (response.status_code, client.get("/get").text)
        assert "set-cookie" not in response.headers

    assert 1 == sum("session_too_large" in record.getMessage() for record in caplog.records)


@pytest.mark.security("D12")
def test_two_applications_with_one_key_have_their_own_sessions() -> None:
    """A salt of its own is enough: a session signed for one purpose is nothing to another."""
    with make_app(session_cookie_salt="shop").test_client(base_url="https://a.example") as client:
        shop = value_of(client.get("/login"))
    answers = []
    for salt in ("shop", "admin"):
        with make_app(session_cookie_salt=salt).test_client(base_url="https://a.example") as client:
            answers.append(client.get("/get", headers={"Cookie": f"session={shop}"}).text)

    assert ["ann", "None"] == answers


@pytest.mark.security("D14")
def test_without_a_key_the_application_starts_and_says_so_at_the_first_touch() -> None:
    """What needs no session works; the first that does gets a 500 whose cause names the variable."""
    with make_app(secret_key=None).test_client() as client:
        assert 200 == client.get("/untouched").status_code

        with pytest.raises(MissingSecretKey, match="COSTREL_SECRET_KEY"):
            client.get("/get")
    with make_app(secret_key=None).test_client(raise_app_exceptions=False) as client:
        response = client.get("/login")

    assert 500 == response.status_code
    assert "COSTREL" not in response.text


@pytest.mark.security("D14")
@pytest.mark.parametrize("key", ["", "dev", "k" * 15, ("k" * 16, "dev"), ("dev", "k" * 16)])
def test_a_weak_key_is_an_error_at_start_up(key: str | tuple[str, ...]) -> None:
    """A key that can be guessed never signs, and the error does not show it."""
    with pytest.raises(BuildError, match="shorter than 16 bytes") as caught:
        AppSettings(secret_key=key)

    assert "`dev`" not in str(caught.value)
    assert AppSettings(secret_key="k" * 16).secret_keys == ("k" * 16,)
