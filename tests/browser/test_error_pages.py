"""Error pages and the debug page as a browser shows them."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

ERRORS = [
    pytest.param("/nowhere", 404, id="a-path-without-a-route"),
    pytest.param("/errors/forbidden", 403, id="an-abort"),
    pytest.param("/errors/closed", 503, id="an-exception-with-a-status"),
    pytest.param("/errors/crash", 500, id="a-crash"),
]


def page_errors(visitor: Any) -> list[str]:
    """Return the errors of the console, without the browser's own line about the status."""
    return [text for text in visitor.console_errors if "the server responded with a status of" not in text]


@pytest.mark.parametrize(("path", "status"), ERRORS)
def test_an_error_is_a_page(tour: str, visitor: Any, path: str, status: int) -> None:
    """A browser gets a page with the status and a heading, made of nothing from elsewhere."""
    response = visitor.visit(tour + path)

    assert response.status == status
    assert "text/html" in response.headers["content-type"]
    assert visitor.page.locator("h1").count() == 1
    assert str(status) in (visitor.page.locator("body").text_content() or "")
    assert ([], []) == (page_errors(visitor), visitor.strangers)


def test_a_crash_tells_nothing_in_production(tour: str, visitor: Any) -> None:
    """Neither the exception nor the code nor a name of a file is on the page."""
    visitor.visit(tour + "/errors/crash")
    html = visitor.page.content()

    assert [] == [word for word in ("KeyError", "cocoa", "Traceback", "app.py", "correct horse") if word in html]


def test_a_crash_shows_its_traceback_in_debug_mode(debug_tour: str, visitor: Any) -> None:
    """The debug page has the exception, the line of the application and its values, and masks secrets."""
    response = visitor.visit(debug_tour + "/errors/crash")
    text = visitor.page.locator("body").inner_text()

    assert response.status == 500
    assert "KeyError" in text
    assert "prices['cocoa']" in text
    assert "app.py" in text
    assert "'***'" in text
    assert ([], []) == (page_errors(visitor), visitor.strangers)


def test_an_error_page_of_the_application_is_its_own(tour: str, visitor: Any) -> None:
    """The handler of an exception class answers with its template and status."""
    response = visitor.visit(tour + "/errors/tea")

    assert response.status == 418
    assert visitor.page.get_by_role("heading", level=1).text_content() == "The tea is finished"
