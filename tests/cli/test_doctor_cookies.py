"""Comparing cookies: names and attributes, never values."""

from __future__ import annotations

import pytest

from costrel.cli.doctor_cookies import compare_cookies
from costrel.cli.doctor_difference import Ignored
from costrel.http import format_http_date

NOW = 1_800_000_000.0
EXPIRES = format_http_date(NOW + 14 * 86_400).decode()


def found(old: list[str], new: list[str], *ignored: str) -> list[str]:
    """Compare two lists of lines and show each difference as ``sign name: old > new``."""
    differences = compare_cookies(old, new, Ignored(ignored), NOW, NOW + 3)
    return [f"{item.sign} {item.name}: {item.old} > {item.new}" for item in differences]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a=1; Path=/", "a=2; Path=/", id="another-value"),
        pytest.param("a=1; Secure; HttpOnly", "a=1; httponly; secure", id="any-order-and-case"),
        pytest.param("a=1; SameSite=lax", "a=1; SameSite=Lax", id="same-site-in-any-case"),
        pytest.param("a=1; Domain=.Shop.example", "a=1; Domain=shop.example", id="the-dot-of-a-domain"),
        pytest.param("a=1; Max-Age=1209600", f"a=1; Expires={EXPIRES}", id="two-ways-to-say-how-long"),
        pytest.param("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=; Max-Age=0", id="two-ways-to-delete"),
        pytest.param("a=; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "a=; Max-Age=-1", id="three-ways-to-delete"),
    ],
)
def test_what_means_the_same_is_no_difference(old: str, new: str) -> None:
    """However it is written, and whatever the value is."""

    assert [] == found([old], [new])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(["s=1; HttpOnly; Secure"], ["s=2; Secure"], "changed s: HttpOnly > ", id="not-hidden-any-more"),
        pytest.param(
            ["s=1; SameSite=Strict"], ["s=2; SameSite=None"], "changed s: SameSite=Strict > SameSite=None", id="site"
        ),
        pytest.param(["s=1; Path=/"], ["s=2; Path=/shop"], "changed s: Path=/ > Path=/shop", id="path"),
        pytest.param(["s=1"], ["s=2; Domain=shop.example"], "changed s:  > Domain=shop.example", id="domain"),
        pytest.param(
            ["s=1"], ["s=2; Max-Age=60"], "changed s: until the browser closes > kept 60 seconds", id="lifetime"
        ),
        pytest.param(["s=1; Max-Age=1209600"], ["s=; Max-Age=0"], "changed s: kept 14 days > deleted", id="deleted"),
        pytest.param(["s=secret; Secure"], [], "lost s: Secure; until the browser closes > ", id="not-set-any-more"),
        pytest.param([], ["s=secret; Max-Age=9"], "gained s:  > kept 9 seconds", id="set-now"),
        pytest.param(["s=1", "s=2; Secure"], ["s=3"], "changed s: Secure > ", id="the-last-line-counts"),
    ],
)
def test_what_was_lost_or_gained_is_named(old: list[str], new: list[str], expected: str) -> None:
    """Attribute by attribute."""

    assert [expected] == found(old, new)


def test_values_are_never_shown() -> None:
    """A report is kept by pipelines."""
    shown = found(["session=secret-one; Path=/", "theme=secret-two"], ["session=secret-three", "other=secret-four"])

    assert 3 == len(shown)
    assert "secret" not in " ".join(shown)


@pytest.mark.parametrize("pattern", ["session", "cookie:session", "SESS*"])
def test_a_cookie_can_be_left_out(pattern: str) -> None:
    """By its name, alone or with its kind before it."""

    assert [] == found(["session=1; Secure"], ["session=1"], pattern)


def test_what_is_no_cookie_is_no_difference() -> None:
    """Browsers ignore it as well."""

    assert [] == found(["nothing", "=1", ""], [])
