"""The page instead of an application that cannot start."""

from __future__ import annotations

import pytest

from costrel.cli.failure_page import is_loopback, make_failure_app
from costrel.testing import TestClient, make_request


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/deep/down", "/%2e%2e"])
def test_every_request_gets_the_text(method: str, path: str) -> None:
    """Whatever is asked for, the answer is why there is none."""
    with TestClient(make_failure_app("SyntaxError: <script>")) as client:
        response = client.request(method, path, headers={"accept": "text/html"})

    assert 500 == response.status_code
    assert "SyntaxError: &lt;script&gt;" in response.text
    assert "no-store" == response.headers["cache-control"]


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True, id="a-browser"),
        pytest.param("*/*", False, id="curl"),
        pytest.param(None, False, id="a-program-that-says-nothing"),
        pytest.param("application/json, text/html;q=0.5", False, id="a-program-that-prefers-json"),
    ],
)
def test_programs_get_plain_text(accept: str | None, is_page: bool) -> None:
    """A page is for those that name HTML; in a terminal the text is read as it is."""
    headers = {} if accept is None else {"accept": accept}
    with TestClient(make_failure_app("SyntaxError: a < b\n")) as client:
        response = client.get("/", headers=headers)

    assert (500, "no-store") == (response.status_code, response.headers["cache-control"])
    if is_page:
        assert "text/html; charset=utf-8" == response.headers["content-type"]
        assert "SyntaxError: a &lt; b" in response.text
    else:
        assert "text/plain; charset=utf-8" == response.headers["content-type"]
        assert "The application cannot start.\n\nSyntaxError: a < b\n" == response.text


@pytest.mark.security("L8")
def test_the_page_is_for_this_machine_only() -> None:
    """A name that somebody rebound to this address shows nothing."""
    with TestClient(make_failure_app("secret_of_the_code")) as client:
        response = client.get("/", headers={"host": "attacker.example"})

    assert 500 == response.status_code
    assert "secret_of_the_code" not in response.text


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("localhost", True, id="localhost"),
        pytest.param("localhost:8000", True, id="localhost-with-a-port"),
        pytest.param("127.0.0.1:8000", True, id="an-address"),
        pytest.param("[::1]:8000", True, id="the-other-loopback"),
        pytest.param("127.0.0.1.example.com", False, id="a-name-that-begins-like-one"),
        pytest.param("10.0.0.1", False, id="another-machine"),
        pytest.param("localhost.example.com", False, id="a-name-of-somebody-else"),
    ],
)
def test_only_names_of_this_machine_count(host: str, expected: bool) -> None:
    """The address of the client is not enough: a browser is led here by names."""
    request = make_request(make_failure_app(""), "GET", "/", headers={"host": host})

    assert expected is is_loopback(request)
