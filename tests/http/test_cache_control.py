"""Tests of the Cache-Control builder."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.cache_control import CacheControl, parse_cache_control

pytestmark = pytest.mark.capability("X18")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("", CacheControl(), id="nothing"),
        pytest.param("no-store", CacheControl(no_store=True), id="a-flag"),
        pytest.param("max-age=60", CacheControl(max_age_seconds=60), id="seconds"),
        pytest.param("s-maxage=0", CacheControl(s_maxage_seconds=0), id="zero-seconds"),
        pytest.param(
            "public, immutable, max-age=31536000",
            CacheControl(public=True, immutable=True, max_age_seconds=31_536_000),
            id="several",
        ),
        pytest.param(
            "no-cache, private, no-transform, must-revalidate, proxy-revalidate, must-understand, only-if-cached",
            CacheControl(
                no_cache=True,
                private=True,
                no_transform=True,
                must_revalidate=True,
                proxy_revalidate=True,
                must_understand=True,
                only_if_cached=True,
            ),
            id="every-other-flag",
        ),
        pytest.param(
            "stale-while-revalidate=1, stale-if-error=2, max-stale=3, min-fresh=4",
            CacheControl(
                stale_while_revalidate_seconds=1, stale_if_error_seconds=2, max_stale_seconds=3, min_fresh_seconds=4
            ),
            id="every-other-number",
        ),
        pytest.param(
            'a, b=c, d="e, f\\"\\\\"', CacheControl(extensions={"a": None, "b": "c", "d": 'e, f"\\'}), id="extensions"
        ),
    ],
)
def test_parse_and_format(value: str, expected: CacheControl) -> None:
    """What is read is written again, and nothing set is nothing written."""
    assert expected == parse_cache_control(value)
    assert sorted(value.split(", ")) == sorted(expected.format().split(", "))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("NO-STORE,\tMax-Age=5 ", CacheControl(no_store=True, max_age_seconds=5), id="case-and-spaces"),
        pytest.param('max-age="60"', CacheControl(max_age_seconds=60), id="quoted-seconds"),
        pytest.param("max-age=1, max-age=2", CacheControl(max_age_seconds=1), id="the-first-counts"),
        pytest.param("max-age=x", CacheControl(max_age_seconds=0), id="unreadable-seconds-are-zero"),
        pytest.param("max-age", CacheControl(max_age_seconds=0), id="missing-seconds-are-zero"),
        pytest.param("max-age=²", CacheControl(), id="no-token-is-skipped"),
        pytest.param("max-age=-1", CacheControl(max_age_seconds=0), id="negative-seconds-are-zero"),
        pytest.param("max-age=2147483649", CacheControl(max_age_seconds=2**31), id="too-many-seconds"),
        pytest.param("max-age=" + "9" * 5000, CacheControl(max_age_seconds=2**31), id="5000-digits"),
        pytest.param("max-stale", CacheControl(max_stale_seconds=2**31), id="max-stale-without-a-limit"),
        pytest.param('no-cache="set-cookie, a", public', CacheControl(no_cache=True, public=True), id="field-names"),
        pytest.param(", ,public,,", CacheControl(public=True), id="empty-items"),
        pytest.param("a b, public", CacheControl(public=True), id="nonsense-is-skipped"),
        pytest.param('a="b, public', CacheControl(public=True), id="an-open-quote-is-skipped"),
        pytest.param("=, =;", CacheControl(), id="only-nonsense"),
    ],
)
def test_parse_leniently(value: str, expected: CacheControl) -> None:
    """Unclean values are read as far as they make sense, and never as fresher than they say."""
    assert expected == parse_cache_control(value)


@pytest.mark.parametrize(("count", "found"), [(62, True), (63, True), (64, False)])
def test_directive_limit(count: int, found: bool) -> None:
    """At most 64 directives are read."""
    value = ",".join(f"x{number}" for number in range(count)) + ",public"

    assert found == parse_cache_control(value).public


def test_it_can_be_changed() -> None:
    """It is a builder: attributes are set and written."""
    cache = CacheControl()
    cache.private = True
    cache.max_age_seconds = 10
    cache.extensions["x"] = "y z"

    assert 'private, max-age=10, x="y z"' == cache.format()


def test_misspelt_names_are_refused() -> None:
    """A directive that does not exist cannot be set by accident."""
    with pytest.raises(AttributeError):
        CacheControl().max_age = 1


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        pytest.param(
            CacheControl(max_age_seconds=-1),
            "`max_age_seconds` is -1; it is a number of seconds from 0 up.",
            id="negative",
        ),
        pytest.param(
            CacheControl(extensions={"a b": None}),
            "The name of a Cache-Control directive is a token, not 'a b'.",
            id="bad-name",
        ),
        pytest.param(
            CacheControl(extensions={"a": "\r\nX: y"}),
            "The Cache-Control directive `a` has a control character in its value.",
            id="line-break",
        ),
    ],
)
def test_format_refuses(cache: CacheControl, message: str) -> None:
    """What cannot be a field value is refused when it is written."""
    with pytest.raises(ValueError) as caught:
        cache.format()

    assert message == str(caught.value)


NAMES = st.sampled_from(["x", "y-z", "~"])
VALUES = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@settings(max_examples=100)
@given(st.booleans(), st.none() | st.integers(0, 2**31), st.dictionaries(NAMES, VALUES))
def test_round_trip(public: bool, seconds: int | None, extensions: dict[str, str | None]) -> None:
    """Parsing gives back what was formatted."""
    cache = CacheControl(public=public, max_age_seconds=seconds, extensions=extensions)

    assert cache == parse_cache_control(cache.format())
