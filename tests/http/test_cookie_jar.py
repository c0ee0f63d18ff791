"""The cookies of a client: what is kept and where it goes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.cookie_jar import MAX_COOKIE_BYTES, CookieJar, StoredCookie
from costrel.http.cookies import format_delete_cookie, format_set_cookie

NOW = 1_700_000_000.0


def jar_of(*values: bytes, host: str = "shop.example.org", path: str = "/a/b", scheme: str = "https") -> CookieJar:
    """Make a jar that has been given the Set-Cookie values of one response."""
    jar = CookieJar()
    jar.store(values, host, path, scheme, NOW)
    return jar


@pytest.mark.parametrize(
    ("value", "host", "path", "scheme", "sent"),
    [
        pytest.param(b"c=1", "shop.example.org", "/a/b", "https", True, id="back-to-where-it-came-from"),
        pytest.param(b"c=1", "SHOP.example.ORG", "/a/b", "https", True, id="hosts-have-no-case"),
        pytest.param(b"c=1", "x.shop.example.org", "/a/b", "https", False, id="host-only-not-below"),
        pytest.param(b"c=1; Domain=example.org", "example.org", "/a/b", "https", True, id="to-the-domain"),
        pytest.param(b"c=1; Domain=.Example.org", "x.example.org", "/a/b", "https", True, id="below-the-domain"),
        pytest.param(b"c=1; Domain=example.org", "badexample.org", "/a/b", "https", False, id="not-a-similar-name"),
        pytest.param(b"c=1; Domain=", "shop.example.org", "/a/b", "https", True, id="an-empty-domain-is-none"),
        pytest.param(b"c=1", "shop.example.org", "/a", "https", True, id="default-path-is-the-directory"),
        pytest.param(b"c=1", "shop.example.org", "/a/other", "https", True, id="below-the-default-path"),
        pytest.param(b"c=1", "shop.example.org", "/", "https", False, id="not-above-the-default-path"),
        pytest.param(b"c=1; Path=/a", "shop.example.org", "/a", "https", True, id="the-path-itself"),
        pytest.param(b"c=1; Path=/a", "shop.example.org", "/a/x", "https", True, id="below-the-path"),
        pytest.param(b"c=1; Path=/a/", "shop.example.org", "/a/x", "https", True, id="below-a-path-with-a-slash"),
        pytest.param(b"c=1; Path=/a", "shop.example.org", "/ab", "https", False, id="not-a-similar-path"),
        pytest.param(b"c=1; Path=x", "shop.example.org", "/a", "https", True, id="a-bad-path-is-the-default"),
        pytest.param(b"c=1; Path=/", "shop.example.org", "", "https", True, id="no-path-asks-for-the-root"),
        pytest.param(b"c=1; Secure; Path=/", "shop.example.org", "/", "https", True, id="secure-over-https"),
        pytest.param(b"c=1; Secure; Path=/", "shop.example.org", "/", "wss", True, id="secure-over-wss"),
        pytest.param(b"c=1; Secure; Path=/", "shop.example.org", "/", "http", False, id="secure-not-over-http"),
        pytest.param(b"c=1; Path=/", "shop.example.org", "/", "http", True, id="others-over-http"),
        pytest.param(b"c=1; Path=/x; PATH=/", "shop.example.org", "/", "http", True, id="the-last-attribute-counts"),
    ],
)
def test_where_a_cookie_goes(value: bytes, host: str, path: str, scheme: str, sent: bool) -> None:
    """Domain, path and Secure as in RFC 6265 §5.4."""
    actual = jar_of(value).header_for(host, path, scheme, NOW)

    assert ("c=1" if sent else None) == actual


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a/b/c", "/a/b"), ("/a/b/", "/a/b"), ("/a", "/"), ("/", "/"), ("", "/"), ("a/b", "/")],
)
def test_the_default_path_is_the_directory_of_the_request(path: str, expected: str) -> None:
    """The default path of RFC 6265 §5.1.4."""
    assert [expected] == [cookie.path for cookie in jar_of(b"c=1", path=path)]


@pytest.mark.parametrize(
    ("value", "host", "scheme"),
    [
        pytest.param(b"c", "a.b", "https", id="no-equals-sign"),
        pytest.param(b"=c", "a.b", "https", id="no-name"),
        pytest.param(b" =c", "a.b", "https", id="a-space-as-the-name"),
        pytest.param(b"", "a.b", "https", id="nothing"),
        pytest.param(b"c=1; Domain=other.org", "a.b", "https", id="for-another-domain"),
        pytest.param(b"c=1; Domain=x.a.b", "a.b", "https", id="for-a-domain-below"),
        pytest.param(b"c=1; Domain=0.0.1", "127.0.0.1", "https", id="for-a-part-of-an-address"),
        pytest.param(b"c=1; Secure", "a.b", "http", id="secure-over-http"),
        pytest.param(b"c=1; SameSite=none", "a.b", "https", id="same-site-none-without-secure"),
        pytest.param(b"c=1; Partitioned", "a.b", "https", id="partitioned-without-secure"),
        pytest.param(b"__Secure-c=1", "a.b", "https", id="secure-prefix-without-secure"),
        pytest.param(b"__Host-c=1; Path=/", "a.b", "https", id="host-prefix-without-secure"),
        pytest.param(b"__host-c=1; Secure", "a.b", "https", id="host-prefix-without-a-path"),
        pytest.param(b"__Host-c=1; Secure; Path=/x", "a.b", "https", id="host-prefix-with-another-path"),
        pytest.param(b"__Host-c=1; Secure; Path=/; Domain=a.b", "a.b", "https", id="host-prefix-with-a-domain"),
        pytest.param(b"c=" + b"x" * MAX_COOKIE_BYTES, "a.b", "https", id="too-long"),
        pytest.param(b"c=1; Max-Age=0", "a.b", "https", id="expired-by-age"),
        pytest.param(b"c=1; Max-Age=-5", "a.b", "https", id="expired-by-a-negative-age"),
        pytest.param(b"c=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a.b", "https", id="expired-by-date"),
    ],
)
def test_what_a_browser_refuses_is_not_kept(value: bytes, host: str, scheme: str) -> None:
    """The rules of RFC 6265 §5.3 and of the prefixes."""
    jar = CookieJar()
    jar.store([value], host, "/", scheme, NOW)

    assert list(jar) == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"__Host-c=1; Secure; Path=/", id="host-prefix"),
        pytest.param(b"__Secure-c=1; Secure; Domain=example.org", id="secure-prefix"),
        pytest.param(b"c=1; SameSite=None; Secure; Partitioned", id="partitioned"),
        pytest.param(b"c=" + b"x" * (MAX_COOKIE_BYTES - 1), id="exactly-as-long-as-allowed"),
        pytest.param(format_set_cookie("c", "x y", max_age_seconds=1, priority="Low"), id="our-own"),
    ],
)
def test_what_keeps_the_rules_is_kept(value: bytes) -> None:
    """A cookie that browsers take is taken."""
    assert len(jar_of(value)) == 1


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"])
def test_loopback_counts_as_secure(host: str) -> None:
    """Secure cookies work over plain http on this machine, as in browsers."""
    jar = jar_of(b"c=1; Secure", host=host, scheme="http")

    assert jar.header_for(host, "/a", "http", NOW) == "c=1"


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost.example.org", "notlocalhost", "[2001:db8::1]"])
def test_other_hosts_are_not_secure_over_http(host: str) -> None:
    """Only loopback is."""
    assert len(jar_of(b"c=1; Secure", host=host, scheme="http")) == 0


@pytest.mark.parametrize(
    ("value", "expires"),
    [
        pytest.param(b"c=1", None, id="until-the-jar-ends"),
        pytest.param(b"c=1; Max-Age=60", NOW + 60, id="by-age"),
        pytest.param(b"c=1; max-age = 60", NOW + 60, id="spaces-and-case"),
        pytest.param(b"c=1; Expires=Thu, 16 Nov 2023 00:00:00 GMT", 1_700_092_800, id="by-date"),
        pytest.param(b"c=1; Expires=Thu, 16-Nov-2023 00:00:00 GMT", 1_700_092_800, id="by-a-date-of-netscape"),
        pytest.param(b"c=1; Expires=Thursday, 16-Nov-23 00:00:00 GMT", 1_700_092_800, id="by-a-date-of-rfc-850"),
        pytest.param(b"c=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", NOW + 60, id="age-outweighs-date"),
        pytest.param(b"c=1; Max-Age=1e3", None, id="a-bad-age-is-ignored"),
        pytest.param(b"c=1; Max-Age=", None, id="an-empty-age-is-ignored"),
        pytest.param(b"c=1; Expires=tomorrow", None, id="a-bad-date-is-ignored"),
        pytest.param(b"c=1; Max-Age=" + b"9" * 4000, NOW + 999_999_999_999_999_999, id="an-endless-age"),
    ],
)
def test_when_a_cookie_ends(value: bytes, expires: float | None) -> None:
    """Max-Age and Expires as in RFC 6265 §5.2.1 and §5.2.2."""
    assert [expires] == [cookie.expires for cookie in jar_of(value)]


@pytest.mark.parametrize(("later", "kept"), [(59, True), (60, False), (61, False)])
def test_an_expired_cookie_is_forgotten(later: int, kept: bool) -> None:
    """A cookie ends with its last second."""
    jar = jar_of(b"c=1; Max-Age=60", b"d=2; Max-Age=1000")
    header = jar.header_for("shop.example.org", "/a", "https", NOW + later)

    assert ("c=1; d=2" if kept else "d=2") == header
    assert (2 if kept else 1) == len(jar)


def test_setting_again_replaces_and_deleting_removes() -> None:
    """A cookie is known by domain, path and name; replacing keeps its place."""
    jar = jar_of(b"a=1; Path=/", b"b=2; Path=/", b"a=3; Path=/", b"a=4; Path=/a")

    assert jar.header_for("shop.example.org", "/", "https", NOW) == "a=3; b=2"
    jar.store([format_delete_cookie("a")], "shop.example.org", "/", "https", NOW)
    assert jar.header_for("shop.example.org", "/a", "https", NOW) == "a=4; b=2"


def test_longer_paths_come_first_then_older_cookies() -> None:
    """The order of RFC 6265 §5.4."""
    jar = jar_of(b"a=1; Path=/", b"b=2; Path=/a/b", b"c=3; Path=/a", b"d=4; Path=/a")

    assert jar.header_for("shop.example.org", "/a/b", "https", NOW) == "b=2; c=3; d=4; a=1"


def test_a_value_goes_back_as_it_came_and_is_read_as_text() -> None:
    """Quotes and escapes stay on the way and are taken off for the reader."""
    jar = jar_of(format_set_cookie("c", "é;", http_only=True))

    assert jar.header_for("shop.example.org", "/", "https", NOW) == 'c="\\303\\251\\073"'
    assert jar.get("c") == "é;"
    assert list(jar) == [
        StoredCookie(
            "c",
            b'"\\303\\251\\073"',
            "shop.example.org",
            secure=True,
            http_only=True,
            same_site="Lax",
        )
    ]


def test_a_cookie_is_found_by_name_and_domain() -> None:
    """Without a domain it is the newest of the name."""
    jar = jar_of(b"c=1", b"c=2; Domain=example.org")

    actual = (
        jar.get("c"),
        jar.get("c", domain="Shop.example.org"),
        jar.get("c", domain="other"),
        jar.get("x"),
        jar.get("x", "d"),
    )
    assert actual == ("2", "1", None, None, "d")


def test_a_cookie_put_in_by_hand_goes_everywhere_or_to_its_domain() -> None:
    """`set` needs no response."""
    jar = CookieJar()
    jar.set("a", "x y")
    jar.set("b", "1", domain=".Example.org", path="/p", secure=True)

    assert jar.header_for("anything.test", "/p", "https", NOW) == 'a="x\\040y"'
    assert jar.header_for("www.example.org", "/p/q", "https", NOW) == 'b=1; a="x\\040y"'
    assert jar.header_for("www.example.org", "/p/q", "http", NOW) == 'a="x\\040y"'


@pytest.mark.security("D3")
@pytest.mark.parametrize(("name", "value"), [("a b", "1"), ("", "1"), ("ü", "1"), ("a", "1\r\nX: 1")])
def test_a_bad_cookie_is_not_put_in_by_hand(name: str, value: str) -> None:
    """Test clients send well-formed cookies."""
    jar = CookieJar()
    with pytest.raises(ValueError):
        jar.set(name, value)

    assert len(jar) == 0


def test_a_cleared_jar_is_empty() -> None:
    """`clear` forgets all."""
    jar = jar_of(b"a=1")
    jar.clear()

    assert (len(jar), jar.header_for("shop.example.org", "/a", "https", NOW)) == (0, None)


@pytest.mark.parametrize(("count", "first"), [(2, "c0"), (3, "c0"), (4, "c1")])
def test_the_oldest_cookies_make_room(count: int, first: str) -> None:
    """A jar has a limit."""
    jar = CookieJar(max_cookies=3)
    jar.store([b"c%d=1" % index for index in range(count)], "a.b", "/", "https", NOW)

    assert (first, min(count, 3)) == (next(iter(jar)).name, len(jar))


@given(st.binary(max_size=60), st.text(max_size=10), st.text(max_size=10))
@settings(max_examples=200)
def test_nothing_that_is_sent_raises(value: bytes, host: str, path: str) -> None:
    """Any bytes are kept or ignored."""
    jar = CookieJar()
    jar.store([value, b"c=1;" + value], host, path, "http", NOW)

    assert len(jar) <= 2
