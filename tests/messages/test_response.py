from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from costrel.http import CacheControl, ETag
from costrel.messages import HTMLResponse, JSONResponse, RedirectResponse, Response, TextResponse, encode_json


@pytest.mark.parametrize(
    ("response", "body", "media_type"),
    [
        pytest.param(Response("é"), "é".encode(), "text/html; charset=utf-8", id="text-is-HTML"),
        pytest.param(Response(b"x"), b"x", "application/octet-stream", id="bytes"),
        pytest.param(Response(bytearray(b"x")), b"x", "application/octet-stream", id="bytearray"),
        pytest.param(Response(), b"", None, id="nothing"),
        pytest.param(Response("x", media_type="text/csv"), b"x", "text/csv", id="given"),
        pytest.param(Response("x", headers={"Content-Type": "a/b"}), b"x", "a/b", id="as-a-field"),
        pytest.param(HTMLResponse("x"), b"x", "text/html; charset=utf-8", id="html"),
        pytest.param(TextResponse("x"), b"x", "text/plain; charset=utf-8", id="text"),
        pytest.param(JSONResponse({"a": [1]}), b'{"a":[1]}', "application/json", id="json"),
    ],
)
def test_the_body_decides_the_media_type(response, body, media_type):
    """Text is HTML, bytes are bytes, and whoever knows better says so."""
    assert (body, media_type) == (response.body, response.media_type)
    assert media_type == response.headers.get("content-type")


def test_a_head_that_nobody_touched_is_plain():
    """As long as nobody asks for the header fields a transport may use a prepared head."""
    response = Response("x")
    assert response.has_plain_head
    response.media_type = "text/plain"
    assert ("text/plain", True) == (response.plain_media_type, response.has_plain_head)
    assert "text/plain" == response.headers["content-type"]
    assert not response.has_plain_head
    response.media_type = None
    assert "content-type" not in response.headers


def test_html_is_never_sniffed():
    """HTML comes with `nosniff`."""
    assert "nosniff" == Response("x").headers["x-content-type-options"]
    assert "x-content-type-options" not in TextResponse("x").headers


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    "fields", [{"X": "v\r\nX: 1"}, {"x a": "v"}, {"X": "a\x00b"}, {"X": "a\x01"}, {"X": "\x7f"}, {"X": "\u0100"}]
)
def test_bad_fields_are_refused_when_they_are_set(fields):
    """A header field that cannot be sent is a `ValueError` where it is written."""
    with pytest.raises(ValueError):
        Response(headers=fields)
    response = Response()
    with pytest.raises(ValueError):
        response.headers.update(fields)


@pytest.mark.security("A48")
@pytest.mark.security("D3")
@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "a;b"},
        {"name": "a b"},
        {"name": "a\r\n"},
        {"name": ""},
        {"name": "a", "path": "/; domain=x"},
        {"name": "a", "domain": "x;y"},
        {"name": "a", "same_site": "Lax; x"},
        {"name": "a", "priority": "x"},
        {"name": "a", "path": "/\x00"},
        {"name": "__Host-a", "domain": "example.org"},
    ],
)
def test_bad_cookies_are_refused_when_they_are_set(arguments):
    """An attribute that would begin another one is a `ValueError`, and nothing is set."""
    response = Response()
    with pytest.raises(ValueError):
        response.set_cookie(**arguments)

    assert [] == response.headers.getlist("set-cookie")


@pytest.mark.capability("C049")
def test_cookies_are_safe_by_default():
    """A cookie is Secure, HttpOnly and SameSite=Lax unless told otherwise; each is a field of its own."""
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", secure=False, http_only=False, same_site=None, max_age_seconds=5)
    response.delete_cookie("c")
    first, second, third = response.headers.getlist("set-cookie")

    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(first.split("; "))
    assert {"b=2", "Max-Age=5", "Path=/"} == set(second.split("; "))
    assert "Max-Age=0" in third


def test_a_response_belongs_to_one_exchange(scripted):
    """The second exchange gets a copy: head fresh, body shared, cookies of the one not on the other."""
    constant, first, second = Response("x"), scripted(), scripted()
    assert constant is constant.owned_by(first).owned_by(first)
    copy = constant.owned_by(second)
    copy.set_cookie("a", "1")

    assert copy is not constant
    assert copy.body is constant.body
    assert "set-cookie" not in constant.headers


def test_validators_and_caching_have_names():
    """ETag, Vary and Cache-Control are set by value."""
    response = Response("x")
    assert response.etag is None
    response.etag = ETag("a", weak=True)
    response.vary("Cookie", "Accept")
    response.vary("cookie")
    response.cache(CacheControl(public=True, max_age_seconds=60))

    assert ETag("a", weak=True) == response.etag
    assert {"cookie", "accept"} == {name.strip().lower() for name in response.headers["vary"].split(",")}
    assert {"public", "max-age=60"} == {item.strip() for item in response.headers["cache-control"].split(",")}
    response.etag = None
    assert response.etag is None


@pytest.mark.capability("C039")
def test_json_has_a_form_for_the_usual_types():
    """Dates, UUIDs, decimals and dataclasses are written; what has no form is named."""

    @dataclass
    class Point:
        x: int

    class Model:
        def model_dump(self, mode):
            return {"mode": mode}

    value = [date(2026, 1, 2), uuid.UUID(int=1), Decimal("1.5"), Point(1), Model()]

    assert b'["2026-01-02","00000000-0000-0000-0000-000000000001","1.5",{"x":1},{"mode":"json"}]' == encode_json(value)
    with pytest.raises(TypeError, match="`object`"):
        encode_json(object())


def test_a_redirect_names_where_to():
    """A redirect is 303 with a checked Location."""
    response = RedirectResponse("/a b")

    assert (303, "/a%20b") == (response.status_code, response.headers["location"])
    with pytest.raises(ValueError):
        RedirectResponse("https://evil.example/")
    assert "https://a.example/" == RedirectResponse("https://a.example/", external=True).headers["location"]


def test_a_converted_exception_can_be_raised_again():
    """`raise_for_exception` raises what the response was made of, and nothing otherwise."""
    response = Response()
    response.raise_for_exception()
    response.exception = ValueError("x")
    with pytest.raises(ValueError, match="x"):
        response.raise_for_exception()


def test_names_of_others_are_explained():
    """An attribute of another framework says what it is called here."""
    with pytest.raises(AttributeError, match="`response.body`"):
        Response().data


def test_a_response_resolves_to_itself(run):
    """Only a file response, and others that say so, need the request."""
    response = Response("x")

    async def main(_):
        return await response.resolve(None)

    assert response is run(main)
    assert not response.needs_resolving


def test_a_cookie_is_seen_by_who_has_looked_before():
    """A layer that asks for the field before and after finds it: an answer with a cookie must not be kept."""
    response = TextResponse("hello")
    before = "set-cookie" in response.headers

    response.set_cookie("a", "1")
    after_set = response.headers.get("set-cookie", "")
    response.headers["x-seen"] = "yes"
    response.delete_cookie("b")

    assert (False, "a=1", 2) == (before, after_set[:3], len(response.headers.getlist("set-cookie")))
    assert "set-cookie" in response.headers
