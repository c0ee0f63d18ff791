"""Reading Cookie and writing Set-Cookie."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.cookies import (
    MAX_SET_COOKIE_BYTES,
    Priority,
    SameSite,
    decode_cookie_value,
    encode_cookie_value,
    format_delete_cookie,
    format_set_cookie,
    parse_cookies,
)


@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param(b"", {}, id="empty"),
        pytest.param(b"a=1", {"a": "1"}, id="one"),
        pytest.param(b"a=1; b=2;c=3 ;\td=4", {"a": "1", "b": "2", "c": "3", "d": "4"}, id="spaces-and-tabs-around"),
        pytest.param(b"a=b=c", {"a": "b=c"}, id="equals-sign-in-the-value"),
        pytest.param(b"a=", {"a": ""}, id="empty-value"),
        pytest.param(b'a="x y"', {"a": "x y"}, id="quoted"),
        pytest.param(b'a=""', {"a": ""}, id="empty-quoted"),
        pytest.param(b'a="', {"a": '"'}, id="a-quote-alone"),
        pytest.param(b'a="x', {"a": '"x'}, id="open-quote"),
        pytest.param(b'a=x"y"', {"a": 'x"y"'}, id="quotes-inside"),
        pytest.param(b"a=x\\073", {"a": "x\\073"}, id="no-escapes-without-quotes"),
        pytest.param(b'a="\\"\\\\\\073\\054"', {"a": '"\\;,'}, id="escapes"),
        pytest.param(b'a="\\1\\400\\08\\x"', {"a": "1400" + "08" + "x"}, id="a-backslash-before-anything-else"),
        pytest.param(b'a="x\\"', {"a": "x\\"}, id="a-backslash-at-the-end"),
        pytest.param(b'a="\\303\\251"', {"a": "é"}, id="escaped-utf-8"),
        pytest.param("a=é".encode(), {"a": "é"}, id="utf-8"),
        pytest.param(b"a=\xff", {"a": "\ufffd"}, id="broken-utf-8"),
        pytest.param(b"a[b]=1; $c=2", {"a[b]": "1", "$c": "2"}, id="names-that-others-set"),
    ],
)
def test_cookies_are_read(field_value: bytes, expected: dict[str, str]) -> None:
    """Pairs between semicolons, quotes and escapes taken off, text as UTF-8."""
    assert expected == parse_cookies(field_value)


@pytest.mark.security("D2")
@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param(b"=__Host-session=evil", {}, id="nameless-that-looks-like-a-prefix"),
        pytest.param(b"=session=x", {}, id="nameless-that-looks-like-a-pair"),
        pytest.param(b"__Host-session", {}, id="no-equals-sign"),
        pytest.param(b"  =x", {}, id="nothing-but-spaces-as-a-name"),
        pytest.param(b" session=x", {"session": "x"}, id="space-before-the-name"),
        pytest.param(b"session =x", {"session": "x"}, id="space-after-the-name"),
        pytest.param(b"a=1; a=2; a =3", {"a": "1"}, id="the-first-of-equal-names"),
        pytest.param(
            b"session=evil; __Host-session=good", {"session": "evil", "__Host-session": "good"}, id="no-mix-of-names"
        ),
        pytest.param(b"\x0b__Host-a=evil", {"\x0b__Host-a": "evil"}, id="vertical-tab-is-not-stripped"),
        pytest.param(
            "\u2000__Host-a=evil; __Host-a\xa0=evil; __Host-a=good".encode(),
            {"\u2000__Host-a": "evil", "__Host-a\xa0": "evil", "__Host-a": "good"},
            id="unicode-spaces-are-not-stripped",
        ),
    ],
)
def test_no_other_cookie_becomes_one_with_a_prefix(field_value: bytes, expected: dict[str, str]) -> None:
    """A cookie that any subdomain can set never turns into a `__Host-` one."""
    assert expected == parse_cookies(field_value)


def test_lines_are_read_in_order() -> None:
    """Several Cookie lines are one list, and the first of equal names wins."""
    actual = parse_cookies([b"a=1; b=2", b"a=3; c=4"])

    assert actual == {"a": "1", "b": "2", "c": "4"}


@pytest.mark.security("D1")
@pytest.mark.parametrize("count", [99, 100, 101, 1600])
def test_at_most_100_cookies_are_read(count: int) -> None:
    """The rest is ignored."""
    pairs = [b"c%d=1" % index for index in range(count)]

    assert [f"c{index}" for index in range(min(count, 100))] == list(parse_cookies(b";".join(pairs)))
    assert [f"c{index}" for index in range(min(count, 100))] == list(parse_cookies(pairs))


@pytest.mark.parametrize(("max_cookies", "expected"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "c"])])
def test_the_number_of_cookies_can_be_chosen(max_cookies: int, expected: list[str]) -> None:
    """`max_cookies` counts over all lines."""
    assert expected == list(parse_cookies([b"a=1;b=2", b"c=3"], max_cookies))


@pytest.mark.parametrize(
    ("max_bytes", "expected"),
    [
        pytest.param(0, [], id="nothing"),
        pytest.param(2, [], id="less-than-a-cookie"),
        pytest.param(3, ["a"], id="exactly-one-cookie"),
        pytest.param(6, ["a"], id="not-quite-two"),
        pytest.param(7, ["a", "b"], id="a-whole-line"),
        pytest.param(9, ["a", "b"], id="not-quite-the-next-line"),
        pytest.param(10, ["a", "b", "c"], id="both-lines"),
    ],
)
def test_a_cookie_beyond_the_bytes_is_ignored_as_a_whole(max_bytes: int, expected: list[str]) -> None:
    """No value is ever cut."""
    assert expected == list(parse_cookies([b"a=1;b=2", b"c=3"], max_bytes=max_bytes))


@pytest.mark.security("D1")
@pytest.mark.parametrize(
    "field_value",
    [
        pytest.param(b'a="' + b"\\1" * 32_768 + b'"', id="escapes"),
        pytest.param(b'a="' + b"\\" * 65_536 + b'"', id="backslashes"),
        pytest.param(b";" * 65_536, id="semicolons"),
        pytest.param(b",=;" * 5000, id="junk"),
        pytest.param(b"a=b;" * 16_384, id="pairs"),
        pytest.param(b"=" * 65_536, id="equals-signs"),
    ],
)
def test_a_hostile_line_of_64_kib_is_survived(field_value: bytes) -> None:
    """Whatever is repeated, at most one cookie comes of it."""
    assert len(parse_cookies(field_value)) <= 1


@pytest.mark.security("D1")
def test_16_kib_of_escapes_are_decoded() -> None:
    """Unquoting is linear and exact."""
    assert parse_cookies(b'a="' + b"\\1" * 8000 + b'"')["a"] == "1" * 8000


@given(st.lists(st.binary(max_size=30), max_size=3))
@settings(max_examples=200)
def test_no_bytes_raise(lines: list[bytes]) -> None:
    """Any bytes give a dict without nameless cookies."""
    assert "" not in parse_cookies(lines)


NAMES = st.text("abcXYZ09-_.", min_size=1, max_size=8).map(lambda name: "n" + name)
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f"]))


@given(NAMES, PLAIN_TEXT)
@settings(max_examples=200)
def test_what_is_set_is_read(name: str, value: str) -> None:
    """A value without controls comes back, alone and among others."""
    pair = format_set_cookie(name, value).split(b";")[0]

    assert {name: value, "zz": "1"} == parse_cookies(pair + b"; zz=1")
    assert value == decode_cookie_value(encode_cookie_value(value).encode("ascii"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("aZ09!#$%&'()*+-./:<=>?@[]^_`{|}~", "aZ09!#$%&'()*+-./:<=>?@[]^_`{|}~", id="plain"),
        pytest.param("a;b", '"a\\073b"', id="semicolon"),
        pytest.param("a,b c", '"a\\054b\\040c"', id="comma-and-space"),
        pytest.param('"\\', '"\\042\\134"', id="quote-and-backslash"),
        pytest.param("é", '"\\303\\251"', id="utf-8"),
    ],
)
def test_a_value_is_quoted_only_when_it_must_be(value: str, expected: str) -> None:
    """What is no cookie-octet (RFC 6265 §4.1.1) becomes three octal digits."""
    assert expected == encode_cookie_value(value)


@pytest.mark.capability("C050")
def test_a_cookie_is_secure_by_default() -> None:
    """By default a cookie is Secure, HttpOnly and SameSite=Lax, for the whole host."""
    assert format_set_cookie("a", "1") == b"a=1; Path=/; Secure; HttpOnly; SameSite=Lax"


@pytest.mark.capability("C049")
def test_every_attribute_can_be_set() -> None:
    """All attributes that browsers know, in one order."""
    actual = format_set_cookie(
        "a",
        "1",
        max_age_seconds=60,
        expires=784111777,
        path="/shop/%20",
        domain=".Example.org",
        same_site="None",
        partitioned=True,
        priority="High",
    )

    expected = (
        b"a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; Domain=Example.org; Path=/shop/%20; "
        b"Secure; HttpOnly; SameSite=None; Partitioned; Priority=High"
    )
    assert expected == actual


@pytest.mark.capability("C049")
@pytest.mark.parametrize("same_site", get_args(SameSite))
@pytest.mark.parametrize("priority", get_args(Priority))
def test_every_word_of_an_attribute_is_written(same_site: SameSite, priority: Priority) -> None:
    """The words of the types are the words on the wire."""
    actual = format_set_cookie("a", "1", same_site=same_site, priority=priority)

    assert f"; SameSite={same_site}; Priority={priority}".encode() in actual


def test_every_attribute_can_be_left_out() -> None:
    """Nothing is added that was switched off."""
    assert format_set_cookie("a", "1", path=None, secure=False, http_only=False, same_site=None) == b"a=1"


INJECTIONS = ["a;b", "a\r\nb", "a\x00", "a\x7f", "a b", "ä", "a\tb"]


@pytest.mark.security("D3")
@pytest.mark.security("A48")
@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("name", "is no name for a cookie"),
        ("path", "is no path for a cookie"),
        ("domain", "is no domain for a cookie"),
        ("same_site", "`same_site` is 'Strict', 'Lax', 'None' or None, not"),
        ("priority", "`priority` is 'Low', 'Medium', 'High' or None, not"),
    ],
)
def test_nothing_is_injected_through_a_name_or_an_attribute(attribute: str, message: str, text: str) -> None:
    """A semicolon, a control, a space or text beyond ASCII is refused when the cookie is set."""
    untyped = {"function": format_set_cookie}
    arguments = {"name": "a", "value": "1"} | {attribute: f"/{text}" if attribute == "path" else text}

    with pytest.raises(ValueError, match=message):
        untyped["function"](**arguments)


@pytest.mark.security("D3")
@pytest.mark.parametrize("code", [*range(32), 0x7F])
def test_a_value_has_no_control_characters(code: int) -> None:
    """Controls are refused although they could be escaped: nobody means them."""
    with pytest.raises(ValueError) as caught:
        format_set_cookie("a", f"secret{chr(code)}")

    expected = (
        f"a cookie value must not have control characters: {chr(code)!r} at index 6; "
        "encode the value first, for example as base64"
    )
    assert expected == str(caught.value)


def test_a_value_has_no_lone_surrogate() -> None:
    """A lone surrogate has no bytes."""
    with pytest.raises(ValueError) as caught:
        format_set_cookie("a", "x\ud800")

    assert str(caught.value) == "a cookie value must not have a lone surrogate: index 1"


@pytest.mark.security("D3")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"name": ""}, id="empty-name"),
        pytest.param({"name": "a="}, id="equals-sign-in-the-name"),
        pytest.param({"path": ""}, id="empty-path"),
        pytest.param({"path": "shop"}, id="path-without-a-slash"),
        pytest.param({"domain": ""}, id="empty-domain"),
        pytest.param({"domain": "."}, id="a-dot-as-the-domain"),
        pytest.param({"domain": "example.org:80"}, id="domain-with-a-port"),
        pytest.param({"domain": "example.org."}, id="domain-with-a-dot-at-the-end"),
        pytest.param({"domain": "example.org\n"}, id="domain-with-a-newline-at-the-end"),
        pytest.param({"domain": "a" * 254}, id="domain-of-254-characters"),
        pytest.param({"max_age_seconds": -1}, id="negative-age"),
        pytest.param({"expires": float("nan")}, id="expires-at-no-time"),
        pytest.param({"same_site": "lax"}, id="same-site-in-lower-case"),
        pytest.param({"priority": "high"}, id="priority-in-lower-case"),
        pytest.param({"same_site": ""}, id="empty-same-site"),
    ],
)
def test_a_part_that_browsers_ignore_is_refused(arguments: dict[str, object]) -> None:
    """A mistake is an error here instead of a cookie that goes missing."""
    untyped = {"function": format_set_cookie}
    with pytest.raises(ValueError):
        untyped["function"](**{"name": "a", "value": "1"} | arguments)


@pytest.mark.parametrize("domain", ["localhost", "a" * 253, "a-b.c_d.example", "127.0.0.1"])
def test_a_host_name_is_a_domain(domain: str) -> None:
    """Names and addresses are accepted."""
    assert f"; Domain={domain};".encode() in format_set_cookie("a", "1", domain=domain)


@pytest.mark.security("D4")
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        pytest.param("__Host-x", {"secure": False}, "`__Host-`: set `secure`, path '/', and no domain", id="insecure"),
        pytest.param("__Host-x", {"domain": "a.b"}, "`__Host-`", id="host-with-a-domain"),
        pytest.param("__Host-x", {"path": "/a"}, "`__Host-`", id="host-with-a-path"),
        pytest.param("__Host-x", {"path": None}, "`__Host-`", id="host-without-a-path"),
        pytest.param("__hOST-x", {"secure": False}, "`__Host-`", id="host-in-another-case"),
        pytest.param("__Secure-x", {"secure": False}, "`__Secure-`: set `secure`", id="secure-that-is-not"),
        pytest.param("__SECURE-", {"secure": False}, "`__Secure-`", id="secure-in-another-case"),
        pytest.param("x", {"secure": False, "same_site": "None"}, "`same_site='None'`: set `secure`", id="same-site"),
        pytest.param("x", {"secure": False, "partitioned": True}, "`partitioned`: set `secure`", id="partitioned"),
    ],
)
def test_attributes_that_browsers_refuse_together_are_refused(
    name: str, arguments: dict[str, object], message: str
) -> None:
    """Browsers would drop the cookie without a word."""
    untyped = {"function": format_set_cookie}
    with pytest.raises(ValueError) as caught:
        untyped["function"](name, "1", **arguments)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("__Host-x", {}, id="host"),
        pytest.param("__Secure-x", {"domain": "a.b", "path": "/a"}, id="secure-with-a-domain"),
        pytest.param("__Secure", {"secure": False}, id="not-quite-a-prefix"),
        pytest.param("x__Host-", {"secure": False}, id="a-prefix-elsewhere"),
    ],
)
def test_a_prefix_is_allowed_with_what_it_promises(name: str, arguments: dict[str, object]) -> None:
    """A prefix does no harm where its rules are kept."""
    untyped = {"function": format_set_cookie}

    assert untyped["function"](name, "1", **arguments).startswith(f"{name}=1".encode())


@pytest.mark.parametrize(("surplus", "good"), [(-1, True), (0, True), (1, False)])
def test_a_cookie_line_has_at_most_4093_bytes(surplus: int, good: bool) -> None:
    """Browsers drop a longer one."""
    length = MAX_SET_COOKIE_BYTES - len(format_set_cookie("a", "")) + surplus
    if good:
        assert len(format_set_cookie("a", "x" * length)) == MAX_SET_COOKIE_BYTES + surplus
        return
    with pytest.raises(ValueError) as caught:
        format_set_cookie("a", "x" * length)

    expected = (
        "the cookie 'a' is 4094 bytes with its attributes, and browsers drop one of more than 4093; "
        "keep an id in it and the rest in your database"
    )
    assert expected == str(caught.value)


def test_deleting_says_it_twice_and_keeps_the_attributes() -> None:
    """Old clients know Expires only, and a prefix needs its attributes to be deleted too."""
    actual = format_delete_cookie("__Host-a", partitioned=True)

    expected = (
        b"__Host-a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; Secure; HttpOnly; "
        b"SameSite=Lax; Partitioned"
    )
    assert expected == actual
    assert b"; Domain=a.b; Path=/x;" in format_delete_cookie("a", "/x", "a.b")
