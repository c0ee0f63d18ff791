"""Tests of redirect targets: what a browser might take to another site."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.redirects import check_location, is_safe_next, relative_redirect


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a/b?next=https://x.example/&q=a%5Cb%0A#top",
        "/a//b",
        "/a%20b",
        "/café/日本",
        "/@user",
        "/a:b",
        "/...//a",
    ],
)
def test_safe_next(target: str) -> None:
    """A path of this site is safe, whatever its query says."""
    assert is_safe_next(target)


E1_VECTORS = [
    "//evil.com",
    "///evil.com",
    "/\\evil.com",
    "\\/evil.com",
    "/%5cevil.com",
    "/\t/evil.com",
    "\thttps://evil.com",
    "https:evil.com",
    "https:/evil.com",
    "http:\\\\evil.com",
    "https://good@evil.com",
    "https://good.evil.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "%0d%0aSet-Cookie:a=b",
    "/a\0b",
    "/a\u2028b",
    "/\uff0fevil.com",
]


@pytest.mark.security("E1")
@pytest.mark.parametrize(
    "target",
    [
        *E1_VECTORS,
        "",
        "a",
        "?a",
        " /a",
        "/a b",
        "/%2fevil.com",
        "/%2Fevil.com",
        "/%09/evil.com",
        "/a%0d%0ab",
        "/a%5Cb",
        "/.//evil.com",
        "/..//evil.com",
        "/%2e//evil.com",
        "/./..//evil.com",
        "/\u2024/evil.com",
        "/\uff3cevil.com",
        "/\u202eevil",
        "/\ud800",
    ],
)
def test_unsafe_next(target: str) -> None:
    """Everything that some browser could take elsewhere is refused."""
    assert not is_safe_next(target)


@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("location", "external", "expected"),
    [
        pytest.param("/a", False, "/a", id="path"),
        pytest.param("a/b", False, "a/b", id="relative"),
        pytest.param("?page=2", False, "?page=2", id="query-only"),
        pytest.param("#top", False, "#top", id="fragment-only"),
        pytest.param("/a b", False, "/a%20b", id="space"),
        pytest.param("/é?q=ü#ß", False, "/%C3%A9?q=%C3%BC#%C3%9F", id="not-ascii"),
        pytest.param("/a%20b%C3%A9", False, "/a%20b%C3%A9", id="not-encoded-twice"),
        pytest.param("/100%", False, "/100%25", id="a-lone-percent"),
        pytest.param("/a?q=\\", False, "/a?q=%5C", id="a-backslash-in-the-query"),
        pytest.param("/\uff0fevil.com", False, "/%EF%BC%8Fevil.com", id="a-fullwidth-slash-is-no-slash"),
        pytest.param("https://x.example", True, "https://x.example", id="another-site"),
        pytest.param("HTTP://x.example:8000/a b?c d", True, "HTTP://x.example:8000/a%20b?c%20d", id="its-path-encoded"),
        pytest.param("https://[::1]/", True, "https://[::1]/", id="ipv6"),
        pytest.param("//x.example/é", True, "//x.example/%C3%A9", id="network-path"),
        pytest.param("https://x.example?q=/a@b", True, "https://x.example?q=/a@b", id="query-right-after-the-host"),
    ],
)
def test_check_location(location: str, external: bool, expected: str) -> None:
    """A location is encoded once for the field."""
    assert expected == check_location(location, external=external)


CONTROL = "has a control character, or a space at its beginning or end."
ELSEWHERE = "is on another site; say `external=True` if that is meant."
PLAIN_HOST = "needs a plain host: no user information, and names beyond ASCII as `xn--…`."


@pytest.mark.security("E1")
@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("location", "external", "message"),
    [
        pytest.param("/a\r\nSet-Cookie: x=y", True, CONTROL, id="line-break"),
        pytest.param("/a\0", True, CONTROL, id="nul"),
        pytest.param("/\t/evil.com", True, CONTROL, id="tab"),
        pytest.param(" //evil.com", True, CONTROL, id="space-in-front"),
        pytest.param("\u3000//evil.com", True, CONTROL, id="wide-space-in-front"),
        pytest.param("/\\evil.com", True, "has a backslash, which browsers read as `/`.", id="backslash"),
        pytest.param("http:\\\\evil.com", True, "has a backslash, which browsers read as `/`.", id="two-backslashes"),
        pytest.param("javascript:alert(1)", True, "has a scheme that is not http or https.", id="javascript"),
        pytest.param("data:text/html,x", True, "has a scheme that is not http or https.", id="data"),
        pytest.param("https:evil.com", True, "has no host.", id="no-slashes"),
        pytest.param("https:/evil.com", True, "has no host.", id="one-slash"),
        pytest.param("https:///evil.com", True, "has no host.", id="three-slashes"),
        pytest.param("///evil.com", True, "has no host.", id="three-slashes-without-scheme"),
        pytest.param("https://good@evil.com", True, PLAIN_HOST, id="user-information"),
        pytest.param("https://bücher.example", True, PLAIN_HOST, id="host-not-ascii"),
        pytest.param("https://a b/", True, PLAIN_HOST, id="space-in-host"),
        pytest.param("//evil.com", False, ELSEWHERE, id="network-path"),
        pytest.param("https://evil.com", False, ELSEWHERE, id="another-site"),
    ],
)
def test_check_location_refuses(location: str, external: bool, message: str) -> None:
    """What is dangerous is refused always, what is foreign unless it is meant."""
    with pytest.raises(ValueError) as caught:
        check_location(location, external=external)

    assert f"The location {location!r} {message}" == str(caught.value)


def test_check_location_refuses_nothing() -> None:
    """An empty location is a mistake."""
    with pytest.raises(ValueError) as caught:
        check_location("", external=True)

    assert "The location of a redirect is empty." == str(caught.value)


@settings(max_examples=200)
@given(st.text("/a%2f\\:é ?#@.[]\t", max_size=12))
def test_check_location_is_idempotent_and_stays_here(location: str) -> None:
    """A checked location is ASCII, stays the same when checked again, and names no other host."""
    try:
        checked = check_location(location, external=False)
    except ValueError:
        return

    assert checked.isascii()
    assert not checked.startswith("//")
    assert checked == check_location(checked, external=False)


@pytest.mark.security("E2")
@pytest.mark.parametrize(
    ("path", "query_string", "expected"),
    [
        pytest.param("/items/", b"", "/items/", id="plain"),
        pytest.param("//evil.com/items", b"", "/evil.com/items", id="two-slashes"),
        pytest.param("/\\evil.com/items", b"", "/evil.com/items", id="a-backslash"),
        pytest.param("\\/\\evil.com", b"", "/evil.com", id="many-of-both"),
        pytest.param("items", b"", "/items", id="no-slash"),
        pytest.param("", b"", "/", id="nothing"),
        pytest.param("/a\\b", b"", "/a%5Cb", id="a-backslash-inside"),
        pytest.param("/é", b"a=%20&b=\xff#", "/%C3%A9?a=%20&b=%FF%23", id="the-query-is-kept"),
        pytest.param("/a?b#c", b"", "/a%3Fb%23c", id="a-path-has-no-query"),
        pytest.param("/\r\n", b"\r\n", "/%0D%0A?%0D%0A", id="line-breaks"),
    ],
)
def test_relative_redirect(path: str, query_string: bytes, expected: str) -> None:
    """The framework's own redirects begin with exactly one slash."""
    assert expected == relative_redirect(path, query_string)
