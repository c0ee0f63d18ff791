"""Host patterns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import ConfigurationError
from costrel.routing.hosts import parse_host
from costrel.routing.pattern import MissingValue


@pytest.mark.capability("X05")
@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        pytest.param("api.example.com", "api.example.com", {}, id="exact"),
        pytest.param("API.Example.com", "api.example.com", {}, id="case-of-the-pattern"),
        pytest.param("{tenant}.example.com", "a.example.com", {"tenant": "a"}, id="one-label"),
        pytest.param("<tenant>.example.com", "a.example.com", {"tenant": "a"}, id="in-angle-brackets"),
        pytest.param("api.{domain}", "api.example.com", {"domain": "example.com"}, id="several-labels-at-the-end"),
        pytest.param("{a}.{b}", "x.y.z", {"a": "x", "b": "y.z"}, id="two-parameters"),
        pytest.param("{host}", "localhost", {"host": "localhost"}, id="any-host"),
        pytest.param("api.example.com", "example.com", None, id="another-host"),
        pytest.param("{tenant}.example.com", "example.com", None, id="no-label"),
        pytest.param("{tenant}.example.com", "a.b.example.com", None, id="two-labels-for-one"),
        pytest.param("{tenant}.example.com", ".example.com", None, id="an-empty-label"),
        pytest.param("api.{domain}", "api", None, id="nothing-at-the-end"),
        pytest.param("api.{domain}", "api.", None, id="an-empty-end"),
        pytest.param("{tenant}.example.com", "a.example.org", None, id="another-literal"),
    ],
)
def test_a_host_matches_label_by_label(text: str, host: str, expected: dict[str, object] | None) -> None:
    """A parameter is one label, at the end one or more; none is empty."""

    assert expected == parse_host(text).match(host)


@pytest.mark.capability("X05")
@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        pytest.param("api.example.com", {"q": 1}, ("api.example.com", {"q": 1}), id="exact-with-leftover"),
        pytest.param("{t}.example.com", {"t": "a"}, ("a.example.com", {}), id="one-label"),
        pytest.param("api.{d}", {"d": "a.b"}, ("api.a.b", {}), id="several-labels-at-the-end"),
    ],
)
def test_a_host_is_built_from_values(
    text: str, values: dict[str, object], expected: tuple[str, dict[str, object]]
) -> None:
    """What the pattern does not use is handed back."""

    assert expected == parse_host(text).format(values)


@pytest.mark.parametrize("value", ["evil.com/", "a.b", "a@b", "a:1", "", "A", "-a", "é", "a\n", "a" * 64])
def test_a_value_cannot_break_out_of_its_label(value: str) -> None:
    """A value that is not one label in lower case is refused, so a URL stays on its host."""
    with pytest.raises(ValueError) as caught:
        parse_host("{t}.example.com").format({"t": value})

    assert f"`t` cannot be {value!r}: it is not a part of a host in lower case" == str(caught.value)


def test_a_host_has_a_greatest_length() -> None:
    """253 characters are the limit of a host name."""
    label = "a" * 63
    longest = ".".join([label, label, label, "a" * 59])

    assert 253 == len(parse_host("x.{d}").format({"d": longest[:251]})[0])
    with pytest.raises(ValueError, match="longer than 253 characters"):
        parse_host("xy.{d}").format({"d": longest[:251]})


def test_a_missing_value_is_named() -> None:
    """The error of a missing value is a `KeyError` with the name."""
    with pytest.raises(MissingValue, match="'t'"):
        parse_host("{t}.example.com").format({})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("*.example.com", "COS-ROUTE-014", id="a-star"),
        pytest.param("example.com:8000", "COS-ROUTE-014", id="a-port"),
        pytest.param("https://example.com", "COS-ROUTE-014", id="a-scheme"),
        pytest.param("a..com", "COS-ROUTE-014", id="an-empty-label"),
        pytest.param("", "COS-ROUTE-014", id="nothing"),
        pytest.param("x{a}.com", "COS-ROUTE-014", id="a-parameter-within-a-label"),
        pytest.param("münchen.de", "COS-ROUTE-014", id="not-ascii"),
        pytest.param("{class}.com", "COS-ROUTE-003", id="a-keyword"),
        pytest.param("{a}.{a}", "COS-ROUTE-004", id="a-name-twice"),
    ],
)
def test_a_host_that_cannot_match_is_refused(text: str, code: str) -> None:
    """The mistake says where it was written."""
    with pytest.raises(ConfigurationError) as caught:
        parse_host(text, where="a.py:1")

    assert (code, "a.py:1") == (caught.value.code, caught.value.mistake.where)


def test_more_literal_labels_are_more_specific() -> None:
    """Exact hosts first, then more literal labels, then those that end in any number of labels."""
    texts = ["api.example.com", "{t}.example.com", "{a}.{b}.com", "api.{d}", "{h}"]
    shuffled = texts[::-1]

    assert texts == sorted(shuffled, key=lambda text: parse_host(text).specificity)
    assert parse_host(texts[0]).is_exact
    assert not parse_host(texts[1]).is_exact


@settings(max_examples=100)
@given(st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True), st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){0,2}", fullmatch=True))
def test_what_is_built_matches(tenant: str, domain: str) -> None:
    """Building and matching are inverse."""
    pattern = parse_host("{tenant}.api.{domain}")
    host, leftover = pattern.format({"tenant": tenant, "domain": domain})

    assert {"tenant": tenant, "domain": domain} == pattern.match(host)
    assert {} == leftover
