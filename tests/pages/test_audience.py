"""Who gets a page, and who may see the inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costrel.messages import Request
from costrel.pages.audience import may_see_inside, wants_page


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True, id="a-browser"),
        pytest.param("text/html", True, id="html-alone"),
        pytest.param("text/html, application/json", True, id="html-as-much-as-json"),
        pytest.param("text/html;q=0.9, application/json", False, id="json-rather-than-html"),
        pytest.param("text/html;q=0.9, application/problem+json", False, id="problem-details-rather-than-html"),
        pytest.param("text/html;q=0.5, */*", False, id="anything-rather-than-html"),
        pytest.param("text/html;q=0", False, id="not-html"),
        pytest.param("TEXT/HTML", True, id="in-capitals"),
        pytest.param("text/*", False, id="some-text"),
        pytest.param("*/*", False, id="curl"),
        pytest.param("application/json", False, id="json"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="no-field"),
        pytest.param("text/html;q=x", False, id="unreadable"),
    ],
)
def test_a_page_is_for_those_who_name_it(accept: str | None, expected: bool) -> None:
    """HTML only when Accept names it at a weight not below that of JSON."""

    assert expected is wants_page(accept)


@pytest.mark.security("L6")
@pytest.mark.parametrize(
    ("peer", "host", "expected"),
    [
        pytest.param(("127.0.0.1", 1), "localhost:8000", True, id="at-home"),
        pytest.param(("127.8.0.1", 1), "127.0.0.1", True, id="all-of-127"),
        pytest.param(("::1", 1), "[::1]:8000", True, id="ipv6"),
        pytest.param(("::ffff:127.0.0.1", 1), "localhost", True, id="ipv4-in-ipv6"),
        pytest.param(("127.0.0.1", 1), "shop.localhost", True, id="below-localhost"),
        pytest.param(("127.0.0.1", 1), "LOCALHOST", True, id="in-capitals"),
        pytest.param(("192.168.0.7", 1), "localhost", False, id="another-machine"),
        pytest.param(("::ffff:192.168.0.7", 1), "localhost", False, id="another-machine-in-ipv6"),
        pytest.param(None, "localhost", False, id="unknown-peer"),
        pytest.param(("testclient", 1), "localhost", False, id="no-address"),
        pytest.param(("127.0.0.1", 1), "evil.example", False, id="dns-rebinding"),
        pytest.param(("127.0.0.1", 1), "localhost.evil.example", False, id="looks-local"),
        pytest.param(("127.0.0.1", 1), "evillocalhost", False, id="ends-like-localhost"),
        pytest.param(("127.0.0.1", 1), "127.0.0.1.evil.example", False, id="looks-like-an-address"),
        pytest.param(("127.0.0.1", 1), "", False, id="no-host"),
    ],
)
def test_the_inside_is_for_this_machine(
    request_of: Callable[..., Request], peer: tuple[str, int] | None, host: str, expected: bool
) -> None:
    """The peer and the host must both be local, in debug mode."""
    request = request_of(headers={"host": host})
    request.exchange.peer = peer

    assert expected is may_see_inside(request)


@pytest.mark.security("L7")
@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
def test_what_came_through_a_proxy_came_from_anywhere(request_of: Callable[..., Request], name: str) -> None:
    """A proxy on this machine has a local address, and so has a forged field."""

    assert not may_see_inside(request_of(headers={name: "127.0.0.1"}))


def test_a_client_that_a_trusted_proxy_names_counts(request_of: Callable[..., Request]) -> None:
    """What a layer found out about the client is believed when it says: from elsewhere."""
    request = request_of()
    request.client = ("203.0.113.7", 1)

    assert not may_see_inside(request)


def test_production_shows_nothing(request_of: Callable[..., Request]) -> None:
    """Without debug mode nobody is at home."""

    assert not may_see_inside(request_of(debug=False))
    assert may_see_inside(request_of(debug=True))
