"""Comparing headers by what they mean."""

from __future__ import annotations

import pytest

from costrel.cli.doctor_difference import Ignored
from costrel.cli.doctor_headers import COMPARED_HEADERS, compare_headers
from costrel.http import Headers

ORIGIN = "http://localhost"


def found(old: dict[str, str], new: dict[str, str], *ignored: str) -> list[str]:
    """Compare two sections and show each difference as ``sign name: old > new``."""
    differences = compare_headers(Headers(old), Headers(new), ORIGIN, Ignored(ignored))
    return [f"{item.sign} {item.name}: {item.old} > {item.new}" for item in differences]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("content-type", 'text/html; charset="UTF-8"', "Text/HTML;charset=utf-8", id="media-types"),
        pytest.param("content-type", "multipart/mixed; boundary=a", "multipart/mixed; boundary=b", id="boundaries"),
        pytest.param("cache-control", "no-store, Private", "private,no-store", id="directives-in-any-order"),
        pytest.param("vary", "Cookie, Accept", "accept, cookie, Cookie", id="names-in-any-case-and-twice"),
        pytest.param("allow", "GET, HEAD", "HEAD,GET", id="methods-in-any-order"),
        pytest.param("x-frame-options", "DENY", "deny", id="words-in-any-case"),
        pytest.param(
            "content-security-policy",
            "default-src 'self'; script-src 'nonce-abc' 'self';",
            "script-src 'self' 'nonce-xyz'; default-src 'self'",
            id="policies-with-nonces",
        ),
        pytest.param(
            "strict-transport-security", "max-age=60; includeSubDomains", "includesubdomains;max-age=60", id="hsts"
        ),
        pytest.param("location", "http://localhost/login?next=/", "/login?next=/", id="redirects-to-the-own-origin"),
        pytest.param("location", "//localhost", "/", id="redirects-without-a-scheme"),
        pytest.param("location", "/a?state=abc", "/a?state=xyz", id="redirects-with-drawn-values"),
        pytest.param("www-authenticate", 'Digest nonce="a", realm="x"', 'Digest nonce="b", realm="x"', id="nonces"),
    ],
)
def test_what_means_the_same_is_no_difference(name: str, old: str, new: str) -> None:
    """However it is written."""

    assert [] == found({name: old}, {name: new})


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        pytest.param("x-frame-options", "DENY", None, "lost x-frame-options: deny > ", id="a-protection-less"),
        pytest.param("x-content-type-options", None, "nosniff", "gained x-content-type-options:  > nosniff", id="more"),
        pytest.param(
            "cache-control", "no-store, private", "private", "changed cache-control: no-store > ", id="a-part"
        ),
        pytest.param("vary", "", "cookie", "changed vary:  > cookie", id="an-empty-one"),
        pytest.param(
            "content-security-policy",
            "default-src 'self'; upgrade-insecure-requests",
            "default-src 'self' data:",
            "changed content-security-policy: upgrade-insecure-requests > default-src data:",
            id="a-source",
        ),
        pytest.param(
            "location", "/a", "https://other.example/a", "changed location: /a > https://other.example/a", id="to"
        ),
        pytest.param(
            "location",
            "/a?token=1",
            "/b?token=2",
            "changed location: /a?token=*** > /b?token=***",
            id="without-secrets",
        ),
        pytest.param(
            "access-control-allow-origin",
            "https://shop.example",
            "*",
            "changed access-control-allow-origin: https://shop.example > *",
            id="cors",
        ),
        pytest.param(
            "www-authenticate",
            "Basic realm=a",
            "Bearer",
            "changed www-authenticate: Basic realm=a > Bearer",
            id="login",
        ),
    ],
)
def test_what_was_lost_or_gained_is_named(name: str, old: str | None, new: str | None, expected: str) -> None:
    """Of two values only what one of them lacks."""
    sections = [{} if value is None else {name: value} for value in (old, new)]

    assert [expected] == found(*sections)


def test_several_lines_are_one_value() -> None:
    """As RFC 9110 §5.3 has it."""
    old = Headers([("vary", "a"), ("vary", "b")])

    assert [] == compare_headers(old, Headers({"vary": "b, a"}), ORIGIN, Ignored())


def test_a_header_can_be_left_out() -> None:
    """By its name or a pattern."""

    assert [] == found({"x-frame-options": "deny"}, {}, "X-Frame-*")


def test_what_always_differs_is_not_looked_at() -> None:
    """Neither Date nor Server, request ids or cookies; those have a place of their own."""

    assert not {"date", "server", "x-request-id", "set-cookie", "etag", "content-length"} & set(COMPARED_HEADERS)
