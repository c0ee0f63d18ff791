"""Negotiation of media types, languages, codings and charsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.accept import (
    MAX_ELEMENT_CHARACTERS,
    AcceptItem,
    negotiate_charset,
    negotiate_encoding,
    negotiate_language,
    negotiate_media_type,
    parse_accept,
    quality_of,
)

pytestmark = pytest.mark.capability("C032")


@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("text/html", [AcceptItem("text/html")], id="one"),
        pytest.param(
            "GZIP, br ,*", [AcceptItem("gzip"), AcceptItem("br"), AcceptItem("*")], id="several-in-lower-case"
        ),
        pytest.param(", ,a,,\t,b,", [AcceptItem("a"), AcceptItem("b")], id="empty-elements"),
        pytest.param("a;q=0.5", [AcceptItem("a", 500)], id="weight"),
        pytest.param("a ; Q=0.123", [AcceptItem("a", 123)], id="weight-with-spaces-and-case"),
        pytest.param("a;q=0", [AcceptItem("a", 0)], id="weight-0"),
        pytest.param("a;q=0.", [AcceptItem("a", 0)], id="weight-0-with-a-point"),
        pytest.param("a;q=1", [AcceptItem("a", 1000)], id="weight-1"),
        pytest.param("a;q=1.000", [AcceptItem("a", 1000)], id="weight-1-with-zeros"),
        pytest.param("a;q=0.001", [AcceptItem("a", 1)], id="the-smallest-weight"),
        pytest.param("a/b;Level=1;q=0.4;x=y", [AcceptItem("a/b", 400, (("level", "1"), ("x", "y")))], id="parameters"),
        pytest.param(
            'a/b;c="d,e;f";q=0.2,g', [AcceptItem("a/b", 200, (("c", "d,e;f"),)), AcceptItem("g")], id="comma-in-quotes"
        ),
        pytest.param('a;b="\\",\\"",c', [AcceptItem("a", 1000, (("b", '","'),)), AcceptItem("c")], id="escaped-quote"),
        pytest.param('a,b;c="d,e', [AcceptItem("a")], id="an-open-quote-takes-the-rest"),
        pytest.param("a b,c", [AcceptItem("c")], id="bad-syntax-is-left-out"),
        pytest.param("@,c", [AcceptItem("c")], id="no-token-is-left-out"),
    ],
)
def test_a_list_is_read_in_order(field_value: str, expected: list[AcceptItem]) -> None:
    """Elements are read as in RFC 9110 §5.6.1 and §12.4.2; bad ones are left out."""
    assert tuple(expected) == parse_accept(field_value)


@pytest.mark.parametrize(
    "weight", ["", "2", "1.1", "1.001", "0.1234", "-0", "-1", "+1", ".5", "0,5", "00", "NaN", "1e0", "٠", "a", '""']
)
def test_an_element_with_a_bad_weight_is_left_out(weight: str) -> None:
    """A weight is 0 to 1 with at most three decimals, in ASCII digits."""
    assert AcceptItem("a") not in parse_accept(f"a;q={weight}")
    assert parse_accept(f"ok,a;q={weight}")[0] == AcceptItem("ok")


@pytest.mark.security("L16")
@pytest.mark.parametrize("count", [31, 32, 33, 16_384])
def test_at_most_32_elements_are_looked_at(count: int) -> None:
    """What follows the limit is ignored, whether readable or not."""
    assert min(count, 32) == len(parse_accept("*/*," * count))
    assert (() if count > 31 else (AcceptItem("a"),)) == parse_accept("@," * count + "a")


@pytest.mark.parametrize(("max_items", "expected"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_the_number_of_elements_can_be_chosen(max_items: int, expected: int) -> None:
    """`max_items` bounds the result."""
    assert expected == len(parse_accept("a,b", max_items))


@pytest.mark.parametrize(("length", "count"), [(MAX_ELEMENT_CHARACTERS, 2), (MAX_ELEMENT_CHARACTERS + 1, 1)])
def test_a_long_element_is_ignored(length: int, count: int) -> None:
    """An element has at most 1024 characters."""
    assert count == len(parse_accept("x" * length + ",ok"))


@pytest.mark.security("L16")
@pytest.mark.parametrize(
    "piece",
    ["*/*,", ";q=0", ",", ";", '"', '"\\', "\\", " ", "a-", "a", "a=", '",', 'a;b="\\"'],
)
def test_a_hostile_value_of_64_kib_is_survived(piece: str) -> None:
    """Whatever is repeated, there are at most 32 elements and every function answers."""
    field_value = "a" + piece * (65_536 // len(piece))

    assert len(parse_accept(field_value)) <= 32
    assert negotiate_media_type(field_value, ["text/html"]) in {"text/html", None}
    assert negotiate_language(field_value, ["en"]) in {"en", None}
    assert negotiate_encoding(field_value, ["gzip"]) in {"gzip", "identity"}
    assert negotiate_charset(field_value, ["utf-8"]) in {"utf-8", None}


RFC_ACCEPT = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "media_type", "expected"),
    [
        pytest.param(RFC_ACCEPT, "text/plain;format=flowed", 1000, id="rfc-9110-flowed"),
        pytest.param(RFC_ACCEPT, "text/plain", 700, id="rfc-9110-plain"),
        pytest.param(RFC_ACCEPT, "text/html", 300, id="rfc-9110-any-text"),
        pytest.param(RFC_ACCEPT, "image/jpeg", 500, id="rfc-9110-anything"),
        pytest.param(RFC_ACCEPT, "text/plain;format=fixed", 400, id="rfc-9110-fixed"),
        pytest.param(RFC_ACCEPT, "text/html;level=3", 300, id="rfc-9110-unknown-parameter-of-the-offer"),
        pytest.param(None, "a/b", 1000, id="no-field-accepts-all"),
        pytest.param("", "a/b", 1000, id="an-empty-field-says-nothing"),
        pytest.param("garbage here", "a/b", 1000, id="an-unreadable-field-says-nothing"),
        pytest.param("a/c", "a/b", 0, id="not-named"),
        pytest.param("a/b;q=0, */*", "a/b", 0, id="weight-0-excludes"),
        pytest.param("*;q=0.2", "a/b", 200, id="a-bare-star"),
        pytest.param("a/b;charset=UTF-8;q=0.1", "a/b; charset=utf-8", 100, id="parameter-values-without-case"),
        pytest.param("a/b;q=0.1, a/b;q=0.2", "a/b", 200, id="the-higher-of-two-equal-ranges"),
        pytest.param("A/B;q=0.3", "a/B", 300, id="types-have-no-case"),
        pytest.param("*/*;c=d, a/*;q=0.1", "a/b;c=d", 1000, id="parameters-outweigh-the-subtype"),
    ],
)
def test_the_most_specific_range_gives_the_weight(accept: str | None, media_type: str, expected: int) -> None:
    """The precedence of RFC 9110 §12.5.1."""
    assert expected == quality_of(accept, media_type)


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        pytest.param(None, ["a/b", "c/d"], "a/b", id="no-field-takes-the-first"),
        pytest.param("*/*", ["a/b", "c/d"], "a/b", id="anything-takes-the-first"),
        pytest.param("", ["a/b"], "a/b", id="an-empty-field-takes-the-first"),
        pytest.param("c/d, a/b", ["a/b", "c/d"], "a/b", id="the-server-decides-a-tie"),
        pytest.param("a/b;q=0.1, c/d;q=0.2", ["a/b", "c/d"], "c/d", id="the-higher-weight-wins"),
        pytest.param("a/*, c/d;q=0.9", ["c/d", "a/b"], "a/b", id="a-wildcard-counts-by-its-weight"),
        pytest.param("*/*, a/b;q=0", ["a/b", "c/d"], "c/d", id="weight-0-excludes"),
        pytest.param("a/b;q=0", ["a/b"], None, id="all-excluded"),
        pytest.param("a/b", ["c/d"], None, id="nothing-acceptable"),
        pytest.param(BROWSER, ["application/json", "text/html"], "text/html", id="a-browser-gets-html"),
        pytest.param(BROWSER, ["application/json"], "application/json", id="a-browser-takes-json-if-it-must"),
        pytest.param("text/html", ["Text/HTML; charset=utf-8"], "Text/HTML; charset=utf-8", id="offer-as-written"),
        pytest.param("a/b", [], None, id="no-offers"),
        pytest.param(None, [], None, id="no-field-and-no-offers"),
    ],
)
def test_a_media_type_is_chosen(accept: str | None, offers: list[str], expected: str | None) -> None:
    """The best weight wins, ties go to the server's order, 0 excludes."""
    assert expected == negotiate_media_type(accept, offers)


@pytest.mark.parametrize("accept", [None, "a/b"])
def test_an_offer_that_is_no_media_type_is_a_mistake(accept: str | None) -> None:
    """The mistake shows with every request, not only with an Accept field."""
    with pytest.raises(ValueError):
        negotiate_media_type(accept, ["json"])


@given(st.permutations(["a/b", "a/c", "d/e"]), st.lists(st.sampled_from(["a/b", "a/*", "*/*", "d/e;q=0", "a/c;q=0.5"])))
@settings(max_examples=150)
def test_the_choice_is_the_first_offer_of_the_highest_weight(offers: list[str], ranges: list[str]) -> None:
    """Choosing agrees with weighing each offer alone."""
    accept = ", ".join(ranges)
    qualities = [quality_of(accept, offer) for offer in offers]
    expected = offers[qualities.index(max(qualities))] if max(qualities) else None

    assert expected == negotiate_media_type(accept, offers)


@pytest.mark.parametrize(
    ("field_value", "offers", "expected"),
    [
        pytest.param(None, ["en", "de"], "en", id="no-field-takes-the-first"),
        pytest.param(" ", ["en"], "en", id="an-unreadable-field-takes-the-first"),
        pytest.param(None, [], None, id="no-offers"),
        pytest.param("de", ["en", "de"], "de", id="equal"),
        pytest.param("DE-ch", ["de-CH"], "de-CH", id="tags-have-no-case"),
        pytest.param("de-CH-1996", ["de", "de-CH"], "de-CH", id="the-longest-prefix-wins"),
        pytest.param("zh-Hant-CN-x-private1", ["zh-Hant-CN"], "zh-Hant-CN", id="rfc-4647-singletons-are-dropped"),
        pytest.param("zh-Hant-x-y", ["zh-Hant-x"], None, id="a-singleton-alone-is-never-looked-up"),
        pytest.param("en", ["en-GB"], None, id="a-range-does-not-find-the-more-specific"),
        pytest.param("fr, de;q=0.5", ["de", "en"], "de", id="the-next-best-range"),
        pytest.param("en;q=0.5, de;q=0.9", ["en", "de"], "de", id="by-weight"),
        pytest.param("en, de", ["de", "en"], "en", id="by-order-of-the-client"),
        pytest.param("fr, *;q=0.1", ["en", "de"], "en", id="a-star-takes-the-first"),
        pytest.param("*, en;q=0", ["en", "en-GB", "de"], "de", id="an-excluded-language-and-those-below"),
        pytest.param("*, en;q=0, en-GB", ["en", "en-GB"], "en-GB", id="the-longest-covering-range-decides"),
        pytest.param("en-GB, en;q=0", ["en"], None, id="an-excluded-language-is-not-found-by-shortening"),
        pytest.param("*, en;q=0", ["en"], None, id="all-excluded"),
        pytest.param("fr;q=0", ["en"], None, id="only-exclusions"),
        pytest.param("en", ["EN", "en"], "EN", id="the-first-of-equal-offers"),
    ],
)
def test_a_language_is_looked_up(field_value: str | None, offers: list[str], expected: str | None) -> None:
    """Lookup as in RFC 4647 §3.4."""
    assert expected == negotiate_language(field_value, offers)


@pytest.mark.parametrize(
    ("field_value", "offers", "expected"),
    [
        pytest.param(None, ["gzip"], "identity", id="no-field"),
        pytest.param("", ["gzip"], "identity", id="empty-field"),
        pytest.param("gzip, deflate, br", ["br", "gzip"], "br", id="the-server-decides-a-tie"),
        pytest.param("gzip;q=0.1, br;q=0.05", ["br", "gzip"], "gzip", id="by-weight"),
        pytest.param("gzip;q=0.001", ["gzip"], "gzip", id="the-smallest-weight-beats-unnamed-identity"),
        pytest.param("gzip;q=0.5, identity", ["gzip"], "identity", id="identity-by-weight"),
        pytest.param("gzip, identity", ["gzip"], "gzip", id="identity-is-last-in-a-tie"),
        pytest.param("gzip, identity", ["identity", "gzip"], "identity", id="identity-where-the-server-puts-it"),
        pytest.param("gzip;q=0", ["gzip"], "identity", id="excluded"),
        pytest.param("zstd", ["gzip"], "identity", id="not-named"),
        pytest.param("*", ["br", "gzip"], "br", id="star"),
        pytest.param("*;q=0.5, br;q=0", ["br", "gzip"], "gzip", id="star-with-an-exclusion"),
        pytest.param("identity;q=0", ["gzip"], None, id="identity-excluded"),
        pytest.param("*;q=0", ["gzip"], None, id="all-excluded"),
        pytest.param("*;q=0, identity;q=0.1", ["gzip"], "identity", id="all-but-identity-excluded"),
        pytest.param("gzip, *;q=0", ["gzip"], "gzip", id="all-but-one-excluded"),
        pytest.param("x-gzip", ["gzip"], "gzip", id="the-old-name-of-gzip"),
        pytest.param(";q=", ["gzip"], "identity", id="unreadable"),
    ],
)
def test_a_content_coding_is_chosen(field_value: str | None, offers: list[str], expected: str | None) -> None:
    """The rules of RFC 9110 §12.5.3, with those for identity."""
    assert expected == negotiate_encoding(field_value, offers)


@pytest.mark.parametrize(
    ("field_value", "offers", "expected"),
    [
        pytest.param(None, ["utf-8"], "utf-8", id="no-field"),
        pytest.param("@", ["utf-8"], "utf-8", id="unreadable"),
        pytest.param(None, [], None, id="no-offers"),
        pytest.param("iso-8859-1, UTF-8;q=0.5", ["utf-8", "ISO-8859-1"], "ISO-8859-1", id="by-weight"),
        pytest.param("utf-16, *;q=0.1", ["utf-8"], "utf-8", id="star"),
        pytest.param("*, utf-8;q=0", ["utf-8"], None, id="excluded"),
        pytest.param("utf-16", ["utf-8"], None, id="not-named"),
    ],
)
def test_a_charset_is_chosen(field_value: str | None, offers: list[str], expected: str | None) -> None:
    """The rules of RFC 9110 §12.5.2."""
    assert expected == negotiate_charset(field_value, offers)
