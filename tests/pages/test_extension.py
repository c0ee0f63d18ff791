"""Error pages in a real application."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from costrel.app import App
from costrel.errors import NotFound, ServiceUnavailable
from costrel.http import Problem
from costrel.messages import Failure, Response
from costrel.pages import ErrorPages
from costrel.testing import TestClient, TestResponse

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
Make = Callable[[bool], App]


def get(app: App, path: str, **headers: str) -> TestResponse:
    with TestClient(app, raise_app_exceptions=False) as client:
        return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failing(make_app: Make, debug: bool) -> App:
    app = make_app(debug)

    @app.get("/fail")
    async def fail() -> str:
        raise ValueError("the inside")

    @app.get("/busy")
    async def busy() -> str:
        raise ServiceUnavailable("Full.", headers={"Retry-After": "30"})

    @app.get("/users/{id}")
    async def user(id: int) -> str:
        raise NotFound(f"No user {id}.")

    return app


@pytest.mark.pain("P18")
@pytest.mark.parametrize(
    ("path", "status_code"), [("/fail", 500), ("/busy", 503), ("/users/7", 404), ("/none", 404), ("/users/x", 404)]
)
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param(BROWSER["accept"], "text/html; charset=utf-8", id="browser"),
        pytest.param("*/*", "application/problem+json", id="curl"),
        pytest.param("application/json", "application/problem+json", id="program"),
    ],
)
def test_every_failure_has_one_of_two_forms(
    make_app: Make, path: str, status_code: int, accept: str, media_type: str
) -> None:
    """Browsers get a page, programs problem details, from handlers, routing and crashes alike."""
    answer = get(failing(make_app, False), path, accept=accept)

    assert (status_code, media_type) == (answer.status_code, answer.headers["content-type"])
    assert "Accept" in answer.headers["vary"]


@pytest.mark.security("L6")
@pytest.mark.parametrize("accept", [BROWSER["accept"], "application/json"])
def test_production_tells_nothing(make_app: Make, accept: str) -> None:
    """A crash is a fixed text with the id of the request."""
    answer = get(failing(make_app, False), "/fail", accept=accept)

    assert not [word for word in ("inside", "ValueError", "Traceback", "costrel") if word in answer.text]
    assert "server" not in answer.headers


@pytest.mark.security("L8")
@pytest.mark.parametrize("accept", [BROWSER["accept"], "application/json"])
@pytest.mark.parametrize("path", ["/%3Cscript%3Ealert(1)%3C/script%3E", "/Your+account+was+hacked+visit+evil.example"])
@pytest.mark.parametrize("debug", [True, False])
def test_the_path_is_not_reflected(make_app: Make, accept: str, path: str, debug: bool) -> None:
    """A 404 says nothing that a link could have put into its mouth."""
    answer = get(failing(make_app, debug), path, accept=accept)

    assert 404 == answer.status_code
    assert not [word for word in ("script", "alert", "hacked", "evil") if word in answer.text]


@pytest.mark.pain("P33")
def test_the_developer_gets_the_debug_page(make_app: Make) -> None:
    """In debug mode at home a crash is shown: to a browser as a page, to a program as members."""
    app = failing(make_app, True)
    page = get(app, "/fail", **BROWSER)
    document = get(app, "/fail", accept="application/json")

    assert "<h1" in page.text
    assert "the inside" in page.text
    assert "no-store" == page.headers["cache-control"]
    members = json.loads(document.text)
    assert "ValueError: the inside" == members["exception"]
    assert "ValueError: the inside" == members["traceback"][-1]


@pytest.mark.security("L6")
@pytest.mark.parametrize("accept", [BROWSER["accept"], "application/json"])
@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"x-forwarded-for": "127.0.0.1"}], ids=["dns-rebinding", "through-a-proxy"]
)
def test_nobody_else_gets_the_debug_page(make_app: Make, accept: str, headers: dict[str, str]) -> None:
    """Debug mode alone opens nothing to others."""
    answer = get(failing(make_app, True), "/fail", accept=accept, **headers)

    assert 500 == answer.status_code
    assert "inside" not in answer.text


@pytest.mark.pain("P33")
@pytest.mark.parametrize(("debug", "expected"), [(True, True), (False, False)])
def test_near_routes_and_methods_help_in_debug_mode(make_app: Make, debug: bool, expected: bool) -> None:
    """A 404 offers routes that are nearly meant, a 405 the methods that are there."""
    app = failing(make_app, debug)
    near = get(app, "/user/7", **BROWSER)
    with TestClient(app) as client:
        wrong_method = client.post("/fail", headers=BROWSER)

    assert expected is ("/users/{id}" in near.text)
    assert expected is ("<li><code>GET</code></li>" in wrong_method.text)
    assert (404, 405) == (near.status_code, wrong_method.status_code)


def test_answers_of_the_application_say_when_to_come_back(make_app: Make) -> None:
    """A header of the error is on the answer, and on the page in words."""
    answer = get(failing(make_app, False), "/busy", **BROWSER)

    assert "30" == answer.headers["retry-after"]
    assert "Try again in 30 seconds." in answer.text
    assert "Full." in answer.text


def test_an_error_handler_comes_before_the_page(make_app: Make) -> None:
    """The pages are for what nobody else wants."""
    app = failing(make_app, True)
    app.errorhandler(ValueError)(lambda error: f"sorry: {error}")

    assert "sorry: the inside" == get(app, "/fail", **BROWSER).text


def test_without_a_request_it_is_a_document() -> None:
    """A failure outside every request has problem details, whoever asks."""
    response = ErrorPages().make(Failure(Problem(500, "Internal Server Error"), ValueError("x")))

    assert isinstance(response.body, bytes)
    assert {"type": "about:blank", "title": "Internal Server Error", "status": 500} == json.loads(response.body)
    assert "ErrorPages()" == repr(ErrorPages())


def test_a_page_that_fails_is_a_document(make_app: Make, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong while a page is made is logged, and the answer comes all the same."""

    class Odd(NotFound):
        @property
        def headers(self) -> dict[str, str]:
            raise RuntimeError("no")

        @headers.setter
        def headers(self, value: dict[str, str]) -> None:
            pass

    app = make_app(False)
    with app.test_request_context("/", headers=BROWSER):
        response: Response = ErrorPages().make(Failure(Problem(404, "Not Found"), Odd()))

    assert (404, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert "error_page_failed status_code=404" in caplog.text
