"""Tests of trusted proxies and forwarded fields."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.forwarded import (
    ForwardedElement,
    Origin,
    TrustedProxies,
    canonical_ip,
    parse_forwarded,
    resolve_client,
)

pytestmark = pytest.mark.pain("P17")


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="ipv4"),
        pytest.param("::ffff:127.0.0.1", "127.0.0.1", id="ipv4-mapped"),
        pytest.param("2001:DB8:0::1", "2001:db8::1", id="ipv6"),
        pytest.param("fe80::1%eth0", "fe80::1", id="zone"),
        pytest.param("192.0.2.1%x", None, id="ipv4-has-no-zone"),
        pytest.param("192.0.2.01", None, id="zeros-in-front"),
        pytest.param("١.1.1.1", None, id="digits-that-are-not-ascii"),
        pytest.param("[::1]", None, id="brackets"),
        pytest.param("example.com", None, id="name"),
        pytest.param("", None, id="empty"),
        pytest.param("1" * 5000, None, id="long"),
    ],
)
def test_canonical_ip(value: str, expected: str | None) -> None:
    """An address has one spelling."""
    assert expected == canonical_ip(value)


@pytest.mark.parametrize(
    ("trusted", "host", "expected"),
    [
        pytest.param((), "127.0.0.1", False, id="nothing"),
        pytest.param(("10.0.0.0/8",), "10.9.9.9", True, id="network"),
        pytest.param(("10.0.0.0/8",), "::ffff:10.9.9.9", True, id="mapped-into-ipv6"),
        pytest.param(("10.0.0.0/8",), "11.0.0.1", False, id="outside"),
        pytest.param(("192.0.2.1", "::1"), "::1", True, id="addresses"),
        pytest.param("192.0.2.0/24", "192.0.2.7", True, id="one-text"),
        pytest.param("private", "172.31.0.1", True, id="private"),
        pytest.param("private", "fd00::1", True, id="private-ipv6"),
        pytest.param("private", "172.32.0.1", False, id="not-private"),
        pytest.param(("private", "192.0.2.1"), "192.0.2.1", True, id="private-and-more"),
        pytest.param("private", "localhost", False, id="a-name-is-no-address"),
        pytest.param(1, "127.0.0.1", False, id="a-count-knows-no-address"),
    ],
)
def test_is_trusted(trusted, host: str, expected: bool) -> None:
    """An address is trusted when it lies in one of the networks."""
    assert expected == TrustedProxies(trusted).is_trusted(host)


def test_trusted_proxies_shows_itself() -> None:
    """It is false when nothing is trusted, and says what is."""
    assert not TrustedProxies()
    assert not TrustedProxies(0)
    assert TrustedProxies(2)
    assert 2 == TrustedProxies(("2",)).hop_count == TrustedProxies("2").hop_count
    assert TrustedProxies("private")
    assert 2 == TrustedProxies(2).hop_count
    assert ("TrustedProxies(2)", "TrustedProxies(('::1/128',))") == (
        repr(TrustedProxies(2)),
        repr(TrustedProxies("::1")),
    )


@pytest.mark.parametrize(
    ("trusted", "start"),
    [
        pytest.param("*", "'*' is not a trusted proxy: write a network", id="star"),
        pytest.param(("10.0.0.1/8",), "'10.0.0.1/8' is not a trusted proxy: write a network", id="host-bits"),
        pytest.param(("localhost",), "'localhost' is not a trusted proxy: write a network", id="name"),
        pytest.param(-1, "The number of trusted proxies is from 0 to 20, not -1.", id="negative"),
        pytest.param(21, "The number of trusted proxies is from 0 to 20, not 21.", id="too-many"),
        pytest.param(True, "The number of trusted proxies is from 0 to 20, not True.", id="a-bool"),
    ],
)
def test_nonsense_is_refused(trusted, start: str) -> None:
    """A mistake in the settings is found at start-up."""
    with pytest.raises(ValueError) as caught:
        TrustedProxies(trusted)

    assert str(caught.value).startswith(start)


@pytest.mark.capability("X11")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("for=192.0.2.1", (ForwardedElement("192.0.2.1"),), id="one"),
        pytest.param(
            'For="[2001:db8::1]:4711";by=203.0.113.43;Proto=HTTPS;host="a:1"',
            (ForwardedElement("[2001:db8::1]:4711", "203.0.113.43", "a:1", "https"),),
            id="all-four-quoted-and-ipv6",
        ),
        pytest.param("for=a, for=b,for=c", tuple(map(ForwardedElement, "abc")), id="three"),
        pytest.param("for=[::1]", (ForwardedElement("[::1]"),), id="ipv6-without-quotes"),
        pytest.param('for="a\\"b,c;d"', (ForwardedElement('a"b,c;d'),), id="separators-in-quotes"),
        pytest.param("for=unknown;secret=x", (ForwardedElement("unknown"),), id="other-pairs-are-skipped"),
        pytest.param(" , for=a ;; proto=http ,,", (ForwardedElement("a", proto="http"),), id="empty-items"),
        pytest.param("for=a;,for=b", (ForwardedElement("a"), ForwardedElement("b")), id="semicolon-and-comma"),
        pytest.param("for=a;for=b", (), id="twice-in-one-element"),
        pytest.param('for="a', (), id="open-quote"),
        pytest.param("for=a, nonsense", (), id="no-pair"),
        pytest.param("for=a b", (), id="a-space-inside"),
        pytest.param("for =a", (), id="a-space-before-the-equals-sign"),
    ],
)
def test_parse_forwarded(value: str, expected: tuple[ForwardedElement, ...]) -> None:
    """A field is read by the grammar of RFC 7239, or not at all."""
    assert expected == parse_forwarded(value)


@pytest.mark.security("F4")
@pytest.mark.parametrize(("count", "expected"), [(19, 19), (20, 20), (21, 20), (50_000, 20)])
def test_forwarded_limit(count: int, expected: int) -> None:
    """The last twenty elements are kept, which are the nearest."""
    elements = parse_forwarded(",".join(f"for=a{number}" for number in range(count)))

    assert expected == len(elements)
    assert f"a{count - 1}" == elements[-1].for_node


def resolve(peer: str | None, trusted, **fields: str | list[str]) -> Origin:
    def getlist(name: bytes) -> list[bytes]:
        values = fields.get(name.decode().replace("-", "_"), [])
        return [value.encode("latin-1") for value in ([values] if isinstance(values, str) else values)]

    return resolve_client(None if peer is None else (peer, 5000), getlist, TrustedProxies(trusted))


SPOOFED = {
    "x_forwarded_for": "1.2.3.4",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "evil.example",
    "x_forwarded_prefix": "/evil",
    "forwarded": "for=1.2.3.4;proto=https;host=evil.example",
}


@pytest.mark.security("F4")
@pytest.mark.security("F5")
@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [
        pytest.param("192.0.2.1", (), Origin("192.0.2.1", 5000), id="nobody-is-trusted"),
        pytest.param("192.0.2.1", "private", Origin("192.0.2.1", 5000), id="another-is-trusted"),
        pytest.param("::ffff:192.0.2.1", (), Origin("192.0.2.1", 5000), id="canonical"),
        pytest.param("testclient", "private", Origin("testclient", 5000), id="no-address"),
        pytest.param(None, "private", Origin(None), id="no-peer"),
    ],
)
def test_an_untrusted_peer_says_nothing(peer: str | None, trusted, expected: Origin) -> None:
    """From a peer that is not trusted, every field is ignored."""
    assert expected == resolve(peer, trusted, **SPOOFED)


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("trusted", "fields", "expected"),
    [
        pytest.param("private", {}, ("10.0.0.1", 5000), id="no-field"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4"}, ("1.2.3.4", None), id="one-proxy"),
        pytest.param("private", {"x_forwarded_for": "6.6.6.6, 1.2.3.4"}, ("1.2.3.4", None), id="spoofed-left-part"),
        pytest.param("private", {"x_forwarded_for": "6.6.6.6, 1.2.3.4, 10.0.0.2"}, ("1.2.3.4", None), id="two-proxies"),
        pytest.param("private", {"x_forwarded_for": ["6.6.6.6", "1.2.3.4"]}, ("1.2.3.4", None), id="two-field-lines"),
        pytest.param("private", {"x_forwarded_for": "10.0.0.9, 10.0.0.2"}, ("10.0.0.9", None), id="all-are-trusted"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4:5678"}, ("1.2.3.4", 5678), id="a-port"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4:99999"}, ("1.2.3.4", None), id="a-port-too-large"),
        pytest.param("private", {"x_forwarded_for": "2001:DB8::1"}, ("2001:db8::1", None), id="ipv6"),
        pytest.param("private", {"x_forwarded_for": "::ffff:1.2.3.4"}, ("1.2.3.4", None), id="ipv4-mapped"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4,,"}, ("1.2.3.4", None), id="empty-entries"),
        pytest.param("private", {"x_forwarded_for": "nonsense"}, (None, None), id="nonsense-is-nobody"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4, a b"}, (None, None), id="nonsense-hides-what-is-left"),
        pytest.param("private", {"x_forwarded_for": "1.2.3.4," * 50_000}, ("1.2.3.4", None), id="fifty-thousand"),
        pytest.param("private", {"forwarded": 'for="[::1]"'}, ("::1", None), id="forwarded-ipv6"),
        pytest.param(
            "private", {"forwarded": 'for=6.6.6.6, for="[2001:db8::1]:47"'}, ("2001:db8::1", 47), id="forwarded"
        ),
        pytest.param("private", {"forwarded": "for=unknown"}, (None, None), id="forwarded-unknown"),
        pytest.param("private", {"forwarded": "proto=https"}, ("10.0.0.1", 5000), id="forwarded-without-for"),
        pytest.param("private", {"forwarded": 'for=", for=1.2.3.4'}, (None, None), id="forwarded-that-cannot-be-read"),
        pytest.param("private", {"forwarded": ['for="', "for=1.2.3.4"]}, ("1.2.3.4", None), id="forwarded-last-line"),
        pytest.param(
            "private", {"forwarded": ["for=1.2.3.4", "for=10.0.0.2"]}, ("1.2.3.4", None), id="forwarded-lines"
        ),
        pytest.param(
            "private", {"forwarded": ["for=6.6.6.6"] * 30 + ["for=10.0.0.2"]}, ("6.6.6.6", None), id="forwarded-many"
        ),
        pytest.param(
            "private", {"forwarded": "for=6.6.6.6", "x_forwarded_for": "1.2.3.4"}, (None, None), id="two-that-disagree"
        ),
        pytest.param(
            "private",
            {"forwarded": 'for="1.2.3.4:7"', "x_forwarded_for": "1.2.3.4"},
            ("1.2.3.4", 7),
            id="two-that-agree",
        ),
        pytest.param(1, {"x_forwarded_for": "6.6.6.6, 1.2.3.4"}, ("1.2.3.4", None), id="one-hop"),
        pytest.param(2, {"x_forwarded_for": "6.6.6.6, 1.2.3.4, 9.9.9.9"}, ("1.2.3.4", None), id="two-hops"),
        pytest.param(3, {"x_forwarded_for": "1.2.3.4, 9.9.9.9"}, ("1.2.3.4", None), id="fewer-entries-than-hops"),
        pytest.param(1, {}, ("10.0.0.1", 5000), id="one-hop-and-no-field"),
    ],
)
def test_client(trusted, fields, expected: tuple[str | None, int | None]) -> None:
    """The client is the first address from the right that is not a trusted proxy, or nobody."""
    origin = resolve("10.0.0.1", trusted, **fields)

    assert expected == (origin.client_host, origin.client_port)


def test_a_proxy_without_an_address() -> None:
    """A number of hops trusts a peer on a Unix socket too."""
    assert Origin("1.2.3.4") == resolve(None, 1, x_forwarded_for="1.2.3.4")


@pytest.mark.security("F5")
@pytest.mark.parametrize(
    ("trusted", "fields", "expected"),
    [
        pytest.param("private", {"x_forwarded_proto": "HTTPS"}, ("https", None, None), id="scheme"),
        pytest.param("private", {"x_forwarded_proto": "wss"}, ("https", None, None), id="scheme-of-a-websocket"),
        pytest.param("private", {"x_forwarded_proto": "javascript"}, (None, None, None), id="another-scheme"),
        pytest.param("private", {"x_forwarded_proto": "http, https"}, ("https", None, None), id="the-last-scheme"),
        pytest.param(2, {"x_forwarded_proto": "ftp, https, http"}, ("https", None, None), id="the-second-last-scheme"),
        pytest.param(2, {"x_forwarded_proto": "https"}, ("https", None, None), id="fewer-schemes-than-hops"),
        pytest.param(
            "private",
            {"x_forwarded_for": "1.2.3.4, 10.0.0.2", "x_forwarded_proto": "https, http"},
            ("https", None, None),
            id="as-far-as-the-proxies-go",
        ),
        pytest.param(
            "private", {"x_forwarded_host": "shop.example:8443"}, (None, "shop.example:8443", None), id="host"
        ),
        pytest.param("private", {"x_forwarded_host": "evil, good"}, (None, "good", None), id="the-last-host"),
        pytest.param("private", {"x_forwarded_host": "a/?"}, (None, None, None), id="a-bad-host"),
        pytest.param("private", {"x_forwarded_host": "\xe9"}, (None, None, None), id="a-host-that-is-not-ascii"),
        pytest.param("private", {"x_forwarded_prefix": "/api/"}, (None, None, "/api"), id="prefix"),
        pytest.param("private", {"x_forwarded_prefix": "/"}, (None, None, None), id="an-empty-prefix"),
        pytest.param("private", {"x_forwarded_prefix": "//evil"}, (None, None, None), id="two-slashes"),
        pytest.param("private", {"x_forwarded_prefix": "api"}, (None, None, None), id="no-slash"),
        pytest.param("private", {"x_forwarded_prefix": "/a/../b"}, (None, None, None), id="dots"),
        pytest.param("private", {"x_forwarded_prefix": "/%2e%2e"}, (None, None, None), id="escapes"),
        pytest.param("private", {"x_forwarded_prefix": "/" + "a" * 254}, (None, None, "/" + "a" * 254), id="255-long"),
        pytest.param("private", {"x_forwarded_prefix": "/" + "a" * 255}, (None, None, None), id="256-long"),
        pytest.param("private", {"forwarded": "proto=https;host=a"}, ("https", "a", None), id="forwarded"),
        pytest.param(
            "private",
            {"forwarded": "host=evil;proto=ftp, host=a;proto=https"},
            ("https", "a", None),
            id="forwarded-last",
        ),
        pytest.param(
            "private",
            {"forwarded": "for=1.2.3.4;proto=https;host=a, for=10.0.0.2;proto=http"},
            ("https", "a", None),
            id="forwarded-as-far-as-the-proxies-go",
        ),
        pytest.param(
            "private", {"forwarded": "proto=https", "x_forwarded_proto": "http"}, (None, None, None), id="disagreement"
        ),
        pytest.param(
            "private", {"forwarded": "proto=https", "x_forwarded_proto": "https"}, ("https", None, None), id="agreement"
        ),
        pytest.param(
            "private",
            {"x_forwarded_for": "nonsense", "x_forwarded_proto": "https"},
            ("https", None, None),
            id="each-property-by-itself",
        ),
    ],
)
def test_other_properties(trusted, fields, expected: tuple[str | None, str | None, str | None]) -> None:
    """Scheme, host and prefix are each taken from the last trusted proxy that says them well."""
    origin = resolve("10.0.0.1", trusted, **fields)

    assert expected == (origin.scheme, origin.host, origin.prefix)


ENTRIES = st.sampled_from(["1.2.3.4", "10.0.0.2", "10.0.0.3", "unknown", "6.6.6.6"])


@pytest.mark.security("F4")
@settings(max_examples=200)
@given(st.lists(ENTRIES, max_size=8), st.lists(st.sampled_from(["10.0.0.2", "10.0.0.3"]), max_size=5))
def test_what_a_client_adds_on_the_left_changes_nothing(forged: list[str], proxies: list[str]) -> None:
    """Whatever a client sends, the address that the outermost trusted proxy saw is the client."""
    chain = ", ".join([*forged, "203.0.113.9", *proxies])

    assert "203.0.113.9" == resolve("10.0.0.1", "private", x_forwarded_for=chain).client_host
