"""What a page of another site can read, as a real browser enforces it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.two_origins import ALLOWED, ALLOWED_BELOW, BELOW, HERE, STRANGER, Origins, two_origins

pytestmark = pytest.mark.browser

BLOCKED: list[Any] = ["TypeError", 0, "", []]
JSON = {"content-type": "application/json"}


class Pages:
    """Pages that a member of the site has open.

    Args:
        origins: where they are.
        opened: a page of each origin.
    """

    def __init__(self, origins: Origins, opened: dict[str, Any]) -> None:
        self.origins = origins
        self._opened = opened

    def ask(self, origin: str, path: str, **options: Any) -> Any:
        """Let the page of an origin ask the site for something."""
        self.origins.handled.clear()
        return self.origins.ask(self._opened[origin], f"{HERE}{path}", **options)


@pytest.fixture(scope="module")
def pages(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A page of each origin."""
    with (
        two_origins(browser, tmp_path_factory.mktemp("origins")) as origins,
        origins.visit(f"{HERE}/", is_member=True) as first,
    ):
        opened = {HERE: first}
        for origin in (ALLOWED, ALLOWED_BELOW, BELOW, STRANGER):
            opened[origin] = first.context.new_page()
            opened[origin].goto(f"{origin}/")
        yield Pages(origins, opened)


@pytest.mark.security("G7")
@pytest.mark.parametrize(
    ("path", "options", "status_code", "text"),
    [
        pytest.param("/item", {}, 200, "GET  {}", id="simple"),
        pytest.param(
            "/item",
            {"method": "POST", "body": "a", "headers": {"content-type": "text/plain"}},
            200,
            "POST a {}",
            id="simple-post",
        ),
        pytest.param("/item", {"credentials": "include"}, 200, "GET  {}", id="credentialed"),
        pytest.param("/item", {"method": "PUT", "body": "a"}, 200, "PUT a {}", id="preflighted-method"),
        pytest.param(
            "/item", {"method": "POST", "body": "{}", "headers": JSON}, 200, "POST {{}} {}", id="preflighted-type"
        ),
        pytest.param("/item", {"headers": {"x-key": "1"}}, 200, "GET  {}", id="preflighted-field"),
        pytest.param(
            "/item",
            {"method": "DELETE", "headers": {"x-key": "1"}, "credentials": "include"},
            200,
            "DELETE  {}",
            id="preflighted-and-credentialed",
        ),
        pytest.param("/refused/401", {}, 401, '"status":401', id="401"),
        pytest.param("/refused/413", {"credentials": "include"}, 413, '"status":413', id="413"),
        pytest.param("/missing", {}, 404, '"status":404', id="404"),
        pytest.param(
            "/missing", {"method": "PUT", "credentials": "include"}, 404, '"status":404', id="404-preflighted"
        ),
        pytest.param("/broken", {}, 500, '"status":500', id="500"),
        pytest.param("/broken", {"credentials": "include"}, 500, '"status":500', id="500-credentialed"),
        pytest.param("/stream", {}, 200, "piece 0 piece 1 piece 2 ", id="stream"),
        pytest.param("/stream", {"credentials": "include"}, 200, "piece 0 piece 1 piece 2 ", id="stream-credentialed"),
    ],
)
def test_answers_are_read_by_who_may(
    pages: Pages, path: str, options: dict[str, Any], status_code: int, text: str
) -> None:
    """Errors and streams too; a page of a third site and one of a neighbouring host read nothing of it."""
    # A neighbouring host is of the same site, so its pages have the member's cookie sent where they ask for it.
    for origin, name in ((ALLOWED, "nobody"), (ALLOWED_BELOW, "ann" if "credentials" in options else "nobody")):
        _, found_status, found_text, _ = pages.ask(origin, path, **options)

        assert (status_code, True) == (found_status, text.format(name) in found_text)
    assert [BLOCKED, BLOCKED] == [pages.ask(origin, path, **options) for origin in (STRANGER, BELOW)]


def test_a_page_of_this_site_needs_no_permission(pages: Pages) -> None:
    """What others may not ask for, it may, and it reads every field."""

    assert ["basic", 200, "PUT a ann", ["42", "43"]] == pages.ask(
        HERE, "/item", method="PUT", body="a", headers={"x-other": "1"}
    )


def test_a_field_is_read_where_it_is_exposed(pages: Pages) -> None:
    """Others stay hidden, also from a page that may read the answer."""

    assert ["cors", 200, "GET  nobody", ["42", None]] == pages.ask(ALLOWED, "/item")


@pytest.mark.security("G6")
@pytest.mark.parametrize(
    ("origin", "options"),
    [
        pytest.param(ALLOWED, {"headers": {"x-other": "1"}}, id="field-that-is-not-listed"),
        pytest.param(ALLOWED, {"method": "PURGE"}, id="method-that-is-not-listed"),
        pytest.param(STRANGER, {"method": "DELETE"}, id="origin-that-is-not-listed"),
        pytest.param(BELOW, {"method": "POST", "body": "{}", "headers": JSON}, id="neighbour"),
    ],
)
def test_what_a_preflight_refuses_is_never_sent(pages: Pages, origin: str, options: dict[str, Any]) -> None:
    """The handler does not learn of it."""

    assert (BLOCKED, []) == (pages.ask(origin, "/item", credentials="include", **options), pages.origins.handled)


def test_a_simple_request_is_sent_and_not_read(pages: Pages) -> None:
    """CORS keeps the answer from the page and not the request from the site, so it is no protection of it."""
    found = pages.ask(STRANGER, "/item", method="POST", body="a", credentials="include")

    assert (BLOCKED, ["POST"]) == (found, pages.origins.handled)


def test_a_stream_that_breaks_is_an_error_of_the_page(pages: Pages) -> None:
    """Its head could be read; what is missing is not taken for its end."""

    assert ["cors", 200, "TypeError", [None, None]] == pages.ask(ALLOWED, "/broken-stream")


@pytest.mark.security("G2")
def test_a_page_without_an_origin_reads_nothing(pages: Pages) -> None:
    """A frame in a sandbox is nobody, also on a page of the site itself."""
    with pages.origins.visit(f"{HERE}/") as page:
        page.evaluate(
            """() => { const frame = document.createElement("iframe"); frame.sandbox = "allow-scripts";
            frame.srcdoc = "<p>frame"; document.body.append(frame); }"""
        )
        page.frame_locator("iframe").locator("p").wait_for()

        assert BLOCKED == pages.origins.ask(page.frames[1], f"{HERE}/item")
