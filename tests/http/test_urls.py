"""Tests of URLs, authorities and request targets."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.urls import URL, is_valid_authority, parse_authority, parse_request_target, split_target


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"example.com", ("example.com", None), id="name"),
        pytest.param(b"EXAMPLE.com:8000", ("example.com", 8000), id="name-and-port"),
        pytest.param(b"a:1", ("a", 1), id="smallest-port"),
        pytest.param(b"a:65535", ("a", 65535), id="largest-port"),
        pytest.param(b"192.0.2.1:80", ("192.0.2.1", 80), id="ipv4"),
        pytest.param(b"[::1]", ("[::1]", None), id="ipv6"),
        pytest.param(b"[2001:DB8::1]:443", ("[2001:db8::1]", 443), id="ipv6-and-port"),
        pytest.param(b"[::ffff:192.0.2.1]", ("[::ffff:192.0.2.1]", None), id="ipv4-in-ipv6"),
        pytest.param(b"a_b~c!$&'()*+;=d", ("a_b~c!$&'()*+;=d", None), id="every-other-character-of-a-name"),
        pytest.param(b"b%C3%BCcher.example", ("b%c3%bccher.example", None), id="escapes"),
        pytest.param(b"a" * 255, ("a" * 255, None), id="255-bytes"),
    ],
)
def test_parse_authority(value: bytes, expected: tuple[str, int | None]) -> None:
    """An authority is a host in lower case and an optional port."""
    assert expected == parse_authority(value)
    assert is_valid_authority(value)


NOT_GRAMMAR = "The authority is not a host with an optional port."
NOT_PORT = "The port of the authority is not from 1 to 65535."
NOT_IPV6 = "The authority has brackets around something that is not an IPv6 address."


@pytest.mark.security("A36")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(b"", NOT_GRAMMAR, id="empty"),
        pytest.param(b"a, evil", NOT_GRAMMAR, id="a-list"),
        pytest.param(b"a,evil", NOT_GRAMMAR, id="a-list-without-space"),
        pytest.param(b"a/?", NOT_GRAMMAR, id="a-slash"),
        pytest.param(b"u@evil", NOT_GRAMMAR, id="user-information"),
        pytest.param(b"a b", NOT_GRAMMAR, id="a-space"),
        pytest.param(b" a", NOT_GRAMMAR, id="a-space-in-front"),
        pytest.param(b"a\n", NOT_GRAMMAR, id="a-line-break"),
        pytest.param(b"a:99999999", NOT_GRAMMAR, id="a-port-of-eight-digits"),
        pytest.param(b"a:65536", NOT_PORT, id="a-port-too-large"),
        pytest.param(b"a:0", NOT_PORT, id="port-zero"),
        pytest.param(b"a:", NOT_GRAMMAR, id="an-empty-port"),
        pytest.param(b":80", NOT_GRAMMAR, id="only-a-port"),
        pytest.param(b"a:80:80", NOT_GRAMMAR, id="two-ports"),
        pytest.param("a:８０".encode(), NOT_GRAMMAR, id="digits-that-are-not-ascii"),
        pytest.param("bücher".encode(), NOT_GRAMMAR, id="not-ascii"),
        pytest.param(b"a%zz", NOT_GRAMMAR, id="a-broken-escape"),
        pytest.param(b"::1", NOT_GRAMMAR, id="ipv6-without-brackets"),
        pytest.param(b"[::1", NOT_GRAMMAR, id="an-open-bracket"),
        pytest.param(b"[]", NOT_GRAMMAR, id="empty-brackets"),
        pytest.param(b"[1::2::3]", NOT_IPV6, id="no-ipv6"),
        pytest.param(b"[192.0.2.1]", NOT_IPV6, id="ipv4-in-brackets"),
        pytest.param(b"[fe80::1%25eth0]", NOT_GRAMMAR, id="a-zone"),
        pytest.param(b"a" * 256, NOT_GRAMMAR, id="256-bytes"),
    ],
)
def test_bad_authority(value: bytes, message: str) -> None:
    """What is not of the grammar is refused."""
    with pytest.raises(ValueError) as caught:
        parse_authority(value)

    assert message == str(caught.value)
    assert not is_valid_authority(value)


def test_split_target() -> None:
    """The first question mark separates path and query."""
    assert (b"/a", b"b?c") == split_target(b"/a?b?c")
    assert (b"/a", b"") == split_target(b"/a")


@pytest.mark.parametrize(
    ("method", "target", "host", "expected"),
    [
        pytest.param("GET", b"/a?b", b"h", (b"/a", b"b"), id="origin-form"),
        pytest.param("GET", b"//evil.com/x", b"h", (b"//evil.com/x", b""), id="two-slashes-are-a-path"),
        pytest.param("OPTIONS", b"*", b"h", (b"*", b""), id="asterisk-form"),
        pytest.param("GET", b"http://h/x?y", b"h", (b"/x", b"y"), id="absolute-form"),
        pytest.param("GET", b"HTTPS://H:8000/x", b"h:8000", (b"/x", b""), id="case-does-not-matter"),
        pytest.param("GET", b"http://h", b"h", (b"/", b""), id="absolute-form-without-path"),
        pytest.param("GET", b"http://h?y/z", b"h", (b"/", b"y/z"), id="absolute-form-with-query-only"),
        pytest.param("OPTIONS", b"http://h", b"h", (b"*", b""), id="options-without-path"),
        pytest.param("OPTIONS", b"http://h/", b"h", (b"/", b""), id="options-with-path"),
    ],
)
def test_request_target(method: str, target: bytes, host: bytes | None, expected: tuple[bytes, bytes]) -> None:
    """Of every form that is allowed, path and query are returned."""
    assert expected == parse_request_target(method, target, host)


NO_SLASH = "The request target does not start with `/`."


@pytest.mark.parametrize(
    ("method", "target", "host", "message"),
    [
        pytest.param("GET", b"foo", b"a", NO_SLASH, id="noslash", marks=pytest.mark.security("A31")),
        pytest.param("GET", b"@evil.com/", b"a", NO_SLASH, id="at", marks=pytest.mark.security("A31")),
        pytest.param("GET", b"!", b"a", NO_SLASH, id="bang", marks=pytest.mark.security("A31")),
        pytest.param("GET", b"", b"a", NO_SLASH, id="empty", marks=pytest.mark.security("A31")),
        pytest.param("GET", b"a:80", b"a", NO_SLASH, id="authority", marks=pytest.mark.security("A31")),
        pytest.param("CONNECT", b"a:80", b"a:80", NO_SLASH, id="connect", marks=pytest.mark.security("A34")),
        pytest.param("GET", b"ftp://a/x", b"a", NO_SLASH, id="another-scheme", marks=pytest.mark.security("A32")),
        pytest.param("GET", b"http:/a", b"a", NO_SLASH, id="one-slash", marks=pytest.mark.security("A32")),
        pytest.param(
            "GET",
            b"*",
            b"a",
            "The request target `*` is for OPTIONS only.",
            id="star",
            marks=pytest.mark.security("A31"),
        ),
        pytest.param(
            "GET",
            b"http://evil/x",
            b"a",
            "The authority of the request target is not that of the Host field.",
            id="another-host",
            marks=pytest.mark.security("A32"),
        ),
        pytest.param(
            "GET",
            b"http://a/x",
            None,
            "The authority of the request target is not that of the Host field.",
            id="no-host",
            marks=pytest.mark.security("A32"),
        ),
        pytest.param(
            "GET",
            b"http://u:p@a/x",
            b"a",
            "The request target has user information.",
            id="user-information",
            marks=pytest.mark.security("A32"),
        ),
        pytest.param(
            "GET",
            b"http://a b/x",
            b"a b",
            "The authority of the request target is not a host with an optional port.",
            id="bad-authority",
            marks=pytest.mark.security("A32"),
        ),
        pytest.param(
            "GET",
            b"/x#frag",
            b"a",
            "The request target has a fragment.",
            id="fragment",
            marks=pytest.mark.security("A33"),
        ),
        pytest.param(
            "GET",
            b"http://a/x#frag",
            b"a",
            "The request target has a fragment.",
            id="fragment-of-absolute-form",
            marks=pytest.mark.security("A33"),
        ),
    ],
)
def test_bad_request_target(method: str, target: bytes, host: bytes | None, message: str) -> None:
    """Every other form is refused with a sentence."""
    with pytest.raises(ValueError) as caught:
        parse_request_target(method, target, host)

    assert message == str(caught.value)


def parts_of(url: URL) -> tuple[str, str, str, str, str]:
    return url.scheme, url.authority, url.raw_path, url.query_string, url.fragment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ("", "", "", "", ""), id="empty"),
        pytest.param("https://a:1/p?q#f", ("https", "a:1", "/p", "q", "f"), id="all-parts"),
        pytest.param("HTTPS://A", ("https", "A", "", "", ""), id="scheme-in-lower-case"),
        pytest.param("//a/p", ("", "a", "/p", "", ""), id="network-path"),
        pytest.param("/p?q", ("", "", "/p", "q", ""), id="absolute-path"),
        pytest.param("p/q:r", ("", "", "p/q:r", "", ""), id="a-colon-after-a-slash"),
        pytest.param("mailto:a@b", ("mailto", "", "a@b", "", ""), id="no-authority"),
        pytest.param("1a:b", ("", "", "1a:b", "", ""), id="a-scheme-begins-with-a-letter"),
        pytest.param("?a?b#c#d", ("", "", "", "a?b", "c#d"), id="the-first-marks-count"),
        pytest.param("http://a?q", ("http", "a", "", "q", ""), id="no-path"),
        pytest.param("http://a/b\nc", ("http", "a", "/b\nc", "", ""), id="a-line-break-is-text"),
    ],
)
def test_parse(text: str, expected: tuple[str, str, str, str, str]) -> None:
    """The parts are those of RFC 3986."""
    assert expected == parts_of(URL(text))


@pytest.mark.parametrize(
    ("text", "host", "port", "origin"),
    [
        pytest.param("http://Example.com/", "example.com", None, "http://example.com", id="no-port"),
        pytest.param("http://a:80", "a", 80, "http://a", id="the-port-of-http"),
        pytest.param("wss://a:443", "a", 443, "wss://a", id="the-port-of-wss"),
        pytest.param("https://a:80", "a", 80, "https://a:80", id="another-port"),
        pytest.param("https://[::1]:8", "[::1]", 8, "https://[::1]:8", id="ipv6-and-port"),
        pytest.param("https://[::1]", "[::1]", None, "https://[::1]", id="ipv6"),
        pytest.param("http://u:p@a:8", "a", 8, "http://a:8", id="user-information"),
        pytest.param("http://a:99999", "a", None, "http://a", id="a-port-too-large"),
        pytest.param("http://a:123456", "a", None, "http://a", id="a-port-too-long"),
        pytest.param("http://a:²", "a", None, "http://a", id="a-port-that-is-not-ascii"),
        pytest.param("http://a:", "a", None, "http://a", id="an-empty-port"),
        pytest.param("mailto:a@b", "", None, "null", id="another-scheme"),
        pytest.param("http:/a", "", None, "null", id="no-host"),
    ],
)
def test_host_port_and_origin(text: str, host: str, port: int | None, origin: str) -> None:
    """Host and port are those of the authority; an origin leaves the scheme's own port out."""
    url = URL(text)

    assert (host, port, origin) == (url.host, url.port, url.origin)


def test_path_is_decoded() -> None:
    """`path` is decoded once and `raw_path` is what is written."""
    url = URL("/a%20b%252f%zz")

    assert ("/a b%2f%zz", "/a%20b%252f%zz") == (url.path, url.raw_path)


def test_is_absolute() -> None:
    """A URL with a scheme is absolute."""
    assert URL("http://a").is_absolute
    assert not URL("//a/b").is_absolute


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"scheme": "HTTP", "authority": "a", "path": "/b c"}, "http://a/b%20c", id="path-is-encoded"),
        pytest.param({"path": "/a b", "raw_path": b"/a%20b"}, "/a%20b", id="raw-path-is-kept"),
        pytest.param({"path": "/\ufffd", "raw_path": b"/\xff"}, "/%FF", id="raw-path-is-made-ascii"),
        pytest.param({"path": "/a", "query_string": b"q=\xff#"}, "/a?q=%FF%23", id="query-bytes"),
        pytest.param({"path": "/a", "query_string": "q=é", "fragment": "x y"}, "/a?q=%C3%A9#x%20y", id="query-text"),
        pytest.param({"scheme": "http", "authority": "a", "path": "*"}, "http://a", id="asterisk"),
        pytest.param({"scheme": "http", "authority": "a", "path": "b"}, "http://a/b", id="a-slash-is-added"),
        pytest.param({"path": "//evil.com"}, "/.//evil.com", id="a-path-is-no-authority"),
        pytest.param({"path": "javascript:alert(1)"}, "./javascript:alert(1)", id="a-path-is-no-scheme"),
    ],
)
def test_build(parts: dict[str, str], text: str) -> None:
    """The text is made of the parts so that it cannot be read as others."""
    assert text == URL.build(**parts)


@pytest.mark.security("B16")
@pytest.mark.parametrize("authority", ["a/?", "a?", "a#", "u@evil", "a\\b", "é", "a b"])
@pytest.mark.parametrize("path", ["/admin", "@evil", "//evil.com", "/a?b", "/a#b", "/a%2fb"])
def test_the_path_is_the_path(authority: str, path: str) -> None:
    """Whatever the Host says, the path is the one that was routed, also when the text is read again."""
    url = URL.build(scheme="http", authority=authority, path=path)

    assert path == url.path
    assert path.removeprefix("/") == URL(str(url)).path.removeprefix("/")
    assert "evil" not in URL(str(url)).host.split(".")


def test_replace_parts() -> None:
    """`replace` changes the named parts; an empty text removes one."""
    url = URL("http://a/b?c#d")

    assert "https://x/y%20z?q#e" == url.replace(
        scheme="HTTPS", authority="x", path="/y z", query_string="q", fragment="e"
    )
    assert "http://a/b" == url.replace(query_string="", fragment="")
    assert url == url.replace()
    assert isinstance(url.replace(scheme="https"), URL)


def test_replace_text() -> None:
    """With two texts `replace` is the one of `str`, so that a URL is good wherever text is."""
    url = URL("http://a/a")

    assert ("http://b/b", "http://b/a") == (url.replace("a", "b"), url.replace("a", "b", 1))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        pytest.param("/a", {"page": 2}, "/a?page=2", id="added"),
        pytest.param("/a?page=1&q=x", {"page": 2}, "/a?page=2&q=x", id="in-its-place"),
        pytest.param("/a?t=1&q=x&t=2", {"t": ["3", "4"]}, "/a?t=3&t=4&q=x", id="all-values-at-once"),
        pytest.param("/a?t=1&q=x&t=2", {"t": None}, "/a?q=x", id="removed"),
        pytest.param("/a?t=1", {"t": None}, "/a", id="the-last-one-removed"),
        pytest.param("/a?q=%C3%A9#f", {"n": True}, "/a?q=%C3%A9&n=true#f", id="the-rest-stays"),
    ],
)
def test_with_query(text: str, values: dict[str, object], expected: str) -> None:
    """Parameters are set, replaced and removed by name."""
    assert expected == URL(text).with_query(**values)


def test_copies_keep_the_parts() -> None:
    """A copy and a pickle have the parts that the URL was built from."""
    url = URL.build(scheme="http", authority="a", path="*")

    assert "*" == copy.copy(url).path == pickle.loads(pickle.dumps(url)).path


def test_parts_are_read_only() -> None:
    """A URL is a value; its parts cannot be set."""
    with pytest.raises(AttributeError):
        URL("/a").path = "/b"


def test_repr() -> None:
    """The representation says that it is a URL."""
    assert "URL('/a')" == repr(URL("/a"))


SEGMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=200)
@given(st.sampled_from(["", "http"]), st.sampled_from(["", "a", "[::1]:80"]), SEGMENTS, SEGMENTS, SEGMENTS)
def test_text_and_parts_agree(scheme: str, authority: str, path: str, query: str, fragment: str) -> None:
    """Reading the text of a built URL gives the parts that it was built from."""
    url = URL.build(scheme=scheme, authority=authority, path=f"/x/{path}", query_string=query, fragment=fragment)
    again = URL(str(url))

    assert (*parts_of(url), f"/x/{path}") == (*parts_of(again), again.path)
