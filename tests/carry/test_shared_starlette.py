"""The cookie that Starlette's `SessionMiddleware` and our sessions share, both ways."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings, strategies as st
from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response as StarletteResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from costrel.app import App
from costrel.messages import AppSettings, Request
from costrel.sessions import SignedCookieSessions, StarletteCookie

KEY = "the-key-of-both-applications"
OLD_KEY = "the-key-that-both-had-before"
NOW = 1_700_000_000
VALUES = {"user": 7, "name": "Zoë", "list": [1, {"a": None}], "ratio": 1.5}


async def write(request: StarletteRequest) -> StarletteResponse:
    """Keep `VALUES` in the session."""
    request.session.update(VALUES)
    return JSONResponse({})


async def read(request: StarletteRequest) -> StarletteResponse:
    """Show the session."""
    return JSONResponse(dict(request.session))


async def clear(request: StarletteRequest) -> StarletteResponse:
    """Forget the session."""
    request.session.clear()
    return JSONResponse({})


def old_app(key: str = KEY) -> Starlette:
    """Make an application of Starlette with sessions."""
    routes = [Route("/write", write), Route("/read", read), Route("/clear", clear)]
    return Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, secret_key=key)])


def new_app(*keys: str) -> App:
    """Make an application of ours with the same cookie."""
    sessions = SignedCookieSessions(codec=StarletteCookie())
    app = App(settings=AppSettings(secret_key=keys or (KEY,)), extensions=(sessions,))

    @app.get("/write")
    async def write(request: Request) -> dict[str, object]:
        request.session.update(VALUES)
        return {}

    @app.get("/read")
    async def read(request: Request) -> dict[str, object]:
        return dict(request.session)

    @app.get("/clear")
    async def clear(request: Request) -> dict[str, object]:
        request.session.clear()
        return {}

    return app


def ask_old(path: str, cookie: str | None, key: str = KEY) -> tuple[object, str | None]:
    """Ask Starlette's; return the JSON and the cookie that the browser has then."""
    client = TestClient(old_app(key), cookies={} if cookie is None else {"session": cookie})
    response = client.get(path)
    return response.json(), _after(response.headers.get_list("set-cookie"), cookie)


def ask_new(path: str, cookie: str | None, *keys: str) -> tuple[object, str | None]:
    """Ask ours; return the JSON and the cookie that the browser has then."""
    with new_app(*keys).test_client(cookies={} if cookie is None else {"session": cookie}) as client:
        response = client.get(path)
    return response.json(), _after(response.headers.getlist("set-cookie"), cookie)


def _after(set_cookies: list[str], cookie: str | None) -> str | None:
    for value in set_cookies:
        text = value.removeprefix("session=").partition(";")[0]
        cookie = None if text in ("", "null") else text
    return cookie


@pytest.mark.parametrize(("writer", "reader"), [(ask_old, ask_new), (ask_new, ask_old)], ids=["to-us", "from-us"])
def test_a_session_goes_across_and_is_cleared_there(writer, reader) -> None:
    """What one keeps the other reads, and what the other forgets is forgotten."""
    _, cookie = writer("/write", None)
    values, cookie = reader("/read", cookie)
    assert values == VALUES

    _, cookie = reader("/clear", cookie)
    assert ({}, None) == writer("/read", cookie)


def test_our_list_of_keys_carries_over_a_change_of_the_key() -> None:
    """The middleware has one key; ours reads both and signs with the newest."""
    _, cookie = ask_old("/write", None, OLD_KEY)
    values, _ = ask_new("/read", cookie, KEY, OLD_KEY)
    _, renewed = ask_new("/write", cookie, KEY, OLD_KEY)

    assert values == VALUES
    assert ask_old("/read", renewed)[0] == VALUES
    assert {} == ask_old("/read", renewed, OLD_KEY)[0]


def test_our_cookie_is_read_out_of_a_header_field_without_quotes() -> None:
    """The base64 of the middleware has padding, which a cookie can hold as it is."""
    with new_app().test_client() as client:
        field = client.get("/write").headers["set-cookie"]

    value = field.removeprefix("session=").partition(";")[0]
    assert "=" in value.partition(".")[0]
    assert '"' not in value


class SignerAtNoon(TimestampSigner):
    """A signer whose clock stands still."""

    def get_timestamp(self) -> int:
        return NOW


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=5), plain, max_size=4), st.text(min_size=1, max_size=40))
def test_the_cookie_is_the_middlewares(values: dict[str, object], secret: str) -> None:
    """For any session, any key and the same time the cookies are equal, and ours comes back."""
    theirs = SignerAtNoon(secret).sign(b64encode(json.dumps(values).encode("utf-8"))).decode()
    decoded = StarletteCookie().decode(theirs, [secret], 10, NOW)

    assert theirs == StarletteCookie().encode(values, [secret], NOW)
    assert decoded is not None
    assert values == decoded.values
