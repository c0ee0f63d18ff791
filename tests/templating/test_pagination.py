"""Pages by number, and what a page says of its neighbours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import ConfigurationError
from costrel.messages import Response
from costrel.templating import Page, Pagination, render_string

PAGER = '{% from "costrel/pagination.html" import pager %}{{ pager(rows) }}'


def site_of(make_site: MakeSite, *, count: int, is_counted: bool) -> App:
    """Make a site with one list."""
    app = make_site()
    app.install(Pagination(size=10, max_size=50, max_number=1000))

    @app.get("/")
    def rows(page: Page) -> list[int]:
        found = list(range(count))[page.offset : page.offset + page.limit]
        return list(page.of(found, total=count if is_counted else None))

    @app.get("/html")
    async def html(page: Page) -> str:
        found = list(range(count))[page.offset : page.offset + page.limit]
        return render_string(PAGER, rows=page.of(found, total=count if is_counted else None))

    return app


def links_of(answer: Any) -> dict[str, str]:
    """Read the field Link."""
    return {name: target for target, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("link", ""))}


@pytest.mark.capability("C149")
@pytest.mark.parametrize("is_counted", [True, False], ids=["counted", "not-counted"])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_following_next_shows_every_row_once(make_site: MakeSite, count: int, is_counted: bool) -> None:
    """At every length around the size of a page, and back again."""
    app = site_of(make_site, count=count, is_counted=is_counted)
    with app.test_client() as client:
        answer = client.get("/")
        shown = answer.json()
        assert "prev" not in links_of(answer)
        while "next" in links_of(answer):
            answer = client.get("/" + links_of(answer)["next"])
            assert answer.json()
            shown += answer.json()
        backwards = 1
        while "prev" in links_of(answer):
            answer = client.get("/" + links_of(answer)["prev"])
            backwards += 1

    assert list(range(count)) == shown
    assert max(1, -(-count // 10)) == backwards


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("?size=50", 200, id="the-largest"),
        pytest.param("?size=51", 422, id="larger"),
        pytest.param("?size=0", 422, id="none"),
        pytest.param("?page=0", 422, id="zero"),
        pytest.param("?page=-1", 422, id="negative"),
        pytest.param("?page=x", 422, id="no-number"),
        pytest.param("?page=1e3", 422, id="no-whole-number"),
        pytest.param("?page=1000", 200, id="the-last"),
        pytest.param("?page=1001", 422, id="behind-the-last"),
        pytest.param(f"?page={'9' * 5000}", 422, id="endless"),
    ],
)
def test_what_a_client_may_ask_for_is_bounded(make_site: MakeSite, query: str, expected: int) -> None:
    """The bounds hold, and the answer says which value was wrong."""
    with site_of(make_site, count=5, is_counted=True).test_client() as client:
        answer = client.get(f"/{query}")

    assert expected == answer.status_code
    if expected == 422:
        assert query[1:].partition("=")[0] == answer.json()["errors"][0]["at"]


def test_links_keep_what_else_was_asked_for(make_site: MakeSite) -> None:
    """The rest of the query stays, encoded, so that no text of a client ends the field."""
    with site_of(make_site, count=35, is_counted=True).test_client() as client:
        answer = client.get("/?q=a%20b&q=%3E%0d%0aX%22&page=2&size=5")

    rest = "?q=a%20b&q=%3E%0D%0AX%22&size=5&page="
    assert {"first": f"{rest}1", "prev": f"{rest}1", "next": f"{rest}3", "last": f"{rest}7"} == links_of(answer)
    assert "\n" not in answer.headers["link"]


def test_a_query_without_end_gets_no_links(make_site: MakeSite) -> None:
    """A client cannot make the head of the answer grow."""
    with site_of(make_site, count=35, is_counted=True).test_client() as client:
        assert "link" not in client.get(f"/?q={'x' * 3000}").headers


def test_a_failure_has_no_links(make_site: MakeSite) -> None:
    """A page that breaks after it has counted leads nowhere."""
    app = make_site()
    app.install(Pagination())

    @app.get("/")
    def rows(page: Page) -> Response:
        page.of(range(21))
        return Response(b"busy", 503)

    with app.test_client() as client:
        assert "link" not in client.get("/").headers


@pytest.mark.parametrize(
    ("query", "is_counted", "expected"),
    [
        ("", True, '<span aria-current="page">Page 1 of 4</span> <a rel="next" href="?page=2">Next</a>'),
        (
            "?page=2&a=b",
            False,
            '<a rel="prev" href="?a=b&amp;page=1">Previous</a> <span aria-current="page">Page 2</span>',
        ),
        (
            "?page=4",
            True,
            '<a rel="prev" href="?page=3">Previous</a> <span aria-current="page">Page 4 of 4</span>\n</nav>',
        ),
    ],
    ids=["first", "not-counted", "last"],
)
def test_the_macro_writes_the_links(make_site: MakeSite, query: str, is_counted: bool, expected: str) -> None:
    """A page needs one line for them."""
    with site_of(make_site, count=35, is_counted=is_counted).test_client() as client:
        text = client.get(f"/html{query}").text

    assert text.startswith('<nav class="pager" aria-label="Pages">')
    assert expected in text


def test_a_short_list_that_nobody_counted_needs_no_pager(make_site: MakeSite) -> None:
    """With one page there is at most its number."""
    app = make_site()
    app.install(Pagination())
    app.get("/")(lambda: render_string(PAGER, rows={"links": {}, "page_count": None}))

    with app.test_client() as client:
        assert "" == client.get("/").text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"size": 0}, "`size=0`"),
        ({"max_size": 2.5}, r"`max_size=2\.5`"),
        ({"max_number": True}, "`max_number=True`"),
        ({"size": 200}, "more than `max_size=100`"),
    ],
    ids=["zero", "float", "bool", "too-large"],
)
def test_a_bound_that_cannot_be_meant_is_a_mistake(options: dict[str, Any], why: str) -> None:
    """It is found at start."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        Pagination(**options)

    assert "COS-TEMPLATE-010" == caught.value.code
