"""Cookies with the prefix ``__Host-``, as a real browser keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.browser.two_origins import BELOW, HERE, Origins, two_origins

pytestmark = pytest.mark.browser

PLANTED = "{name}=planted; Domain=a.test; Path=/; Secure"


@pytest.fixture(scope="module")
def origins(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origins]:
    """The sites and a browser."""
    with two_origins(browser, tmp_path_factory.mktemp("origins")) as started:
        yield started


def plant(line: str) -> str:
    """Return the address at which the neighbouring host sends a line as ``Set-Cookie``."""
    return f"{BELOW}/plant?line={quote(line)}"


@pytest.mark.security("D4")
def test_it_is_set_over_https(origins: Origins) -> None:
    """What the site sends is what the browser keeps, for this host alone."""
    with origins.visit(f"{HERE}/cookie/__Host-sid") as page:
        (cookie,) = page.context.cookies()
        page.goto(f"{HERE}/cookies")
        here = page.text_content("body")
        page.goto(f"{BELOW}/cookies")
        below = page.text_content("body")

    assert ("__Host-sid=own", "") == (here, below)
    assert ("a.test", "/", True, True, "Lax") == tuple(
        cookie[name] for name in ("domain", "path", "secure", "httpOnly", "sameSite")
    )


@pytest.mark.security("G11")
@pytest.mark.parametrize("comes_first", [True, False], ids=["planted-first", "planted-later"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("__Host-sid", {"__Host-sid=own"}, id="with-the-prefix"),
        pytest.param("sid", {"sid=own", "sid=planted"}, id="without"),
    ],
)
def test_a_neighbouring_host_plants_none(origins: Origins, name: str, expected: set[str], comes_first: bool) -> None:
    """Without the prefix the site gets a second cookie of the name and cannot tell which is its own; with it, never."""
    visits = [plant(PLANTED.format(name=name)), f"{HERE}/cookie/{name}"]
    with origins.visit(*(visits if comes_first else reversed(visits)), f"{HERE}/cookies") as page:
        found = (page.text_content("body") or "").split("; ")

    assert expected == set(found)


@pytest.mark.security("G11")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(PLANTED.format(name="__Host-sid"), id="for-the-domain"),
        pytest.param(PLANTED.format(name="__host-sid"), id="in-lower-case"),
        pytest.param("=__Host-sid=planted; Domain=a.test; Path=/; Secure", id="without-a-name"),
        pytest.param("__Host-sid=planted; Domain=a.test; Path=/cookies; Secure", id="for-a-longer-path"),
        pytest.param("__Host-sid =planted; Domain=a.test; Path=/; Secure", id="with-a-space"),
    ],
)
def test_no_spelling_plants_one(origins: Origins, line: str) -> None:
    """The site reads its own, or none, under the name that it has set."""
    with origins.visit(plant(line), f"{HERE}/cookies") as page:
        assert "planted" not in (page.text_content("body") or "")


@pytest.mark.security("G11")
def test_no_script_plants_one(origins: Origins) -> None:
    """A page of the neighbouring host can set cookies for the domain, and none with the prefix."""
    with origins.visit(f"{HERE}/cookie/__Host-sid", f"{BELOW}/") as page:
        page.evaluate(f"document.cookie = '{PLANTED.format(name='__Host-sid')}'")
        page.evaluate(f"document.cookie = '{PLANTED.format(name='other')}'")
        page.goto(f"{HERE}/cookies")

        assert {"__Host-sid=own", "other=planted"} == set((page.text_content("body") or "").split("; "))


def test_none_is_set_over_http(origins: Origins) -> None:
    """Somebody between cannot plant one either."""
    with origins.visit("http://a.test/cookie/__Host-sid", f"{HERE}/cookies") as page:
        assert "" == page.text_content("body")
