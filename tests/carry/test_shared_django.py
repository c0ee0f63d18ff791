"""The cookie that Django's ``signed_cookies`` sessions and ours share, both ways.

Django has one configuration for each process, so it runs in one of its own: a program that answers one question a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from costrel.app import App
from costrel.messages import AppSettings, Request
from costrel.sessions import DjangoCookie, SignedCookieSessions

pytest.importorskip("django", reason="it comes with the group `carry`")

KEY = "the-key-of-both-applications"
OLD_KEY = "the-key-that-both-had-before"
NOW = 1_700_000_000
VALUES = {"_auth_user_id": "7", "name": "Zoë", "list": [1, {"a": None}], "ratio": 1.5}

PROGRAM = """
import json, sys, time
from unittest import mock
from django.conf import settings

settings.configure(
    SECRET_KEY="the-key-of-both-applications",
    SECRET_KEY_FALLBACKS=["the-key-that-both-had-before"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
)

import django
from django.core import signing
from django.http import JsonResponse
from django.test import Client
from django.urls import path

django.setup()
SALT = "django.contrib.sessions.backends.signed_cookies"


def write(request):
    request.session.update(json.loads(request.GET["values"]))
    if "expiry" in request.GET:
        request.session.set_expiry(int(request.GET["expiry"]))
    return JsonResponse({})


def read(request):
    return JsonResponse(dict(request.session.items()))


def flush(request):
    request.session.flush()
    return JsonResponse({})


urlpatterns = [path("write", write), path("read", read), path("flush", flush)]

for line in sys.stdin:
    question = json.loads(line)
    if "sign" in question:
        with mock.patch("time.time", return_value=question["now"]):
            answer = signing.dumps(question["sign"], key=question["key"], salt=SALT, compress=True)
    else:
        client = Client()
        if question["cookie"] is not None:
            client.cookies["sessionid"] = question["cookie"]
        response = client.get(question["path"], question["query"])
        morsel = response.cookies.get("sessionid")
        set_cookie = None if morsel is None else [morsel.value, morsel["max-age"]]
        answer = {"content": response.json(), "set_cookie": set_cookie}
    print(json.dumps(answer), flush=True)
"""

Ask = Callable[[dict[str, object]], object]


@pytest.fixture(scope="module")
def django() -> Iterator[Ask]:
    """Give a function that asks Django."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(question: dict[str, object]) -> object:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()
        process.wait(10)


def ask_old(django: Ask, path: str, cookie: str | None, **query: object) -> tuple[object, str | None]:
    """Ask Django; return the JSON and the cookie that the browser has then."""
    answer = django({"path": f"/{path}", "cookie": cookie, "query": query})
    if answer["set_cookie"] is not None:
        cookie = answer["set_cookie"][0] or None
    return answer["content"], cookie


def ask_new(path: str, cookie: str | None, *keys: str) -> tuple[object, str | None, str]:
    """Ask ours; return the JSON, the cookie that the browser has then, and the field that has set it."""
    sessions = SignedCookieSessions(codec=DjangoCookie())
    given = AppSettings(secret_key=keys or (KEY,), session_cookie_name="sessionid")
    app = App(settings=given, extensions=(sessions,))

    @app.get("/write")
    async def write(request: Request) -> dict[str, object]:
        request.session.update(VALUES)
        return {}

    @app.get("/read")
    async def read(request: Request) -> dict[str, object]:
        return dict(request.session)

    @app.get("/flush")
    async def flush(request: Request) -> dict[str, object]:
        request.session.clear()
        return {}

    with app.test_client(cookies={} if cookie is None else {"sessionid": cookie}) as client:
        response = client.get(f"/{path}")
    field = response.headers.get("set-cookie", "")
    if field:
        cookie = field.removeprefix("sessionid=").partition(";")[0] or None
    return response.json(), cookie, field


def test_a_session_of_django_is_read_and_cleared_by_us(django: Ask) -> None:
    """What Django keeps we read, and what we forget Django has forgotten."""
    _, cookie = ask_old(django, "write", None, values=json.dumps(VALUES))
    values, cookie, _ = ask_new("read", cookie)
    assert values == VALUES

    _, cookie, _ = ask_new("flush", cookie)
    assert ({}, None) == ask_old(django, "read", cookie)


def test_our_session_is_read_and_cleared_by_django(django: Ask) -> None:
    """What we keep Django reads, and what it flushes is forgotten."""
    _, cookie, _ = ask_new("write", None)
    values, cookie = ask_old(django, "read", cookie)
    assert values == VALUES

    _, cookie = ask_old(django, "flush", cookie)
    assert {} == ask_new("read", cookie)[0]


def test_keys_are_rotated_in_both(django: Ask) -> None:
    """Django's fallback keys and our list do the same."""
    _, from_us, _ = ask_new("write", None, OLD_KEY)
    _, from_django = ask_old(django, "write", None, values=json.dumps(VALUES))

    assert ask_old(django, "read", from_us)[0] == VALUES
    assert VALUES == ask_new("read", from_django, OLD_KEY, KEY)[0]
    assert {} == ask_new("read", from_django, OLD_KEY)[0]


@pytest.mark.parametrize(("expiry", "expected"), [(0, None), (90, "Max-Age=90")])
def test_the_lifetime_that_django_has_set_is_kept(django: Ask, expiry: int, expected: str | None) -> None:
    """``set_expiry`` puts it into the session, and we give the cookie the same."""
    _, cookie = ask_old(django, "write", None, values="{}", expiry=expiry)
    _, _, field = ask_new("write", cookie)

    assert expected == next((part for part in field.split("; ") if part.startswith("Max-Age")), None)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(st.text(max_size=5), plain, max_size=4),
    secret=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    now=st.integers(0, 2**40),
)
def test_the_cookie_is_djangos(django: Ask, values: dict[str, object], secret: str, now: int) -> None:
    """For any session, key and time the cookies are equal, compressed or not, and ours comes back."""
    theirs = django({"sign": values, "key": secret, "now": now})
    decoded = DjangoCookie().decode(theirs, [secret], 10, now)

    assert theirs == DjangoCookie().encode(values, [secret], now)
    assert decoded is not None
    assert values == decoded.values
