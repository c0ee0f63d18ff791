from __future__ import annotations

import pytest

from costrel.app import App
from costrel.errors import ConfigurationError
from costrel.http import parse_cookies
from costrel.messages import AppSettings, Response
from costrel.sessions.cookie import CookiePlace, SessionCookie
from costrel.testing import make_request


def local_request():
    request = make_request(App(extensions=()), "GET", "http://localhost/")
    request.client = ("127.0.0.1", 5000)
    return request


@pytest.mark.parametrize(
    ("cookie", "attributes"),
    [
        pytest.param(SessionCookie(), "session=v; Path=/; HttpOnly; SameSite=Lax", id="defaults-in-debug-mode"),
        pytest.param(
            SessionCookie(name="__Host-s"), "__Host-s=v; Path=/; Secure; HttpOnly; SameSite=Lax", id="host-prefix"
        ),
        pytest.param(
            SessionCookie(same_site="None", partitioned=True),
            "session=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
            id="in-a-frame-of-another-site",
        ),
        pytest.param(
            SessionCookie(path="/admin", domain="a.example", secure=True, same_site="Strict"),
            "session=v; Domain=a.example; Path=/admin; Secure; HttpOnly; SameSite=Strict",
            id="all-attributes",
        ),
    ],
)
@pytest.mark.security("D4")
@pytest.mark.security("D10")
def test_the_attributes_are_those_of_the_settings_unless_the_cookie_says_otherwise(cookie, attributes):
    """And it is deleted with the attributes with which it was set, or browsers would keep it."""
    place = CookiePlace(AppSettings(debug=True), cookie)
    response = Response("x")
    place.set(response, place.format(local_request(), "v", None))
    place.delete(local_request(), response)
    made, deleted = response.headers.getlist("set-cookie")

    assert attributes == made
    assert attributes.partition("; ")[2] == deleted.partition("Max-Age=0; ")[2]


@pytest.mark.security("D4")
@pytest.mark.parametrize(
    "cookie",
    [
        SessionCookie(name="a b"),
        SessionCookie(name="__Host-a", path="/x"),
        SessionCookie(name="__Host-a", domain="a.example"),
        SessionCookie(path="x"),
    ],
)
def test_a_cookie_that_no_browser_keeps_is_a_mistake(cookie):
    """Found when the extension is installed."""
    with pytest.raises(ConfigurationError) as caught:
        CookiePlace(AppSettings(), cookie)

    assert "COS-SESSION-004" == caught.value.code


@pytest.mark.parametrize("value", ["a", "", "a=b.c-d_e~", "a b", 'a"b', "a;b", "é", "a\\b,c"])
def test_any_value_comes_back(value):
    """A codec of somebody else may write what has to be quoted."""
    field_value = CookiePlace(AppSettings()).format(local_request(), value, 9)

    assert value == dict(parse_cookies(field_value.partition(b"; ")[0]))["session"]
    assert b"; Max-Age=9; Path=/" in field_value


def test_a_cookie_is_another_one_with_another_jar():
    """Name, path, domain and partition tell cookies apart."""
    cookies = [SessionCookie(**given) for given in ({}, {"name": "b"}, {"path": "/b"}, {"domain": "b.example"})]
    places = [CookiePlace(AppSettings(), cookie) for cookie in [*cookies, SessionCookie(partitioned=True)]]

    assert 5 == len({place.identity for place in places})
